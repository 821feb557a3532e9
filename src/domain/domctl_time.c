// SPDX-License-Identifier: MIT
//
// domctl: a domain's clocks. Its TSC is always the machine's.
#include "domain/domctl.h"

#include "abi/errno.h"
#include "irq/irq.h"
#include "sched/sched.h"

#define TSC_DEFAULT 0
#define TSC_NEVER_EMULATE 2

int domctl_set_time_offset(const struct domctl *c)
{
	c->d->time_offset_s = c->op->u.settimeoffset.time_offset_seconds;
	clock_update_wall(c->d);
	return 0;
}

// -EOPNOTSUPP a mode in which the TSC is emulated.
int domctl_set_tsc(const struct domctl *c)
{
	const struct xen_domctl_tsc_info *a = &c->op->u.tsc_info;

	if (a->tsc_mode != TSC_DEFAULT && a->tsc_mode != TSC_NEVER_EMULATE)
		return -EOPNOTSUPP;
	c->d->tsc_mode = a->tsc_mode;
	c->d->tsc_incarnation = a->incarnation;
	return 0;
}

// Without emulation there is no rate and no time to keep.
int domctl_get_tsc(const struct domctl *c)
{
	bool kept = c->d->tsc_mode == TSC_DEFAULT;

	c->op->u.tsc_info = (struct xen_domctl_tsc_info){
		.tsc_mode = c->d->tsc_mode,
		.gtsc_khz = kept ? (u32)(tsc_scale.hz / 1000) : 0,
		.incarnation = c->d->tsc_incarnation,
		.elapsed_nsec = kept ? now_ns() : 0,
	};
	return 0;
}
