// SPDX-License-Identifier: MIT
//
// domctl: what the tools ask about a domain and its vCPUs.
#include "domain/domctl.h"

#include "abi/errno.h"
#include "cpu/cpu.h"
#include "lib/string.h"
#include "sched/sched.h"

static u64 time_run(struct vcpu *v)
{
	struct vcpu_runstate_info r;

	vcpu_runstate_get(v, &r);
	return r.time[RUNSTATE_running];
}

static u32 state_flags(const struct domain *d)
{
	u32 flags = (d->shutdown_code & XEN_DOMINF_shutdownmask)
		    << XEN_DOMINF_shutdownshift;

	if (d->dying == DOMAIN_DEAD)
		flags |= XEN_DOMINF_dying;
	if (READ_ONCE(d->is_shut_down))
		flags |= XEN_DOMINF_shutdown;
	if (d->controller_pauses)
		flags |= XEN_DOMINF_paused;
	return flags;
}

// A domain is blocked when all vCPUs that are up are.
static void add_vcpu(struct xen_domctl_getdomaininfo *info, struct vcpu *v)
{
	enum vcpu_state state = READ_ONCE(v->state);

	info->max_vcpu_id = v->id;
	info->cpu_time += time_run(v);
	if (state == VCPU_DOWN)
		return;
	info->nr_online_vcpus++;
	if (state != VCPU_BLOCKED)
		info->flags &= ~XEN_DOMINF_blocked;
	if (state == VCPU_RUNNING)
		info->flags |= XEN_DOMINF_running;
}

void domain_info_get(const struct domain *d,
		     struct xen_domctl_getdomaininfo *info)
{
	struct vcpu *v;

	*info = (struct xen_domctl_getdomaininfo){
		.domain = d->id,
		.flags = state_flags(d) | XEN_DOMINF_blocked,
		.tot_pages = READ_ONCE(d->tot_pages),
		.outstanding_pages = READ_ONCE(d->claim),
		.max_pages = READ_ONCE(d->max_pages),
		.shared_info_frame = d->shared_mfn.n,
		.max_vcpu_id = XEN_INVALID_MAX_VCPU_ID,
		.gpaddr_bits = (u8)cpu_features.phys_bits,
		.arch_config.misc_flags =
			d->msr_relaxed ? XEN_X86_MSR_RELAXED : 0,
	};
	memcpy(info->handle, d->handle, sizeof(info->handle));
	for_each_vcpu (d, v)
		add_vcpu(info, v);
}

// Of the domain asked for or the next one. -ESRCH: there is no more.
int domctl_get_info(const struct domctl *c)
{
	const struct domain *d = domain_next(c->op->domain);

	if (!d)
		return -ESRCH;
	domain_info_get(d, &c->op->u.getdomaininfo);
	c->op->domain = d->id;
	return 0;
}

// -EINVAL no vCPU could have this number, -ESRCH none has.
int domctl_get_vcpu_info(const struct domctl *c)
{
	struct xen_domctl_getvcpuinfo *info = &c->op->u.getvcpuinfo;
	struct vcpu *v = domctl_vcpu(c->d, info->vcpu);
	enum vcpu_state state;

	if (!v)
		return info->vcpu >= c->d->max_vcpus ? -EINVAL : -ESRCH;
	state = READ_ONCE(v->state);
	info->online = state != VCPU_DOWN;
	info->blocked = state == VCPU_BLOCKED;
	info->running = state == VCPU_RUNNING;
	info->cpu_time = time_run(v);
	info->cpu = v->cpu;
	return 0;
}
