// SPDX-License-Identifier: MIT
//
// A second vCPU that runs a function of the test's in kernel mode, with events
// off and a stack of its own. A config must ask for it: dom0_max_vcpus=2, smp 2.

#pragma once

#include "trap.h"

/* Starts it; fn must not return. Ends the test (skip) if dom0 has one vCPU. */
void second_start(void (*fn)(void));

/* These registers were saved on the second vCPU's stack. */
bool on_second(const struct regs *regs);
