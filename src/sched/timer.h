// SPDX-License-Identifier: MIT
//
// Timers: a binary heap per processor, on the hypervisor's nanosecond clock,
// driving the local APIC timer in one-shot mode. No tick when nothing is due.
#pragma once

#include "lib/lock.h"
#include "lib/types.h"

struct cpu;

struct timer {
	u64 expires_ns; // on the now_ns() clock
	void (*fn)(void *arg); // called on the timer's processor, IF=0
	void *arg;
	u32 cpu; // on whose queue
	u32 slot; // index in the heap + 1; 0 when inactive
	u32 running; // 1 + the processor that is inside fn; 0 none
};

struct timer_queue {
	struct lock lock;
	u32 count, capacity;
	struct timer **heap; // grows when there are more timers than ever
	u64 armed_ns; // when the timer interrupt comes; 0: it will not
};

// Nanoseconds since the hypervisor started: monotonic on and across
// processors whose TSCs are in step. Callable anywhere.
u64 now_ns(void);

// Allocates the queue of processor c. 0 or -ENOMEM.
int must_check timer_queue_init(struct cpu *c);

// An inactive timer. fn may set it again, and must not free it.
void timer_init(struct timer *t, void (*fn)(void *arg), void *arg);
// Starts t on the current processor, or moves it when active already.
void timer_set(struct timer *t, u64 expires_ns);
// Stops t; after it returns fn is not running and will not be called (inside
// fn itself: only the latter). The caller holds no lock that fn takes.
void timer_cancel(struct timer *t);
static inline bool timer_active(const struct timer *t)
{
	return READ_ONCE(t->slot) != 0;
}
// Puts an interrupt that was armed too early to when it is needed: for a
// processor that is to be idle for long.
void timer_settle(void);
// Runs what is due on this processor and programs the next interrupt. To be
// called with no locks held, after each timer interrupt (PENDING_TIMER).
void timer_run(void);
