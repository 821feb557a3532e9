// SPDX-License-Identifier: MIT
//
// Domains growing and shrinking: lists of extents, 2^order frames each. The
// result is how many extents were done, whatever stopped the rest.

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "cpu/uaccess.h"
#include "mm/priv.h"

#define GUEST_MAX_ORDER 9 // 2 MiB, for all but the control domain

// Highest order of one extent that v may ask for.
static u32 memory_max_order(const struct vcpu *v)
{
	return v->domain->privileged ? HEAP_MAX_ORDER : GUEST_MAX_ORDER;
}

u64 memory_limit(u32 flags)
{
	u32 bits = XENMEMF_get_address_bits(flags);

	if (bits == 0 || bits >= 64)
		return ~0ull;
	return bits <= PAGE_SHIFT ? 0 : BIT(bits - PAGE_SHIFT);
}

struct reservation {
	struct domain *d;
	struct xen_memory_reservation r;
	gva_t list; // of u64
};

static bool increase(const struct reservation *x, u64 i)
{
	mfn_t mfn = domain_frames_alloc_below(x->d, x->r.extent_order,
					      memory_limit(x->r.mem_flags));

	if (mfn_is_none(mfn))
		return false;
	return !x->list ||
	       !guest_write(x->list + i * sizeof(u64), &mfn.n, sizeof(u64));
}

static bool populate(const struct reservation *x, u64 i)
{
	gva_t at = x->list + i * sizeof(u64);
	u64 pfn;
	mfn_t mfn;

	if (guest_read(&pfn, at, sizeof(pfn)))
		return false;
	mfn = domain_frames_alloc_below(x->d, x->r.extent_order,
					memory_limit(x->r.mem_flags));
	if (mfn_is_none(mfn))
		return false;
	for (u64 j = 0; j < BIT(x->r.extent_order); j++)
		m2p_set(MFN(mfn.n + j), pfn + j);
	return !guest_write(at, &mfn.n, sizeof(mfn.n));
}

static bool release(struct domain *d, mfn_t mfn)
{
	bool done;

	if (!frame_get(mfn, d->id))
		return false;
	done = domain_frame_release(d, mfn);
	if (done)
		m2p_set(mfn, M2P_INVALID);
	frame_put(mfn);
	return done;
}

static bool decrease(const struct reservation *x, u64 i)
{
	u64 mfn;

	if (guest_read(&mfn, x->list + i * sizeof(u64), sizeof(mfn)))
		return false;
	for (u64 j = 0; j < BIT(x->r.extent_order); j++)
		if (!release(x->d, MFN(mfn + j)))
			return false;
	return true;
}

static bool do_extent(const struct memory_call *c, const struct reservation *x,
		      u64 i)
{
	switch (c->cmd) {
	case XENMEM_populate_physmap:
		return populate(x, i);
	case XENMEM_decrease_reservation:
		return decrease(x, i);
	default:
		return increase(x, i);
	}
}

i64 memory_reservation(const struct memory_call *c)
{
	struct reservation x;
	u64 i = c->start;
	int err = guest_read(&x.r, c->arg, sizeof(x.r));

	if (err)
		return err;
	if (x.r.nr_extents > ~0ull >> MEMOP_BITS || i > x.r.nr_extents ||
	    x.r.extent_order > memory_max_order(c->v) ||
	    (x.r.mem_flags & XENMEMF_populate_on_demand))
		return (i64)i;
	x.d = domain_target(c->v->domain, x.r.domid, &err);
	if (!x.d)
		return err;
	x.list = GUEST_HANDLE_GVA(x.r.extent_start);
	for (; i < x.r.nr_extents; i++) {
		if (!do_extent(c, &x, i))
			break;
		if (preempt_due((u32)BIT(x.r.extent_order)) &&
		    i + 1 < x.r.nr_extents)
			return memory_op_restart(c, i + 1);
	}
	return (i64)i;
}
