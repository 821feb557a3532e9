// SPDX-License-Identifier: MIT
//
// Frames that belong to domains: given, taken back, counted.

#include "lib/string.h"
#include "mm/priv.h"

static bool reserve(struct domain *d, u64 n)
{
	u64 now = __atomic_add_fetch(&d->tot_pages, n, __ATOMIC_SEQ_CST);

	if (now <= d->max_pages)
		return true;
	__atomic_sub_fetch(&d->tot_pages, n, __ATOMIC_SEQ_CST);
	return false;
}

void domain_frames_own(struct domain *d, mfn_t mfn, u32 order)
{
	for (u64 i = mfn.n; i < mfn.n + BIT(order); i++)
		WRITE_ONCE(mfn_frame(MFN(i))->owner, d->id);
}

mfn_t domain_frames_alloc_below(struct domain *d, u32 order, u64 limit)
{
	mfn_t mfn = MFN_NONE;
	u64 used;

	if (order > HEAP_MAX_ORDER || d->dying || !reserve(d, BIT(order)))
		return MFN_NONE;
	if (claim_use(d, BIT(order), &used)) {
		mfn = heap_alloc_below(order, limit);
		if (mfn_is_none(mfn) && used)
			claim_return(d, used);
	}
	if (mfn_is_none(mfn))
		__atomic_sub_fetch(&d->tot_pages, BIT(order), __ATOMIC_SEQ_CST);
	else
		domain_frames_own(d, mfn, order);
	return mfn;
}

mfn_t domain_frames_alloc(struct domain *d, u32 order, u32 flags)
{
	u64 limit = flags & HEAP_BELOW_4G ? GIB(4) >> PAGE_SHIFT : ~0ull;
	mfn_t mfn = domain_frames_alloc_below(d, order, limit);

	if (!mfn_is_none(mfn) && (flags & HEAP_ZERO))
		memset(mfn_virt(mfn), 0, PAGE_SIZE << order);
	return mfn;
}

void domain_frame_assign(struct domain *d, mfn_t mfn)
{
	bug_on(mfn_frame(mfn)->owner != OWNER_HV);
	__atomic_add_fetch(&d->tot_pages, 1, __ATOMIC_SEQ_CST);
	domain_frames_own(d, mfn, 0);
}

bool domain_frame_release(struct domain *d, mfn_t mfn)
{
	bug_on(mfn_frame(mfn)->owner != d->id);
	return frame_release(mfn);
}
