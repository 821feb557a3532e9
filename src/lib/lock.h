// SPDX-License-Identifier: MIT
//
// Spin locks. The hypervisor runs with interrupts off, so a processor that
// spins must still answer the others' TLB shoot-downs: the slow path calls
// lock_spin(), which does so. The order of locks is in docs/locks.md.
#pragma once

#include "lib/bug.h"
#include "lib/types.h"

struct lock {
	u32 held; // 0 free, else 1 + cpu id of the holder
};

#define LOCK_INIT \
	{         \
		0 \
	}

// Called in every round of a failed acquisition (cpu/smp.c; a pause and an
// answer to pending requests of other processors).
void lock_spin(void);
u32 lock_self(void); // 1 + id of this processor

// Waits for the lock, answering other processors meanwhile. Not to be taken by
// its holder (debug builds stop).
static inline void lock_get(struct lock *l)
{
	u32 free = 0;

	assert(l->held != lock_self());
	while (!__atomic_compare_exchange_n(&l->held, &free, lock_self(), false,
					    __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		free = 0;
		lock_spin();
	}
}

// Takes the lock if it is free. False: it is not.
static inline bool lock_try(struct lock *l)
{
	u32 free = 0;

	return __atomic_compare_exchange_n(&l->held, &free, lock_self(), false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

// The holder lets go. Everything it wrote is seen by the next one.
static inline void lock_put(struct lock *l)
{
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

// True when this processor holds the lock.
static inline bool lock_mine(const struct lock *l)
{
	return __atomic_load_n(&l->held, __ATOMIC_RELAXED) == lock_self();
}
