// SPDX-License-Identifier: MIT
//
// See policy_io.h. Of the MSRs that a policy may have, none has a bit that we
// let guests see; the tools want the first nevertheless.
#include "hypercall/policy_io.h"

#include "abi/errno.h"
#include "cpu/uaccess.h"

#define MSR_PLATFORM_INFO 0xceu
#define MSR_ARCH_CAPABILITIES 0x10au
#define MSRS 1u
#define MSRS_MAX 16u
#define LEAVES_GIVEN_MAX 512u

static int write_leaves(const struct cpu_policy *p, const struct policy_io *io)
{
	if (io->nr_leaves < p->count)
		return -ENOBUFS;
	for (u32 i = 0; i < p->count; i++) {
		const struct policy_leaf *l = &p->leaf[i];
		xen_cpuid_leaf_t out = {
			.leaf = l->leaf,
			.subleaf = policy_has_subleaves(l->leaf)
					   ? l->subleaf
					   : XEN_CPUID_NO_SUBLEAF,
			.a = l->value.a,
			.b = l->value.b,
			.c = l->value.c,
			.d = l->value.d,
		};

		if (guest_write(io->leaves + i * sizeof(out), &out,
				sizeof(out)))
			return -EFAULT;
	}
	return 0;
}

static int write_msrs(const struct policy_io *io)
{
	const xen_msr_entry_t out = {.idx = MSR_PLATFORM_INFO};

	if (io->nr_msrs < MSRS)
		return -ENOBUFS;
	return guest_write(io->msrs, &out, sizeof(out));
}

int policy_write(const struct cpu_policy *p, struct policy_io *io)
{
	int err = 0;

	if (io->leaves)
		err = write_leaves(p, io);
	if (!err && io->msrs)
		err = write_msrs(io);
	if (err)
		return err;
	io->nr_leaves = io->leaves ? p->count : POLICY_LEAVES_MAX;
	io->nr_msrs = MSRS;
	return 0;
}

static int read_leaves(struct cpu_policy *p, const struct cpu_policy *most,
		       const struct policy_io *io,
		       struct policy_mistake *mistake)
{
	for (u32 i = 0; i < io->nr_leaves; i++) {
		xen_cpuid_leaf_t ask;
		int err;

		if (guest_read(&ask, io->leaves + i * sizeof(ask), sizeof(ask)))
			return -EFAULT;
		err = policy_add(p, most, &ask);
		if (err) {
			mistake->leaf = ask.leaf;
			mistake->subleaf = ask.subleaf;
			return err;
		}
	}
	return 0;
}

static int check_msr(const xen_msr_entry_t *e)
{
	if (e->idx != MSR_PLATFORM_INFO && e->idx != MSR_ARCH_CAPABILITIES)
		return -ERANGE;
	return e->flags || e->val ? -EINVAL : 0;
}

static int read_msrs(const struct policy_io *io, struct policy_mistake *mistake)
{
	for (u32 i = 0; i < io->nr_msrs; i++) {
		xen_msr_entry_t e;
		int err;

		if (guest_read(&e, io->msrs + i * sizeof(e), sizeof(e)))
			return -EFAULT;
		err = check_msr(&e);
		if (err) {
			mistake->msr = e.idx;
			return err;
		}
	}
	return 0;
}

int policy_read(struct cpu_policy *p, const struct cpu_policy *most,
		const struct policy_io *io, struct policy_mistake *mistake)
{
	int err;

	*mistake = (struct policy_mistake){~0u, ~0u, ~0u};
	if (io->nr_leaves > LEAVES_GIVEN_MAX || io->nr_msrs > MSRS_MAX)
		return -E2BIG;
	err = read_leaves(p, most, io, mistake);
	return err ? err : read_msrs(io, mistake);
}
