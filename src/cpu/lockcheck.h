// SPDX-License-Identifier: MIT
//
// What a processor holds, for the checks of debug builds (cpu/lockcheck.c).
#pragma once

#include "lib/types.h"

struct lock;

#define LOCKS_HELD_MAX 12

struct held_lock {
	const struct lock *lock;
	u64 rip; // where it was taken
	u64 since_ns;
	u32 work; // cpu->work then
};

// In the order in which they were taken.
struct held_locks {
	u32 count;
	struct held_lock at[LOCKS_HELD_MAX];
};

// Registers the debug key, in debug builds.
void lockcheck_init(void);
