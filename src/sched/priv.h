// SPDX-License-Identifier: MIT
//
// Between the parts of the scheduler: states (sched.c), switching (switch.c),
// the policy (fair.c) and caps (cap.c).
#pragma once

#include "sched/queue.h"
#include "sched/sched.h"

#define SCHED_NEVER (~0ull)

// ---------------------------------------------------------------- the policy
// With the queue's lock held.

// How a vCPU comes to a queue: its time there was over, or it was moved from
// another, or it had no need of a processor.
enum arrival { EXPIRED, MOVED, WOKEN };

struct run_queue *queue_of(u32 cpu);
void fair_init_cpu(u32 cpu);
// Puts v, which belongs to q's processor, among those that wait.
void fair_insert(struct run_queue *q, struct vcpu *v, enum arrival how,
		 u64 now);
// Takes v off its queue, or off those that wait for their domain's cap.
void fair_remove(struct run_queue *q, struct vcpu *v);
// Takes the vCPU to run next off q, or 0; not `last` if there is another.
struct vcpu *fair_pick(struct run_queue *q, const struct vcpu *last, u64 now);
// When v, which runs, has to give way to what waits now: a time, possibly
// past, or SCHED_NEVER.
u64 fair_tick(const struct run_queue *q, const struct vcpu *v);
// Charges v for what it has run since it was picked, or charged last.
void fair_charge(struct vcpu *v, u64 now);
// May v run on that processor?
bool fair_allowed(const struct vcpu *v, u32 cpu);
// The processor for v, which is on no queue. With the lock of v's queue.
u32 fair_place(const struct vcpu *v);
// Tells that a processor has nothing to do, or has.
void fair_set_idle(u32 cpu, bool idle);
// v waits, though perhaps a processor is idle: that one fetches it.
void fair_call_idle(const struct vcpu *v);
// A processor that others wait for hands one of them to one that is ahead.
void fair_balance(struct run_queue *q, u64 now);
// Fetches work for q's processor, which has none, from another.
void fair_steal(struct run_queue *q, u64 now);

// ---------------------------------------------------------------------- caps

void cap_init(struct domain *d);
void cap_stop(struct domain *d); // once none of its vCPUs runs any more
// May d's vCPUs run as far as its cap goes?
bool cap_allows(const struct domain *d);
// Until when v may run on.
u64 cap_until(const struct vcpu *v);
void cap_charge(struct domain *d, u64 ran);

// ------------------------------------------------------------- the mechanism

// Has the processor look at its queue, now or when the running vCPU's time is
// over. Queue locked.
void sched_look(struct run_queue *q, u64 now);
// v's domain may run again, as far as its cap goes.
void sched_unpark(struct vcpu *v);
// Enters a new state, at that time. Queue locked.
void sched_set_state(struct vcpu *v, enum vcpu_state state, u64 now);
// Finds v a processor and puts it on the queue, if it wants to run and may.
void sched_enqueue(struct vcpu *v, enum arrival how);
// Sets PENDING_* bits of c and makes it look at them.
void sched_kick(struct cpu *c, u32 bits);
// Sets the wall clock from the machine's.
void clock_init(void);

// May v use a processor when it wants to?
static inline bool vcpu_may_run(const struct vcpu *v)
{
	const struct domain *d = v->domain;

	return !v->pause_count && !READ_ONCE(d->pause_count) &&
	       !READ_ONCE(d->is_shutting_down) &&
	       READ_ONCE(d->dying) == DOMAIN_ALIVE;
}

// True when v is on a run queue, or waits for its domain's cap.
static inline bool vcpu_queued(const struct vcpu *v)
{
	return v->place.waits || v->parked;
}
