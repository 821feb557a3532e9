// SPDX-License-Identifier: MIT
//
// The timers of guests: one-shot and periodic VIRQ_TIMER of each vCPU, the
// time-out of SCHEDOP_poll, and each domain's two watchdogs.
//
// The periodic timer is for a vCPU that runs: it stops when the vCPU leaves the
// processor, so it never wakes one, and a tick that fell due meanwhile comes as
// soon as it is back. Every vCPU starts with 10 ms, as the ABI has it.
#include "sched/priv.h"

#include "abi/errno.h"
#include "abi/xen.h"
#include "console/console.h"
#include "events/events.h"
#include "hypercall/hypercall.h"

#define PERIOD_DEFAULT_NS 10000000ull
#define TIMEOUT_FAR_NS BIT(50)
#define TIMEOUT_FAR_RETRY_NS 100000000ull

static void singleshot_due(void *arg)
{
	virq_raise(arg, VIRQ_TIMER);
}

static void periodic_due(void *arg)
{
	struct vcpu *v = arg;
	u64 period_ns = READ_ONCE(v->period_ns);

	if (!period_ns)
		return; // stopped by another vCPU just now
	virq_raise(v, VIRQ_TIMER);
	v->period_last_ns = now_ns();
	timer_set(&v->periodic, v->period_last_ns + period_ns);
}

static void poll_due(void *arg)
{
	struct vcpu *v = arg;

	if (READ_ONCE(v->polling))
		vcpu_wake(v);
}

void vcpu_timers_init(struct vcpu *v)
{
	timer_init(&v->singleshot, singleshot_due, v);
	timer_init(&v->periodic, periodic_due, v);
	timer_init(&v->poll, poll_due, v);
	v->period_ns = PERIOD_DEFAULT_NS;
}

// A time that is past needs no interrupt to be noticed.
void vcpu_singleshot_set(struct vcpu *v, u64 when_ns)
{
	if (when_ns > now_ns()) {
		timer_set(&v->singleshot, when_ns);
		return;
	}
	timer_cancel(&v->singleshot);
	virq_raise(v, VIRQ_TIMER);
}

void vcpu_timers_stop(struct vcpu *v)
{
	timer_cancel(&v->singleshot);
	timer_cancel(&v->periodic);
	timer_cancel(&v->poll);
}

void vcpu_periodic_start(struct vcpu *v)
{
	u64 now, due;

	if (!v->period_ns)
		return;
	now = now_ns();
	due = v->period_last_ns + v->period_ns;
	if (now >= due) {
		virq_raise(v, VIRQ_TIMER);
		v->period_last_ns = now;
		due = now + v->period_ns;
	}
	timer_set(&v->periodic, due);
}

void vcpu_periodic_stop(struct vcpu *v)
{
	if (v->period_ns)
		timer_cancel(&v->periodic);
}

// set_timer_op(timeout): the older form of the one-shot timer; 0 stops it. A
// time far away is taken for a guest's wrapped arithmetic: it gets a tick soon
// and can look again. Always 0.
i64 hc_set_timer_op(struct vcpu *v, struct hcall *h)
{
	u64 timeout = h->arg[0], now = now_ns();

	if (!timeout) {
		timer_cancel(&v->singleshot);
		return 0;
	}
	if (timeout > now && timeout - now >= TIMEOUT_FAR_NS)
		timeout = now + TIMEOUT_FAR_RETRY_NS;
	vcpu_singleshot_set(v, timeout);
	return 0;
}

// ---------------------------------------------------------------- watchdogs

static void watchdog_due(void *arg)
{
	struct domain *d = arg;

	log_error("%s: its watchdog ran out\n", d->name);
	domain_shutdown(d, SHUTDOWN_watchdog);
}

void watchdogs_init(struct domain *d)
{
	for (u32 i = 0; i < ARRAY_SIZE(d->watchdog); i++)
		timer_init(&d->watchdog[i], watchdog_due, d);
}

void watchdogs_stop(struct domain *d)
{
	for (u32 i = 0; i < ARRAY_SIZE(d->watchdog); i++)
		timer_cancel(&d->watchdog[i]);
}
