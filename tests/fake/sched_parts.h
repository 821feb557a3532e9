// SPDX-License-Identifier: MIT
//
// What the scheduler needs of the other parts: registers that are not really
// loaded, and functions that count how often they were called. Timers are each
// test's own.
#pragma once

#include "core.h"
#include "cpu/cpu.h"
#include "sched/priv.h"

struct fake_sched {
	u32 loads, ipis, flushes, shutdown_checks;
	u64 pending_ports; // as a mask
};

extern struct fake_sched fake_sched;
