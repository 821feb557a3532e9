// SPDX-License-Identifier: MIT
//
// sched_op: what a guest asks of the scheduler, and how it ends.
#include "abi/errno.h"
#include "abi/xen.h"
#include "cpu/uaccess.h"
#include "events/events.h"
#include "hypercall/hypercall.h"
#include "lib/lock.h"
#include "sched/sched.h"

#define POLL_PORTS_MAX 128
#define NS_PER_S 1000000000ull

static i64 yield(struct vcpu *v, gva_t arg maybe_unused)
{
	vcpu_yield(v);
	return 0;
}

// Takes events from now on, and waits for one unless there is one.
static i64 block(struct vcpu *v, gva_t arg maybe_unused)
{
	WRITE_ONCE(v->info->evtchn_upcall_mask, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	vcpu_block(v);
	return 0;
}

static i64 stop_domain(struct domain *d, u32 reason)
{
	if (reason > SHUTDOWN_MAX)
		return -EINVAL;
	// The control domain is not saved or rebuilt by anyone.
	if (d == dom0 &&
	    (reason == SHUTDOWN_suspend || reason == SHUTDOWN_soft_reset))
		return -EINVAL;
	domain_shutdown(d, reason);
	return 0;
}

// -EFAULT; -EINVAL no such reason, or one that dom0 cannot have.
static i64 shutdown(struct vcpu *v, gva_t arg)
{
	struct sched_shutdown a;

	if (guest_read(&a, arg, sizeof(a)))
		return -EFAULT;
	return stop_domain(v->domain, a.reason);
}

// Leaves word why the domain will stop, for a kernel that then just crashes.
static i64 shutdown_code(struct vcpu *v, gva_t arg)
{
	struct sched_shutdown a;

	if (guest_read(&a, arg, sizeof(a)))
		return -EFAULT;
	if (a.reason > SHUTDOWN_MAX)
		return -EINVAL;
	lock_get(&shutdown_lock);
	if (!v->domain->is_shutting_down)
		v->domain->shutdown_code = a.reason;
	lock_put(&shutdown_lock);
	return 0;
}

static bool ports_valid(const struct domain *d, const u32 *port, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (!port_valid(d, port[i]))
			return false;
	return true;
}

// Sleeps until an event, one of the ports, or the time-out. -EFAULT; -EINVAL
// more than 128 ports, or one that there is not.
static i64 poll(struct vcpu *v, gva_t arg)
{
	struct sched_poll a;
	u32 port[POLL_PORTS_MAX];

	if (guest_read(&a, arg, sizeof(a)))
		return -EFAULT;
	if (a.nr_ports > POLL_PORTS_MAX)
		return -EINVAL;
	if (guest_read(port, GUEST_HANDLE_GVA(a.ports),
		       a.nr_ports * sizeof(*port)))
		return -EFAULT;
	if (!ports_valid(v->domain, port, a.nr_ports))
		return -EINVAL;
	timer_cancel(&v->poll); // of an earlier poll, which ended otherwise
	if (vcpu_poll(v, port, a.nr_ports) && a.timeout)
		timer_set(&v->poll, a.timeout);
	return 0;
}

// -EFAULT; -ESRCH, -EPERM domain (others for dom0 only); -EINVAL reason.
static i64 remote_shutdown(struct vcpu *v, gva_t arg)
{
	struct sched_remote_shutdown a;
	struct domain *d;
	int err;

	if (guest_read(&a, arg, sizeof(a)))
		return -EFAULT;
	d = domain_target(v->domain, a.domain_id, &err);
	return d ? stop_domain(d, a.reason) : err;
}

static i64 watchdog_start(struct domain *d, u32 timeout_s)
{
	for (u32 i = 0; i < ARRAY_SIZE(d->watchdog); i++) {
		u32 bit = 1u << i;

		if (__atomic_fetch_or(&d->watchdog_used, bit,
				      __ATOMIC_SEQ_CST) &
		    bit)
			continue;
		timer_set(&d->watchdog[i], now_ns() + timeout_s * NS_PER_S);
		return i + 1;
	}
	return -ENOSPC;
}

// id 0: starts one and answers its id. Else: sets it anew, or stops it when
// timeout is 0. -EFAULT; -EINVAL no such id; -ENOSPC all in use.
static i64 watchdog(struct vcpu *v, gva_t arg)
{
	struct domain *d = v->domain;
	struct sched_watchdog a;
	u32 bit;

	if (guest_read(&a, arg, sizeof(a)))
		return -EFAULT;
	if (a.id > ARRAY_SIZE(d->watchdog))
		return -EINVAL;
	if (!a.id)
		return watchdog_start(d, a.timeout);
	bit = 1u << (a.id - 1);
	if (!(READ_ONCE(d->watchdog_used) & bit))
		return -EINVAL;
	if (a.timeout) {
		timer_set(&d->watchdog[a.id - 1],
			  now_ns() + a.timeout * NS_PER_S);
	} else {
		timer_cancel(&d->watchdog[a.id - 1]);
		__atomic_fetch_and(&d->watchdog_used, ~bit, __ATOMIC_SEQ_CST);
	}
	return 0;
}

static i64 (*const sub_op[])(struct vcpu *v, gva_t arg) = {
	[SCHEDOP_yield] = yield,
	[SCHEDOP_block] = block,
	[SCHEDOP_shutdown] = shutdown,
	[SCHEDOP_poll] = poll,
	[SCHEDOP_remote_shutdown] = remote_shutdown,
	[SCHEDOP_shutdown_code] = shutdown_code,
	[SCHEDOP_watchdog] = watchdog,
};

// sched_op(cmd, arg): 0 or the sub-op's error; -ENOSYS cmd.
i64 hc_sched_op(struct vcpu *v, struct hcall *h)
{
	u64 cmd = (u32)h->arg[0];

	if (cmd >= ARRAY_SIZE(sub_op))
		return -ENOSYS;
	return sub_op[cmd](v, h->arg[1]);
}

// The form before sched_op: the reason of a shutdown comes as a number.
i64 hc_sched_op_compat(struct vcpu *v, struct hcall *h)
{
	switch (h->arg[0]) {
	case SCHEDOP_yield:
		return yield(v, 0);
	case SCHEDOP_block:
		return block(v, 0);
	case SCHEDOP_shutdown:
		return stop_domain(v->domain, (u32)h->arg[1]);
	default:
		return -ENOSYS;
	}
}
