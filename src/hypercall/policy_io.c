// SPDX-License-Identifier: MIT
//
// See policy_io.h. Of the MSRs that a policy may have, none has a bit that we
// let guests see; the tools want them nevertheless.
#include "hypercall/policy_io.h"

#include "abi/errno.h"
#include "cpu/uaccess.h"
#include "hw/x86.h"

#define MSR_PLATFORM_INFO 0xceu
#define MSRS 2u
#define MSRS_MAX 16u
#define LEAVES_GIVEN_MAX 512u

struct writer {
	const struct cpu_policy *p;
	gva_t to;
	u32 room, count;
};

static int write_leaf(struct writer *w, u32 leaf, u32 subleaf)
{
	struct cpuid r = policy_get(w->p, leaf, subleaf);
	const xen_cpuid_leaf_t out = {
		leaf,
		policy_has_subleaves(leaf) ? subleaf : XEN_CPUID_NO_SUBLEAF,
		r.a,
		r.b,
		r.c,
		r.d,
	};

	if (w->count == w->room)
		return -ENOBUFS;
	return guest_write(w->to + w->count++ * sizeof(out), &out, sizeof(out));
}

// Leaves from `first` to the limit that it tells, or `last`.
static int write_range(struct writer *w, u32 first, u32 last)
{
	int err = 0;

	last = min(last, policy_get(w->p, first, 0).a);
	for (u32 leaf = first; leaf <= last; leaf++)
		for (u32 i = 0; i < policy_subleaves(leaf) && !err; i++)
			err = write_leaf(w, leaf, i);
	return err;
}

// With the empty ones, and those of the hypervisor and of another one: the
// tools write no more leaves than they read, and they write all of these.
static int write_leaves(const struct cpu_policy *p, struct policy_io *io)
{
	struct writer w = {p, io->leaves, io->nr_leaves, 0};
	int err = write_range(&w, 0, POLICY_LAST);

	if (!err)
		err = write_leaf(&w, POLICY_HV, 0);
	if (!err)
		err = write_leaf(&w, POLICY_HV + 0x100, 0);
	if (!err)
		err = write_range(&w, POLICY_EXT, POLICY_EXT_LAST);
	io->nr_leaves = w.count;
	return err;
}

static int write_msrs(const struct policy_io *io)
{
	static const xen_msr_entry_t out[MSRS] = {
		{.idx = MSR_PLATFORM_INFO},
		{.idx = MSR_ARCH_CAPABILITIES},
	};

	if (io->nr_msrs < MSRS)
		return -ENOBUFS;
	return guest_write(io->msrs, out, sizeof(out));
}

int policy_write(const struct cpu_policy *p, struct policy_io *io)
{
	int err = 0;

	if (io->leaves)
		err = write_leaves(p, io);
	else
		io->nr_leaves = POLICY_LEAVES_MAX;
	if (!err && io->msrs)
		err = write_msrs(io);
	if (err)
		return err;
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
