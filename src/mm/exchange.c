// SPDX-License-Identifier: MIT
//
// XENMEM_exchange: a domain gives scattered frames and gets contiguous ones,
// or ones that a device can reach. It goes chunk by chunk, a chunk being the
// larger of the two extent sizes; each chunk is exchanged whole or not at all.
//
// A frame is taken out of its owner's hands by setting its reference count to
// 0, which works only while nobody uses it. Until the chunk is sure to succeed
// it can be given back.

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "cpu/uaccess.h"
#include "mm/priv.h"

#define MAX_CHUNK_ORDER 12

struct exchange {
	struct domain *d;
	struct xen_memory_exchange e;
	gva_t in, out; // lists of u64
	u32 order; // of a chunk
	u64 in_per_chunk, out_per_chunk;
	u64 limit; // frame numbers must be below
	u64 *list; // the frames of a chunk, then PFNs, then new extents
};

static bool steal(const struct domain *d, u64 n)
{
	u32 sole = REF_ALLOCATED | 2; // the owner's and ours

	if (!frame_get(MFN(n), d->id))
		return false;
	if (__atomic_compare_exchange_n(&mfn_frame(MFN(n))->ref, &sole, 0,
					false, __ATOMIC_SEQ_CST,
					__ATOMIC_RELAXED))
		return true;
	frame_put(MFN(n));
	return false;
}

static void give_back(const u64 *list, u64 n)
{
	for (u64 i = 0; i < n; i++)
		__atomic_store_n(&mfn_frame(MFN(list[i]))->ref,
				 REF_ALLOCATED | 1, __ATOMIC_SEQ_CST);
}

// Takes the frames of the chunk whose first extent is `at`.
static int take_old(const struct exchange *x, u64 at)
{
	u64 per_extent = BIT(x->e.in.extent_order);
	u64 n = 0;

	for (u64 i = 0; i < x->in_per_chunk; i++) {
		u64 mfn;
		int err = guest_read(&mfn, x->in + (at + i) * sizeof(u64),
				     sizeof(mfn));

		for (u64 j = 0; !err && j < per_extent; j++) {
			if (steal(x->d, mfn + j))
				x->list[n++] = mfn + j;
			else
				err = -EINVAL;
		}
		if (err) {
			give_back(x->list, n);
			return err;
		}
	}
	return 0;
}

static int alloc_new(const struct exchange *x, u64 *new)
{
	for (u64 i = 0; i < x->out_per_chunk; i++) {
		mfn_t mfn = heap_alloc_below(x->e.out.extent_order, x->limit);

		if (mfn_is_none(mfn)) {
			while (i-- > 0)
				heap_free(MFN(new[i]), x->e.out.extent_order);
			return -ENOMEM;
		}
		new[i] = mfn.n;
	}
	return 0;
}

// No way back: the new frames are the domain's under the given PFNs.
static int commit(const struct exchange *x, gva_t out, const u64 *pfn,
		  const u64 *new)
{
	u32 order = x->e.out.extent_order;

	for (u64 i = 0; i < x->out_per_chunk; i++) {
		domain_frames_own(x->d, MFN(new[i]), order);
		for (u64 j = 0; j < BIT(order); j++)
			m2p_set(MFN(new[i] + j), pfn[i] + j);
	}
	for (u64 i = 0; i < BIT(x->order); i++)
		frame_discard(MFN(x->list[i]));
	return guest_write(out, new, x->out_per_chunk * sizeof(u64));
}

static int exchange_chunk(const struct exchange *x, u64 at)
{
	u64 *pfn = x->list + BIT(x->order);
	u64 *new = pfn + x->out_per_chunk;
	gva_t out =
		x->out + at / x->in_per_chunk * x->out_per_chunk * sizeof(u64);
	int err = guest_read(pfn, out, x->out_per_chunk * sizeof(u64));

	if (err)
		return err;
	err = take_old(x, at);
	if (err)
		return err;
	err = alloc_new(x, new);
	if (err) {
		give_back(x->list, BIT(x->order));
		return err;
	}
	return commit(x, out, pfn, new);
}

static int decode(const struct memory_call *c, struct exchange *x)
{
	const struct xen_memory_reservation *in = &x->e.in, *out = &x->e.out;
	u32 most = c->v->domain->privileged ? MAX_CHUNK_ORDER : 0;
	int err = 0;

	if (in->domid != out->domid || in->nr_extents > ~0ull >> MEMOP_BITS ||
	    in->extent_order > most || out->extent_order > most)
		return -EINVAL;
	x->order = max(in->extent_order, out->extent_order);
	x->in_per_chunk = BIT(x->order - in->extent_order);
	x->out_per_chunk = BIT(x->order - out->extent_order);
	if (in->nr_extents << in->extent_order !=
		    out->nr_extents << out->extent_order ||
	    in->nr_extents % x->in_per_chunk ||
	    x->e.nr_exchanged > in->nr_extents ||
	    x->e.nr_exchanged % x->in_per_chunk)
		return -EINVAL;
	x->in = GUEST_HANDLE_GVA(in->extent_start);
	x->out = GUEST_HANDLE_GVA(out->extent_start);
	x->limit = memory_limit(out->mem_flags);
	x->d = domain_target(c->v->domain, in->domid, &err);
	if (!x->d)
		return err;
	// What it got now nobody would take back (domain/destroy.c).
	return x->d->dying ? -EINVAL : 0;
}

static int write_progress(const struct memory_call *c, u64 done)
{
	return guest_write(
		c->arg + offsetof(struct xen_memory_exchange, nr_exchanged),
		&done, sizeof(done));
}

// nr_exchanged is kept in the guest's structure, so a restart goes on there.
i64 memory_exchange(const struct memory_call *c)
{
	struct exchange x;
	u64 at;
	int err = guest_read(&x.e, c->arg, sizeof(x.e));

	if (!err)
		err = decode(c, &x);
	if (err)
		return err;
	x.list = kalloc(3 * BIT(x.order) * sizeof(u64));
	if (!x.list)
		return -ENOMEM;
	at = x.e.nr_exchanged;
	while (at < x.e.in.nr_extents && !err) {
		err = exchange_chunk(&x, at);
		if (err)
			break;
		at += x.in_per_chunk;
		if (preempt_due((u32)BIT(x.order)) && at < x.e.in.nr_extents)
			err = -ERESTART;
	}
	kfree(x.list);
	if (write_progress(c, at))
		return -EFAULT;
	return err == -ERESTART ? memory_op_restart(c, 0) : err;
}
