// SPDX-License-Identifier: MIT
//
// domctl: the processor that a domain sees.
#include "domain/domctl.h"

#include "abi/errno.h"
#include "cpu/cpu.h"
#include "hypercall/policy_io.h"

#define BITS_64 64

static struct policy_io io_of(const struct xen_domctl_cpu_policy *a)
{
	return (struct policy_io){
		.leaves = GUEST_HANDLE_GVA(a->leaves),
		.msrs = GUEST_HANDLE_GVA(a->msrs),
		.nr_leaves = a->nr_leaves,
		.nr_msrs = a->nr_msrs,
	};
}

int domctl_get_policy(const struct domctl *c)
{
	struct xen_domctl_cpu_policy *a = &c->op->u.cpu_policy;
	struct policy_io io = io_of(a);
	int err = policy_write(c->d->policy, &io);

	if (err)
		return err;
	a->nr_leaves = io.nr_leaves;
	a->nr_msrs = io.nr_msrs;
	return 0;
}

static int read_policy(struct xen_domctl_cpu_policy *a,
		       const struct cpu_policy *most, struct cpu_policy *p)
{
	const struct policy_io io = io_of(a);
	struct policy_mistake mistake;
	int err = policy_read(p, most, &io, &mistake);

	a->err_leaf = mistake.leaf;
	a->err_subleaf = mistake.subleaf;
	a->err_msr = mistake.msr;
	return err;
}

// -EEXIST the domain has run already; -ENOMEM; others as policy_read.
int domctl_set_policy(const struct domctl *c)
{
	struct cpu_policy *most, *p;
	int err = -ENOMEM;

	if (c->d->started)
		return -EEXIST;
	most = policy_create(c->d);
	p = kalloc(sizeof(*p));
	if (most && p)
		err = read_policy(&c->op->u.cpu_policy, most, p);
	kfree(most);
	if (err) {
		kfree(p);
		return err;
	}
	kfree(c->d->policy); // nobody looks at it before the domain runs
	c->d->policy = p;
	return 0;
}

// -EINVAL not 64: kernels of 32 bits cannot run.
int domctl_set_address_size(const struct domctl *c)
{
	return c->op->u.address_size.size == BITS_64 ? 0 : -EINVAL;
}

int domctl_get_address_size(const struct domctl *c)
{
	c->op->u.address_size.size = BITS_64;
	return 0;
}
