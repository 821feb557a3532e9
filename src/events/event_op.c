// SPDX-License-Identifier: MIT
//
// event_channel_op: one function per sub-op, each given the copied arguments.
// What an op answers inside its arguments is copied back only after success.
// If that fails the port stays open: the guest can close it by number.
#include "abi/errno.h"
#include "cpu/percpu.h"
#include "cpu/uaccess.h"
#include "events/priv.h"
#include "hypercall/hypercall.h"
#include "irq/irq.h"

union event_arg {
	struct evtchn_bind_interdomain bind_interdomain;
	struct evtchn_bind_virq bind_virq;
	struct evtchn_bind_pirq bind_pirq;
	struct evtchn_close close;
	struct evtchn_send send;
	struct evtchn_status status;
	struct evtchn_alloc_unbound alloc_unbound;
	struct evtchn_bind_ipi bind_ipi;
	struct evtchn_bind_vcpu bind_vcpu;
	struct evtchn_unmask unmask;
};

// Of a reset that goes on, the first argument has the next port above these.
#define CMD_BITS 8
#define CMD_MASK (BIT(CMD_BITS) - 1)

static domid_t self_or(const struct domain *d, domid_t id)
{
	return id == DOMID_SELF ? d->id : id;
}

static struct vcpu *vcpu_of(const struct domain *d, u32 id)
{
	return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

// Opens a port of d as `as` (state and all).
static int port_open(struct domain *d, const struct port *as, u32 *port)
{
	int err = port_alloc(d, port);

	if (!err)
		*port_at(d, *port) = *as;
	return err;
}

static int port_open_locked(struct domain *d, const struct port *as, u32 *port)
{
	int err;

	lock_get(&d->event_lock);
	err = port_open(d, as, port);
	lock_put(&d->event_lock);
	return err;
}

// -ESRCH, -EPERM `dom` (others for dom0 only), -ENOSPC, -ENOMEM.
static i64 alloc_unbound(struct vcpu *v, union event_arg *arg)
{
	struct evtchn_alloc_unbound *a = &arg->alloc_unbound;
	int err;
	struct domain *d = domain_target(v->domain, a->dom, &err);
	struct port as = {.state = PORT_UNBOUND,
			  .remote_domid = self_or(v->domain, a->remote_dom)};

	return d ? port_open_locked(d, &as, &a->port) : err;
}

// -ESRCH no such domain, -EINVAL its port does not wait for us, -ENOSPC,
// -ENOMEM. The new port is raised at once.
static i64 bind_interdomain(struct vcpu *v, union event_arg *arg)
{
	struct evtchn_bind_interdomain *a = &arg->bind_interdomain;
	struct domain *remote = domain_find(self_or(v->domain, a->remote_dom));

	if (!remote)
		return -ESRCH;
	return port_bind_interdomain(v->domain, remote, a->remote_port,
				     &a->local_port);
}

// -EINVAL no such virq, or a global one not on vCPU 0; -ENOENT no such vCPU;
// -EEXIST bound already; -ENOSPC, -ENOMEM.
static i64 bind_virq(struct vcpu *self, union event_arg *arg)
{
	struct evtchn_bind_virq *a = &arg->bind_virq;
	struct domain *d = self->domain;
	struct port as = {.state = PORT_VIRQ, .vcpu = a->vcpu, .virq = a->virq};
	struct vcpu *v;
	int err;

	if (a->virq >= NR_VIRQS || (virq_is_global(a->virq) && a->vcpu))
		return -EINVAL;
	v = vcpu_of(d, a->vcpu);
	if (!v)
		return -ENOENT;
	lock_get(&d->event_lock);
	err = v->virq_port[a->virq] ? -EEXIST : port_open(d, &as, &a->port);
	if (!err)
		WRITE_ONCE(v->virq_port[a->virq], (u16)a->port);
	lock_put(&d->event_lock);
	return err;
}

// -ENOENT no such vCPU, -ENOSPC, -ENOMEM.
static i64 bind_ipi(struct vcpu *v, union event_arg *arg)
{
	struct evtchn_bind_ipi *a = &arg->bind_ipi;
	struct port as = {.state = PORT_IPI, .vcpu = a->vcpu};

	if (!vcpu_of(v->domain, a->vcpu))
		return -ENOENT;
	return port_open_locked(v->domain, &as, &a->port);
}

// -ENOSPC, -ENOMEM, and what pirq_bind says.
static i64 bind_pirq(struct vcpu *v, union event_arg *arg)
{
	struct evtchn_bind_pirq *a = &arg->bind_pirq;
	struct domain *d = v->domain;
	struct port as = {.state = PORT_PIRQ, .pirq = a->pirq};
	int err;

	lock_get(&d->event_lock);
	err = port_open(d, &as, &a->port);
	if (!err) {
		err = pirq_bind(d, a->pirq, a->port,
				a->flags & BIND_PIRQ__WILL_SHARE);
		if (err)
			port_free(d, a->port);
	}
	lock_put(&d->event_lock);
	return err;
}

// -EINVAL not open.
static i64 close_op(struct vcpu *v, union event_arg *arg)
{
	return port_close(v->domain, arg->close.port);
}

static i64 send(struct vcpu *v, union event_arg *arg)
{
	count(CNT_EVENT_SEND);
	return port_send(v->domain, arg->send.port);
}

static void describe(const struct port *p, struct evtchn_status *s)
{
	static const u8 status[] = {
		[PORT_FREE] = EVTCHNSTAT_closed,
		[PORT_RESERVED] = EVTCHNSTAT_closed,
		[PORT_UNBOUND] = EVTCHNSTAT_unbound,
		[PORT_INTERDOMAIN] = EVTCHNSTAT_interdomain,
		[PORT_PIRQ] = EVTCHNSTAT_pirq,
		[PORT_VIRQ] = EVTCHNSTAT_virq,
		[PORT_IPI] = EVTCHNSTAT_ipi,
	};

	s->status = status[p->state];
	s->vcpu = p->vcpu;
	if (p->state == PORT_UNBOUND)
		s->u.unbound.dom = p->remote_domid;
	else if (p->state == PORT_PIRQ)
		s->u.pirq = p->pirq;
	else if (p->state == PORT_VIRQ)
		s->u.virq = p->virq;
	else if (p->state == PORT_INTERDOMAIN) {
		s->u.interdomain.dom = p->inter.remote->id;
		s->u.interdomain.port = p->inter.remote_port;
	}
}

// -ESRCH, -EPERM `dom` (others for dom0 only), -EINVAL no such port.
static i64 status(struct vcpu *v, union event_arg *arg)
{
	int err;
	struct domain *d = domain_target(v->domain, arg->status.dom, &err);
	const struct port *p;

	if (!d)
		return err;
	p = port_at(d, arg->status.port);
	if (!p)
		return -EINVAL;
	lock_get(&d->event_lock);
	describe(p, &arg->status);
	lock_put(&d->event_lock);
	return 0;
}

static bool may_move(const struct port *p)
{
	return p->state == PORT_UNBOUND || p->state == PORT_INTERDOMAIN ||
	       p->state == PORT_PIRQ ||
	       (p->state == PORT_VIRQ && virq_is_global(p->virq));
}

static void move(struct domain *d, struct port *p, u32 vcpu)
{
	WRITE_ONCE(p->vcpu, vcpu);
	if (p->state == PORT_PIRQ)
		pirq_follow(d, p->pirq);
}

// -ENOENT no such vCPU, -EINVAL not a port that can be moved.
static i64 bind_vcpu(struct vcpu *v, union event_arg *arg)
{
	struct domain *d = v->domain;
	struct port *p = port_at(d, arg->bind_vcpu.port);
	i64 err = 0;

	if (!vcpu_of(d, arg->bind_vcpu.vcpu))
		return -ENOENT;
	if (!p)
		return -EINVAL;
	lock_get(&d->event_lock);
	if (may_move(p))
		move(d, p, arg->bind_vcpu.vcpu);
	else
		err = -EINVAL;
	lock_put(&d->event_lock);
	return err;
}

// -EINVAL no such port.
static i64 unmask(struct vcpu *v, union event_arg *arg)
{
	if (!port_at(v->domain, arg->unmask.port))
		return -EINVAL;
	port_unmask(v->domain, arg->unmask.port);
	return 0;
}

// Closes all ports, where it stopped the last time at first. -ESRCH, -EPERM
// `dom` (others for dom0 only), -EINVAL another that dom0 has not paused.
static i64 reset(struct vcpu *v, struct hcall *h)
{
	struct evtchn_reset arg;
	struct domain *d;
	u32 next;
	int err;

	if (guest_read(&arg, h->arg[1], sizeof(arg)))
		return -EFAULT;
	d = domain_target(v->domain, arg.dom, &err);
	if (!d)
		return err;
	if (d != v->domain && !d->controller_pauses)
		return -EINVAL;
	next = events_close_all(d, (u32)h->arg[0] >> CMD_BITS);
	if (!next)
		return 0;
	h->arg[0] = EVTCHNOP_reset | (u64)next << CMD_BITS;
	return hypercall_restart(h);
}

static const struct {
	u16 size;
	bool answers; // the arguments are copied back
	i64 (*fn)(struct vcpu *v, union event_arg *arg);
} sub_op[] = {
#define ANSWERS(name)                                    \
	{                                                \
		sizeof(struct evtchn_##name), true, name \
	}
#define SILENT(name, fn)                                \
	{                                               \
		sizeof(struct evtchn_##name), false, fn \
	}
	[EVTCHNOP_bind_interdomain] = ANSWERS(bind_interdomain),
	[EVTCHNOP_bind_virq] = ANSWERS(bind_virq),
	[EVTCHNOP_bind_pirq] = ANSWERS(bind_pirq),
	[EVTCHNOP_close] = SILENT(close, close_op),
	[EVTCHNOP_send] = SILENT(send, send),
	[EVTCHNOP_status] = ANSWERS(status),
	[EVTCHNOP_alloc_unbound] = ANSWERS(alloc_unbound),
	[EVTCHNOP_bind_ipi] = ANSWERS(bind_ipi),
	[EVTCHNOP_bind_vcpu] = SILENT(bind_vcpu, bind_vcpu),
	[EVTCHNOP_unmask] = SILENT(unmask, unmask),
};

// event_channel_op(cmd, arg): 0; -ENOSYS cmd (the FIFO ones too, upon which
// Linux falls back to the two-level form), -EFAULT arg, or the sub-op's error.
i64 hc_event_channel_op(struct vcpu *v, struct hcall *h)
{
	union event_arg arg;
	u64 cmd = (u32)h->arg[0];
	i64 result;

	if ((cmd & CMD_MASK) == EVTCHNOP_reset)
		return reset(v, h);
	if (cmd >= ARRAY_SIZE(sub_op) || !sub_op[cmd].fn)
		return -ENOSYS;
	if (guest_read(&arg, h->arg[1], sub_op[cmd].size))
		return -EFAULT;
	result = sub_op[cmd].fn(v, &arg);
	if (!result && sub_op[cmd].answers)
		result = guest_write(h->arg[1], &arg, sub_op[cmd].size);
	return result;
}
