// SPDX-License-Identifier: MIT
//
// vcpu_op: bringing vCPUs up and down, their timers, and the memory in which
// they want to see their state. At boot Linux asks for 8192 ids whether they
// are up, so an id that does not exist is answered first of all.
#include "abi/errno.h"
#include "abi/xen.h"
#include "cpu/percpu.h"
#include "cpu/uaccess.h"
#include "hypercall/hypercall.h"
#include "mm/mm.h"
#include "sched/sched.h"

#define PERIOD_MIN_NS 1000000ull
#define PERIOD_MAX_NS BIT(62)

struct vcpu_call {
	struct vcpu *self; // the caller
	struct vcpu *v; // the one it is about, of the same domain
	gva_t arg;
	struct hcall *h;
};

// -EEXIST initialised before; -EINVAL bad context, or no vcpu_info in memory
// yet (ids from 32 on must register theirs first); -EFAULT, -ENOMEM.
static i64 initialise(const struct vcpu_call *c)
{
	struct vcpu_guest_context *context;
	i64 result;

	if (c->v->initialised)
		return -EEXIST;
	if (!vcpu_info_present(c->v))
		return -EINVAL;
	context = kalloc(sizeof(*context));
	if (!context)
		return -ENOMEM;
	result = guest_read(context, c->arg, sizeof(*context));
	if (!result) {
		lock_get(&c->v->domain->setup_lock);
		result = vcpu_set_context(c->v, context);
		lock_put(&c->v->domain->setup_lock);
	}
	kfree(context);
	return result == -ERESTART ? hypercall_restart(c->h) : result;
}

// -EINVAL not initialised.
static i64 up(const struct vcpu_call *c)
{
	if (!c->v->initialised)
		return -EINVAL;
	vcpu_up(c->v);
	return 0;
}

static bool all_down(const struct domain *d)
{
	const struct vcpu *v;

	for_each_vcpu (d, v)
		if (READ_ONCE(v->state) != VCPU_DOWN)
			return false;
	return true;
}

// A domain whose last vCPU goes down has switched itself off.
static i64 down(const struct vcpu_call *c)
{
	vcpu_down(c->v);
	if (all_down(c->v->domain))
		domain_shutdown(c->v->domain, SHUTDOWN_poweroff);
	return 0;
}

static i64 is_up(const struct vcpu_call *c)
{
	return READ_ONCE(c->v->state) != VCPU_DOWN;
}

static i64 get_runstate(const struct vcpu_call *c)
{
	struct vcpu_runstate_info r;

	vcpu_runstate_get(c->v, &r);
	return guest_write(c->arg, &r, sizeof(r));
}

// -EFAULT argument, or an address of the hypervisor's. 0 ends it.
static i64 register_runstate(const struct vcpu_call *c)
{
	struct vcpu_register_runstate_memory_area a;

	if (guest_read(&a, c->arg, sizeof(a)) ||
	    !guest_range_ok(a.addr.p, sizeof(struct vcpu_runstate_info)))
		return -EFAULT;
	c->v->runstate_area = a.addr.p;
	clock_update_runstate(c->v);
	return 0;
}

static i64 register_time(const struct vcpu_call *c)
{
	struct vcpu_register_time_memory_area a;

	if (guest_read(&a, c->arg, sizeof(a)) ||
	    !guest_range_ok(a.addr.p, sizeof(struct vcpu_time_info)))
		return -EFAULT;
	c->v->time_area = a.addr.p;
	c->v->time_area_stale = true;
	clock_update(c->v);
	return 0;
}

static void set_period(struct vcpu *v, u64 period_ns)
{
	WRITE_ONCE(v->period_ns, period_ns);
	v->period_last_ns = now_ns();
	timer_cancel(&v->periodic);
	if (READ_ONCE(v->state) == VCPU_RUNNING)
		vcpu_periodic_start(v);
}

// -EFAULT; -EINVAL under 1 ms or absurd.
static i64 set_periodic(const struct vcpu_call *c)
{
	struct vcpu_set_periodic_timer a;

	if (guest_read(&a, c->arg, sizeof(a)))
		return -EFAULT;
	if (a.period_ns < PERIOD_MIN_NS || a.period_ns > PERIOD_MAX_NS)
		return -EINVAL;
	set_period(c->v, a.period_ns);
	return 0;
}

static i64 stop_periodic(const struct vcpu_call *c)
{
	set_period(c->v, 0);
	return 0;
}

// -EINVAL not the caller's own; -EFAULT; -ETIME in the past, though the
// caller asked for the future.
static i64 set_singleshot(const struct vcpu_call *c)
{
	struct vcpu_set_singleshot_timer a;

	if (c->v != c->self)
		return -EINVAL;
	if (guest_read(&a, c->arg, sizeof(a)))
		return -EFAULT;
	if ((a.flags & VCPU_SSHOTTMR_future) && a.timeout_abs_ns < now_ns())
		return -ETIME;
	vcpu_singleshot_set(c->v, a.timeout_abs_ns);
	return 0;
}

static i64 stop_singleshot(const struct vcpu_call *c)
{
	if (c->v != c->self)
		return -EINVAL;
	timer_cancel(&c->v->singleshot);
	return 0;
}

static i64 register_info(const struct vcpu_call *c)
{
	struct vcpu_register_vcpu_info a;

	if (guest_read(&a, c->arg, sizeof(a)))
		return -EFAULT;
	return vcpu_register_info(c->v, MFN(a.mfn), a.offset);
}

static i64 send_nmi(const struct vcpu_call *c)
{
	WRITE_ONCE(c->v->nmi_pending, true);
	vcpu_kick(c->v);
	return 0;
}

static i64 (*const sub_op[])(const struct vcpu_call *c) = {
	[VCPUOP_initialise] = initialise,
	[VCPUOP_up] = up,
	[VCPUOP_down] = down,
	[VCPUOP_is_up] = is_up,
	[VCPUOP_get_runstate_info] = get_runstate,
	[VCPUOP_register_runstate_memory_area] = register_runstate,
	[VCPUOP_set_periodic_timer] = set_periodic,
	[VCPUOP_stop_periodic_timer] = stop_periodic,
	[VCPUOP_set_singleshot_timer] = set_singleshot,
	[VCPUOP_stop_singleshot_timer] = stop_singleshot,
	[VCPUOP_register_vcpu_info] = register_info,
	[VCPUOP_send_nmi] = send_nmi,
	[VCPUOP_register_vcpu_time_memory_area] = register_time,
};

// vcpu_op(cmd, vcpu, arg): 0 (is_up: 0 or 1) or the sub-op's error; -ENOENT no
// such vCPU, -ENOSYS cmd.
i64 hc_vcpu_op(struct vcpu *self, struct hcall *h)
{
	u64 cmd = (u32)h->arg[0], id = (u32)h->arg[1];
	const struct domain *d = self->domain;
	struct vcpu_call c = {.self = self, .arg = h->arg[2], .h = h};

	if (id >= d->max_vcpus || !d->vcpu[id])
		return -ENOENT;
	if (cmd >= ARRAY_SIZE(sub_op) || !sub_op[cmd])
		return -ENOSYS;
	c.v = d->vcpu[id];
	return sub_op[cmd](&c);
}
