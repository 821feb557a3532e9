// SPDX-License-Identifier: MIT
//
// Round robin. Each processor has two queues: vCPUs that woke up, which are
// served first because somebody waits for what they do, and vCPUs whose time
// was over. So that two vCPUs waking each other cannot starve the others, one
// that has waited too long goes first.
//
// A vCPU keeps the processor for a slice; when a woken one waits, only for the
// minimum, which keeps a vCPU that spins for another's answer (a function call
// by IPI) from wasting a whole slice.
#include "sched/priv.h"

#define SLICE_NS 5000000ull
#define NS_PER_US 1000ull
#define STARVED_NS 20000000ull

struct queues {
	struct list woken, waiting;
};

static struct queues queues[MAX_CPUS];

static void rr_init_cpu(u32 cpu)
{
	list_init(&queues[cpu].woken);
	list_init(&queues[cpu].waiting);
}

static u32 rr_cpus(void)
{
	return cpu_count();
}

// There is no balance between processors: it stays there.
static u32 rr_place(const struct vcpu *v)
{
	return v->id % cpu_count();
}

static void rr_insert(struct vcpu *v, bool woken, u64 now)
{
	struct queues *q = &queues[v->cpu];

	v->queued_ns = now;
	list_add_tail(woken ? &q->woken : &q->waiting, &v->run_link);
}

static void rr_remove(struct vcpu *v)
{
	list_del(&v->run_link);
}

static struct vcpu *first(const struct list *l)
{
	return list_empty(l) ? NULL
			     : list_entry(l->next, struct vcpu, run_link);
}

static struct vcpu *rr_pick(u32 cpu, u64 now)
{
	struct vcpu *woken = first(&queues[cpu].woken);
	struct vcpu *waiting = first(&queues[cpu].waiting);
	bool starved = waiting && now >= waiting->queued_ns + STARVED_NS;
	struct vcpu *v = woken && !starved ? woken : waiting;

	if (v)
		list_del(&v->run_link);
	return v;
}

static u64 rr_tick(const struct vcpu *v)
{
	const struct queues *q = &queues[v->cpu];

	if (!list_empty(&q->woken))
		return v->slice_start_ns +
		       READ_ONCE(sched_ratelimit_us) * NS_PER_US;
	if (!list_empty(&q->waiting))
		return v->slice_start_ns + SLICE_NS;
	return SCHED_NEVER;
}

const struct sched_policy sched_rr = {
	.name = "rr",
	.init_cpu = rr_init_cpu,
	.cpus = rr_cpus,
	.place = rr_place,
	.insert = rr_insert,
	.remove = rr_remove,
	.pick = rr_pick,
	.tick = rr_tick,
};
