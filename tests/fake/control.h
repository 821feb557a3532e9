// SPDX-License-Identifier: MIT
//
// What domctl needs of the other parts: the control domain, one guest with one
// vCPU of the two that it may have, and functions that note what they were
// asked for.
#pragma once

#include "core.h"
#include "cpu/cpu.h"
#include "domain/domctl.h"
#include "domain/rangeset.h"
#include "sched/sched.h"

#define STATE_BYTES 832 // of an FPU image

extern struct domain control;
extern struct domain guest;
extern struct vcpu caller;
extern struct vcpu guest_vcpu;
extern u32 pauses, detach_fails, kicks, wall_updates, moves;
extern int destroy_result, context_result;
extern struct domain_config created;
extern struct domain fresh;
extern u64 state_set;
extern bool log_on, log_cleaned;
extern u32 virq_handled; // by guest
extern u32 line_allowed; // its pirq, of control's, to guest; 0 none

// The guest as one that was made and has not run: alive, its second vCPU not
// made yet, paused by nobody.
void fake_guest_reset(void);
