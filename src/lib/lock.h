// SPDX-License-Identifier: MIT
//
// Spin locks. The hypervisor runs with interrupts off, so a processor that
// spins must still answer the others' TLB shoot-downs: the slow path calls
// lock_spin(), which does so. Each lock has a class, and classes have an order
// (docs/locks.md), which debug builds check at every lock (cpu/lockcheck.c).
#pragma once

#include "hw/percpu.h"
#include "lib/bug.h"
#include "lib/types.h"

// In the order in which they may be taken.
enum lock_class {
	LOCK_UNKNOWN, // forgotten: debug builds stop
	LOCK_CONTROL, // domain/domctl.c
	LOCK_REAP, // domain/destroy.c
	LOCK_DOMAIN_LIST,
	LOCK_WALL, // sched/clock.c
	LOCK_SETUP, // d->setup_lock
	LOCK_DOMAIN, // d->lock
	LOCK_EVENT, // d->event_lock; two, the lower address first
	LOCK_SHUTDOWN, // sched/sched.c
	LOCK_QUEUE, // a processor's run queue; a second one only tried
	LOCK_TIMER, // a processor's timer queue
	LOCK_RANGESET,
	LOCK_IRQ,
	LOCK_IO_RULES, // mm/iomem.c
	LOCK_HVMAP,
	LOCK_GRANT, // a grant table
	LOCK_MIRRORS, // a processor's, mm/mirror.c
	LOCK_DIRTY, // a log of written pages
	LOCK_CLAIM, // mm/claim.c
	LOCK_KALLOC,
	LOCK_HEAP,
	LOCK_PORTS, // irq/pci.c
	LOCK_INPUT, // console/input.c
	LOCK_CONSOLE,
	LOCK_CLASSES,
};

struct lock {
	u32 held; // 0 free, else cpu_block() of the holder
	u32 class; // enum lock_class
};

#define LOCK_INIT(class) \
	{                \
		0, class \
	}

static inline void lock_init(struct lock *l, enum lock_class class)
{
	*l = (struct lock)LOCK_INIT(class);
}

// Called in every round of a failed acquisition (cpu/smp.c; a pause and an
// answer to pending requests of other processors).
cold_code void lock_spin(void);

// Debug builds only: this processor is about to wait for l, which it may not if
// it holds one that comes later; it has taken l; it is about to let go.
void lock_check_wait(const struct lock *l);
void lock_check_taken(const struct lock *l, bool waited);
void lock_check_put(const struct lock *l);
// It holds none: for the way out to guests.
void lock_check_none(void);

// Waits for the lock, answering other processors meanwhile. Not to be taken by
// its holder (debug builds stop).
static inline void lock_get(struct lock *l)
{
	bool waited = false;
	u32 free = 0;

	if (RF_DEBUG)
		lock_check_wait(l);
	while (!__atomic_compare_exchange_n(&l->held, &free, cpu_block(), false,
					    __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		free = 0;
		waited = true;
		lock_spin();
	}
	if (RF_DEBUG)
		lock_check_taken(l, waited);
}

// Takes the lock if it is free. False: it is not. Out of order is no harm.
static inline bool lock_try(struct lock *l)
{
	u32 free = 0;
	bool taken =
		__atomic_compare_exchange_n(&l->held, &free, cpu_block(), false,
					    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);

	if (RF_DEBUG && taken)
		lock_check_taken(l, false);
	return taken;
}

// The holder lets go. Everything it wrote is seen by the next one.
static inline void lock_put(struct lock *l)
{
	if (RF_DEBUG)
		lock_check_put(l);
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

// True when this processor holds the lock.
static inline bool lock_mine(const struct lock *l)
{
	return __atomic_load_n(&l->held, __ATOMIC_RELAXED) == cpu_block();
}
