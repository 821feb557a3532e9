// SPDX-License-Identifier: MIT
//
// domctl: on which processors vCPUs run, and how much of them they get. To the
// tools we are the credit2 scheduler, whose parameters are a weight and a cap.
#include "domain/domctl.h"

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "hypercall/bitmap.h"
#include "lib/string.h"
#include "sched/sched.h"

#define CAP_UNCHANGED 0xffff

static bool overlaps(const u64 *a, const u64 *b)
{
	for (u32 i = 0; i < CPU_WORDS; i++)
		if (a[i] & b[i])
			return true;
	return false;
}

static void intersect(u64 *map, const u64 *with)
{
	for (u32 i = 0; i < CPU_WORDS; i++)
		map[i] &= with[i];
}

// What is effective of the new map goes back to the tools: the part within
// `within`. A hard one must leave the vCPU a processor, a soft one is only a
// wish. -EINVAL, -EFAULT.
static int set_map(u64 *map, const struct xenctl_bitmap *bitmap,
		   const u64 *within, bool hard)
{
	u64 wanted[CPU_WORDS];
	int err = bitmap_read(wanted, MAX_CPUS, bitmap);

	if (err)
		return err;
	if (hard && !overlaps(wanted, within))
		return -EINVAL;
	memcpy(map, wanted, sizeof(wanted));
	intersect(wanted, within);
	return bitmap_write(bitmap, wanted, cpu_count());
}

// -EINVAL no such vCPU, nothing to set, or no processor left; -EFAULT.
int domctl_set_affinity(const struct domctl *c)
{
	const struct xen_domctl_vcpuaffinity *a = &c->op->u.vcpuaffinity;
	struct vcpu *v = domctl_vcpu(c->d, a->vcpu);
	u64 usable[CPU_WORDS];
	int err = 0;

	if (!v || !(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)))
		return -EINVAL;
	bitmap_online(usable);
	if (a->flags & XEN_VCPUAFFINITY_HARD)
		err = set_map(v->affinity, &a->cpumap_hard, usable, true);
	intersect(usable, v->affinity);
	if (!err && (a->flags & XEN_VCPUAFFINITY_SOFT))
		err = set_map(v->affinity_soft, &a->cpumap_soft, usable, false);
	sched_affinity_changed(v);
	return err;
}

int domctl_get_affinity(const struct domctl *c)
{
	const struct xen_domctl_vcpuaffinity *a = &c->op->u.vcpuaffinity;
	const struct vcpu *v = domctl_vcpu(c->d, a->vcpu);
	int err = 0;

	if (!v || !(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)))
		return -EINVAL;
	if (a->flags & XEN_VCPUAFFINITY_HARD)
		err = bitmap_write(&a->cpumap_hard, v->affinity, MAX_CPUS);
	if (!err && (a->flags & XEN_VCPUAFFINITY_SOFT))
		err = bitmap_write(&a->cpumap_soft, v->affinity_soft, MAX_CPUS);
	return err;
}

// All memory is one node, number 0. -EINVAL a set without it.
int domctl_set_nodes(const struct domctl *c)
{
	u64 nodes;
	int err = bitmap_read(&nodes, 64, &c->op->u.nodeaffinity.nodemap);

	if (err)
		return err;
	return nodes & 1 ? 0 : -EINVAL;
}

int domctl_get_nodes(const struct domctl *c)
{
	const u64 node0 = 1;

	return bitmap_write(&c->op->u.nodeaffinity.nodemap, &node0, 1);
}

// A cap's timer must not come to life again once sched_domain_stop was called.
static int put_parameters(struct domain *d,
			  const struct xen_domctl_sched_credit2 *a)
{
	if (d->dying)
		return -EINVAL;
	if (a->weight)
		WRITE_ONCE(d->sched_weight, a->weight);
	if (a->cap != CAP_UNCHANGED)
		sched_set_cap(d, a->cap);
	return 0;
}

static int get_parameters(const struct domain *d,
			  struct xen_domctl_sched_credit2 *a)
{
	a->weight = d->sched_weight;
	a->cap = d->sched_cap;
	return 0;
}

// -EINVAL another scheduler, parameters of single vCPUs, or a domain that ends.
int domctl_scheduler(const struct domctl *c)
{
	struct xen_domctl_scheduler_op *a = &c->op->u.scheduler_op;

	if (a->sched_id != XEN_SCHEDULER_CREDIT2)
		return -EINVAL;
	switch (a->cmd) {
	case XEN_DOMCTL_SCHEDOP_putinfo:
		return put_parameters(c->d, &a->u.credit2);
	case XEN_DOMCTL_SCHEDOP_getinfo:
		return get_parameters(c->d, &a->u.credit2);
	default:
		return -EINVAL;
	}
}
