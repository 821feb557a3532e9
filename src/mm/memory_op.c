// SPDX-License-Identifier: MIT
//
// memory_op: what a domain asks about memory, and the table of sub-operations.
// Those that change reservations are in files of their own.

#include "abi/errno.h"
#include "cpu/uaccess.h"
#include "hypercall/hypercall.h"
#include "mm/m2p.h"
#include "mm/priv.h"

#define PFN_LIMIT BIT(52 - PAGE_SHIFT)

i64 memory_op_restart(const struct memory_call *c, u64 done)
{
	c->h->arg[0] = c->cmd | done << MEMOP_BITS;
	return hypercall_restart(c->h);
}

static struct domain *read_domain(const struct memory_call *c, int *err)
{
	struct xen_memory_domain md;

	*err = guest_read(&md, c->arg, sizeof(md));
	return *err ? NULL : domain_target(c->v->domain, md.domid, err);
}

static i64 current_reservation(const struct memory_call *c)
{
	int err;
	const struct domain *d = read_domain(c, &err);

	return d ? (i64)READ_ONCE(d->tot_pages) : err;
}

static i64 maximum_reservation(const struct memory_call *c)
{
	int err;
	const struct domain *d = read_domain(c, &err);

	return d ? (i64)READ_ONCE(d->max_pages) : err;
}

static i64 maximum_gpfn(const struct memory_call *c)
{
	int err;
	const struct domain *d = read_domain(c, &err);
	u64 count;

	if (!d)
		return err;
	// What the guest says must not look like an error.
	count = min(READ_ONCE(d->shared->arch.max_pfn), PFN_LIMIT);
	return count ? (i64)count - 1 : 0;
}

static i64 maximum_ram_page(const struct memory_call *c)
{
	(void)c;
	return (i64)frame_limit() - 1;
}

static i64 machphys_mapping(const struct memory_call *c)
{
	struct xen_machphys_mapping m = {
		.v_start = M2P_BASE,
		.v_end = M2P_BASE +
			 ALIGN_UP(frame_limit() * sizeof(u64), LARGE_PAGE),
		.max_mfn = frame_limit() - 1,
	};

	return guest_write(c->arg, &m, sizeof(m));
}

static i64 machphys_mfn_list(const struct memory_call *c)
{
	struct xen_machphys_mfn_list list;
	u64 chunks =
		ALIGN_UP(frame_limit() * sizeof(u64), LARGE_PAGE) / LARGE_PAGE;
	gva_t to;

	if (guest_read(&list, c->arg, sizeof(list)))
		return -EFAULT;
	to = GUEST_HANDLE_GVA(list.extent_start);
	list.nr_extents = (u32)min((u64)list.max_extents, chunks);
	for (u64 i = 0; i < list.nr_extents; i++) {
		mfn_t mfn = m2p_chunk(i);
		u64 first = mfn_is_none(mfn) ? 0 : mfn.n;

		if (guest_write(to + i * sizeof(u64), &first, sizeof(first)))
			return -EFAULT;
	}
	return guest_write(c->arg, &list, sizeof(list));
}

static i64 nothing_shared(const struct memory_call *c)
{
	(void)c;
	return 0;
}

static i64 not_supported(const struct memory_call *c)
{
	(void)c;
	return -EOPNOTSUPP;
}

static i64 (*const ops[])(const struct memory_call *c) = {
	[XENMEM_increase_reservation] = memory_reservation,
	[XENMEM_decrease_reservation] = memory_reservation,
	[XENMEM_maximum_ram_page] = maximum_ram_page,
	[XENMEM_current_reservation] = current_reservation,
	[XENMEM_maximum_reservation] = maximum_reservation,
	[XENMEM_machphys_mfn_list] = machphys_mfn_list,
	[XENMEM_populate_physmap] = memory_reservation,
	[XENMEM_memory_map] = memory_map_get,
	[XENMEM_machine_memory_map] = memory_map_machine,
	[XENMEM_exchange] = memory_exchange,
	[XENMEM_machphys_mapping] = machphys_mapping,
	[XENMEM_set_memory_map] = memory_map_set,
	[XENMEM_maximum_gpfn] = maximum_gpfn,
	[XENMEM_get_sharing_freed_pages] = nothing_shared,
	[XENMEM_get_sharing_shared_pages] = nothing_shared,
	[XENMEM_claim_pages] = memory_claim,
	[XENMEM_get_vnumainfo] = not_supported,
	[XENMEM_acquire_resource] = memory_acquire_resource,
};

i64 hc_memory_op(struct vcpu *v, struct hcall *h)
{
	struct memory_call c = {
		.v = v,
		.h = h,
		.cmd = h->arg[0] & (BIT(MEMOP_BITS) - 1),
		.arg = h->arg[1],
		.start = h->arg[0] >> MEMOP_BITS,
	};

	if (c.cmd >= ARRAY_SIZE(ops) || !ops[c.cmd])
		return -ENOSYS;
	return ops[c.cmd](&c);
}
