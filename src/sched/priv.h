// SPDX-License-Identifier: MIT
//
// Between the scheduler's mechanism (sched.c: states, switching, processors)
// and its policy (sched_rr.c: in which order, for how long). All of it is
// called with sched_lock held.
#pragma once

#include "sched/sched.h"

#define SCHED_NEVER (~0ull)

struct sched_policy {
	const char *name;
	void (*init_cpu)(u32 cpu);
	// How many processors it gives to guests, the first ones.
	u32 (*cpus)(void);
	// The processor a new vCPU belongs to.
	u32 (*place)(const struct vcpu *v);
	// v became runnable: put it on the queue of v->cpu. woken: it slept;
	// otherwise its time was over, or it was paused.
	void (*insert)(struct vcpu *v, bool woken, u64 now);
	// Takes v off its queue, on which it is.
	void (*remove)(struct vcpu *v);
	// Takes the vCPU to run next off cpu's queue, or 0.
	struct vcpu *(*pick)(u32 cpu, u64 now);
	// When the running v has to give way to what is on the queue now: a
	// time, possibly past, or SCHED_NEVER.
	u64 (*tick)(const struct vcpu *v);
};

extern const struct sched_policy sched_rr;

// Sets the wall clock from the machine's.
void clock_init(void);

// May v use a processor when it wants to?
static inline bool vcpu_may_run(const struct vcpu *v)
{
	const struct domain *d = v->domain;

	return !v->pause_count && !d->pause_count && !d->is_shutting_down &&
	       d->dying == DOMAIN_ALIVE;
}

// True when v is on a run queue.
static inline bool vcpu_queued(const struct vcpu *v)
{
	return !list_empty(&v->run_link);
}
