// SPDX-License-Identifier: MIT
//
// sysctl: the scheduler, and the one pool that all processors and domains are
// in. To the tools the scheduler is credit2, which knows the same parameters.
#include "hypercall/sysctl.h"

#include "abi/errno.h"
#include "domain/domain.h"
#include "hypercall/bitmap.h"
#include "sched/sched.h"

int sysctl_scheduler_id(struct xen_sysctl *op)
{
	op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
	return 0;
}

static u32 domain_count(void)
{
	struct list *l;
	u32 n = 0;

	lock_get(&domain_list_lock);
	list_for_each (l, &domain_list)
		n++;
	lock_put(&domain_list_lock);
	return n;
}

// The pool asked for or the next one. -ENOENT: there is no more.
static int pool_info(struct xen_sysctl_cpupool_op *a)
{
	u64 online[CPU_WORDS];

	if (a->cpupool_id)
		return -ENOENT;
	a->sched_id = XEN_SCHEDULER_CREDIT2;
	a->n_dom = domain_count();
	bitmap_online(online);
	return bitmap_write(&a->cpumap, online, cpu_count());
}

// Processors in no pool: none.
static int pool_free(struct xen_sysctl_cpupool_op *a)
{
	const u64 none[CPU_WORDS] = {0};

	return bitmap_write(&a->cpumap, none, cpu_count());
}

// A domain is moved to where it is. -ESRCH no such domain, -ENOENT pool.
static int pool_move(const struct xen_sysctl_cpupool_op *a)
{
	if (!domain_find(a->domid))
		return -ESRCH;
	return a->cpupool_id ? -ENOENT : 0;
}

// -EOPNOTSUPP: there is one pool for ever.
int sysctl_pools(struct xen_sysctl *op)
{
	struct xen_sysctl_cpupool_op *a = &op->u.cpupool_op;

	switch (a->op) {
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		return pool_info(a);
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
		return pool_free(a);
	case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
		return pool_move(a);
	default:
		return -EOPNOTSUPP;
	}
}

static int put_parameters(const struct xen_sysctl_credit2_schedule *a)
{
	u32 us = a->ratelimit_us;

	if (us && (us < XEN_SYSCTL_SCHED_RATELIMIT_MIN ||
		   us > XEN_SYSCTL_SCHED_RATELIMIT_MAX))
		return -EINVAL;
	WRITE_ONCE(sched_ratelimit_us, us);
	return 0;
}

static int get_parameters(struct xen_sysctl_credit2_schedule *a)
{
	a->ratelimit_us = sched_ratelimit_us;
	return 0;
}

// -ESRCH no such pool, -EINVAL another scheduler, cmd, or a bad value.
int sysctl_scheduler(struct xen_sysctl *op)
{
	struct xen_sysctl_scheduler_op *a = &op->u.scheduler_op;

	if (a->cpupool_id)
		return -ESRCH;
	if (a->sched_id != XEN_SCHEDULER_CREDIT2)
		return -EINVAL;
	switch (a->cmd) {
	case XEN_SYSCTL_SCHEDOP_putinfo:
		return put_parameters(&a->u.sched_credit2);
	case XEN_SYSCTL_SCHEDOP_getinfo:
		return get_parameters(&a->u.sched_credit2);
	default:
		return -EINVAL;
	}
}
