// SPDX-License-Identifier: MIT
//
// domctl: a domain's beginning and end, and stopping it in between.
#include "domain/domctl.h"
#include "gate/closed.h"

#include "abi/errno.h"
#include "cpu/cpu.h"
#include "lib/string.h"
#include "mm/grant.h"
#include "sched/sched.h"

#define PAUSES_MAX 255 // of the control domain's, per domain

// Only what a paravirtual domain can be. -EINVAL.
static bool config_valid(const struct xen_domctl_createdomain *a)
{
	return a->max_vcpus && !(a->flags & ~XEN_DOMCTL_CDF_xs_domain) &&
	       !a->iommu_opts && XEN_DOMCTL_GRANT_version(a->grant_opts) == 1 &&
	       !(a->grant_opts & ~XEN_DOMCTL_GRANT_version_mask) &&
	       !a->vmtrace_size && !a->cpupool_id && !a->arch.emulation_flags &&
	       !(a->arch.misc_flags & ~XEN_X86_MSR_RELAXED);
}

static u32 limit_or_default(i32 asked, u32 usual)
{
	return asked < 0 ? usual : (u32)asked;
}

// Ids go up and come round, so that the one of a domain that just ended is not
// used again soon. DOMID_INVALID: all are taken.
static domid_t fresh_id(void)
{
	static domid_t last;

	for (u32 i = 1; i < DOMID_FIRST_RESERVED; i++) {
		domid_t id = (domid_t)((last + i) % DOMID_FIRST_RESERVED);

		if (id && !domain_find(id)) {
			last = id;
			return id;
		}
	}
	return DOMID_INVALID;
}

static void first_state(struct domain *d,
			const struct xen_domctl_createdomain *a)
{
	domain_pause(d);
	d->controller_pauses = 1;
	d->msr_relaxed = a->arch.misc_flags & XEN_X86_MSR_RELAXED;
	memcpy(d->handle, a->handle, sizeof(d->handle));
}

// -EEXIST the id is taken, -EINVAL configuration, -ENOMEM memory or ids. The
// domain is paused, and may have no memory before max_mem.
int domctl_create(const struct domctl *c)
{
	const struct xen_domctl_createdomain *a = &c->op->u.createdomain;
	const struct domain_config config = {
		.max_vcpus = a->max_vcpus,
		.max_ports = min(a->max_evtchn_port, 0x7fffffffu) + 1,
		.grant_frames = limit_or_default(a->max_grant_frames,
						 GRANT_FRAMES_DEFAULT),
		.maptrack_frames = limit_or_default(a->max_maptrack_frames,
						    GRANT_MAPTRACK_DEFAULT),
	};
	domid_t id = c->op->domain;
	struct domain *d;
	int err;

	if (!config_valid(a))
		return -EINVAL;
	if (!id || id >= DOMID_FIRST_RESERVED)
		id = fresh_id();
	if (id == DOMID_INVALID)
		return -ENOMEM;
	d = domain_create_as(id, &config, &err);
	if (!d)
		return err;
	d->gate = gate_policy_guests();
	first_state(d, a);
	c->op->domain = id;
	return 0;
}

int domctl_destroy(const struct domctl *c)
{
	return domain_destroy(c->d);
}

// Waits until none of its vCPUs runs: the tools rely on that. -EOVERFLOW.
int domctl_pause(const struct domctl *c)
{
	if (c->d->controller_pauses >= PAUSES_MAX)
		return -EOVERFLOW;
	c->d->controller_pauses++;
	domain_pause(c->d);
	while (!domain_is_still(c->d))
		cpu_wait();
	return 0;
}

// -EINVAL the control domain has not paused it.
int domctl_unpause(const struct domctl *c)
{
	if (!c->d->controller_pauses)
		return -EINVAL;
	c->d->controller_pauses--;
	c->d->started = true;
	domain_unpause(c->d);
	return 0;
}

int domctl_resume(const struct domctl *c)
{
	sched_resume_domain(c->d);
	return 0;
}

int domctl_set_handle(const struct domctl *c)
{
	memcpy(c->d->handle, c->op->u.setdomainhandle.handle,
	       sizeof(c->d->handle));
	return 0;
}
