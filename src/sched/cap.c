// SPDX-License-Identifier: MIT
//
// Caps. A domain with one may run for `cap` percent of a processor in all: each
// period it gets that much to spend, and its vCPUs are parked when it is spent.
// What they overran is taken from the next period, so the share is right in the
// long run however late a processor notices; and what they could not spend, as
// others had the processor, is kept for half a second.
#include "sched/priv.h"

#define PERIOD_NS 10000000ull
#define SAVED_PERIODS 50

static u64 quota(const struct domain *d)
{
	return PERIOD_NS / 100 * READ_ONCE(d->sched_cap);
}

static i64 budget(const struct domain *d)
{
	return __atomic_load_n(&d->sched_budget_ns, __ATOMIC_RELAXED);
}

bool cap_allows(const struct domain *d)
{
	return !READ_ONCE(d->sched_cap) || budget(d) > 0;
}

u64 cap_until(const struct vcpu *v)
{
	if (!READ_ONCE(v->domain->sched_cap))
		return SCHED_NEVER;
	return v->charged_ns + (u64)max(budget(v->domain), (i64)0);
}

// The first that is spent of a full budget starts the refilling.
void cap_charge(struct domain *d, u64 ran)
{
	if (!READ_ONCE(d->sched_cap))
		return;
	__atomic_fetch_sub(&d->sched_budget_ns, (i64)ran, __ATOMIC_RELAXED);
	if (timer_active(&d->sched_refill))
		return;
	if (budget(d) + (i64)ran >= (i64)quota(d))
		WRITE_ONCE(d->sched_refilled_ns,
			   max(d->sched_refilled_ns, now_ns() - ran));
	timer_set(&d->sched_refill,
		  READ_ONCE(d->sched_refilled_ns) + PERIOD_NS);
}

// What a domain sleeps away is lost to it.
static bool wants_more(const struct domain *d)
{
	const struct vcpu *v;

	for_each_vcpu (d, v)
		if (vcpu_may_run(v) && (READ_ONCE(v->state) == VCPU_RUNNABLE ||
					READ_ONCE(v->state) == VCPU_RUNNING))
			return true;
	return false;
}

// Another processor may begin a period at this moment (cap_charge), and its
// clock be ahead of ours.
static void add_quota(struct domain *d, i64 most)
{
	u64 since = READ_ONCE(d->sched_refilled_ns), now = now_ns();
	u64 periods = now > since ? (now - since) / PERIOD_NS : 0;
	i64 old = budget(d), new;

	periods = min(periods, (u64)INT32_MAX);
	WRITE_ONCE(d->sched_refilled_ns, since + periods * PERIOD_NS);
	do {
		new = min(old + (i64)(periods * quota(d)), most);
	} while (!__atomic_compare_exchange_n(&d->sched_budget_ns, &old, new,
					      false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
}

static void refill(void *arg)
{
	struct domain *d = arg;
	struct vcpu *v;

	if (READ_ONCE(d->sched_cap)) {
		bool more = wants_more(d);

		add_quota(d, (i64)quota(d) * (more ? SAVED_PERIODS : 1));
		if (more || budget(d) < (i64)quota(d))
			timer_set(&d->sched_refill,
				  d->sched_refilled_ns + PERIOD_NS);
	}
	if (cap_allows(d))
		for_each_vcpu (d, v)
			sched_unpark(v);
}

void cap_init(struct domain *d)
{
	timer_init(&d->sched_refill, refill, d);
}

void cap_stop(struct domain *d)
{
	timer_cancel(&d->sched_refill);
}

void sched_set_cap(struct domain *d, u32 percent)
{
	WRITE_ONCE(d->sched_cap, percent);
	// What was spent or saved under another cap does not count.
	WRITE_ONCE(d->sched_refilled_ns, now_ns());
	__atomic_store_n(&d->sched_budget_ns, (i64)quota(d), __ATOMIC_RELAXED);
	timer_set(&d->sched_refill, now_ns());
}
