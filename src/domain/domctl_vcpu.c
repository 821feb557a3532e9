// SPDX-License-Identifier: MIT
//
// domctl: a domain's vCPUs, made and given their registers by the tools.
#include "domain/domctl.h"

#include "abi/errno.h"
#include "cpu/cpu.h"
#include "cpu/uaccess.h"
#include "sched/sched.h"

// Makes all the vCPUs that the domain was created for. -EINVAL another number;
// -ENOMEM: those made so far stay.
int domctl_max_vcpus(const struct domctl *c)
{
	struct domain *d = c->d;

	if (c->op->u.max_vcpus.max != d->max_vcpus)
		return -EINVAL;
	for (u32 i = 0; i < d->max_vcpus; i++) {
		int err = d->vcpu[i] ? 0 : vcpu_create(d, i);

		if (err)
			return err;
	}
	return 0;
}

void domctl_hold(struct vcpu *v)
{
	vcpu_pause(v);
	while (!sched_detach(v))
		cpu_wait();
}

// References that the vCPU has already are kept where the new context has the
// same.
static int replace(struct vcpu *v, const struct vcpu_guest_context *context)
{
	bool was_initialised;
	int err;

	lock_get(&v->domain->setup_lock);
	was_initialised = v->initialised;
	v->initialised = false;
	err = vcpu_set_context(v, context);
	if (err)
		v->initialised = was_initialised;
	lock_put(&v->domain->setup_lock);
	if (err)
		return err;
	if (!(context->flags & VGCF_online))
		vcpu_down(v);
	return 0;
}

static int read_and_set(struct vcpu *v, gva_t from)
{
	struct vcpu_guest_context *context = kalloc(sizeof(*context));
	int err;

	if (!context)
		return -ENOMEM;
	err = guest_read(context, from, sizeof(*context));
	if (!err)
		err = replace(v, context);
	kfree(context);
	return err;
}

// A null context resets the vCPU. -EINVAL no such vCPU or a context that is
// refused, -ENOMEM, -EFAULT.
int domctl_set_context(const struct domctl *c)
{
	const struct xen_domctl_vcpucontext *a = &c->op->u.vcpucontext;
	struct vcpu *v = domctl_vcpu(c->d, a->vcpu);
	gva_t from = GUEST_HANDLE_GVA(a->ctxt);
	int err;

	if (!v || c->d->dying)
		return -EINVAL;
	domctl_hold(v);
	err = from ? read_and_set(v, from) : vcpu_reset(v);
	// The tools have cleared shared_info and what it said of the date.
	if (!err && from && v->id == 0)
		clock_update_wall(c->d);
	vcpu_unpause(v);
	return err;
}

// -ESRCH no such vCPU, -ENODATA it never had a context, -ENOMEM, -EFAULT.
int domctl_get_context(const struct domctl *c)
{
	const struct xen_domctl_vcpucontext *a = &c->op->u.vcpucontext;
	struct vcpu *v = domctl_vcpu(c->d, a->vcpu);
	struct vcpu_guest_context *context;
	int err;

	if (!v)
		return -ESRCH;
	if (!v->initialised)
		return -ENODATA;
	context = kalloc(sizeof(*context));
	if (!context)
		return -ENOMEM;
	domctl_hold(v);
	vcpu_get_context(v, context);
	vcpu_unpause(v);
	err = guest_write(GUEST_HANDLE_GVA(a->ctxt), context, sizeof(*context));
	kfree(context);
	return err;
}

// Buttons are for machines with firmware. -ESRCH no such vCPU, -EINVAL a
// button, -ENOSYS anything else but an NMI.
int domctl_send_trigger(const struct domctl *c)
{
	const struct xen_domctl_sendtrigger *a = &c->op->u.sendtrigger;
	struct vcpu *v = domctl_vcpu(c->d, a->vcpu);

	if (!v)
		return -ESRCH;
	if (a->trigger == XEN_DOMCTL_SENDTRIGGER_POWER ||
	    a->trigger == XEN_DOMCTL_SENDTRIGGER_SLEEP)
		return -EINVAL;
	if (a->trigger != XEN_DOMCTL_SENDTRIGGER_NMI)
		return -ENOSYS;
	WRITE_ONCE(v->nmi_pending, true);
	vcpu_kick(v);
	return 0;
}
