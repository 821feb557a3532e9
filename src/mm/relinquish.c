// SPDX-License-Identifier: MIT
//
// Taking all memory from a dead domain: one pass over the frame table undoes
// its pins and half-done tables and drops its own references. What others still
// map goes when they let go. The pass is cut into pieces; d->relinquish_at
// remembers where it is.

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "mm/priv.h"

#define SKIP 4096 // frames: how far to look on from a hole

// Drops the type reference of a pin, or the half-done work of nobody. keep:
// the flags that say so, set again when preempted.
static int undo(mfn_t mfn, u32 clear, u32 keep, u32 add)
{
	u32 *type = &mfn_frame(mfn)->type;

	__atomic_fetch_and(type, ~clear, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(type, add, __ATOMIC_SEQ_CST);
	if (type_put(mfn)) {
		__atomic_fetch_sub(type, add, __ATOMIC_SEQ_CST);
		__atomic_fetch_or(type, keep, __ATOMIC_SEQ_CST);
		return -ERESTART;
	}
	frame_put(mfn);
	return 0;
}

static int undo_frame(mfn_t mfn)
{
	u32 type = READ_ONCE(mfn_frame(mfn)->type);

	if (type & FT_PINNED)
		return undo(mfn, FT_PINNED, FT_PINNED, 0);
	if ((type & FT_PARTIAL) && type_count(type) == 0)
		return undo(mfn, 0, 0, 1);
	return 0;
}

static int relinquish_frame(struct domain *d, mfn_t mfn)
{
	int err;

	if (!frame_get(mfn, d->id))
		return 0;
	err = undo_frame(mfn);
	if (!err)
		(void)domain_frame_release(d, mfn);
	frame_put(mfn);
	return err;
}

static int relinquish_all(struct domain *d)
{
	u64 n = d->relinquish_at;
	bool stop = false;
	int err = 0;

	while (n < frame_limit() && !stop) {
		if (!frame_covered(n)) {
			n |= SKIP - 1;
		} else if (mfn_frame(MFN(n))->owner == d->id) {
			err = relinquish_frame(d, MFN(n));
			if (err)
				break;
			stop = preempt_due(1);
		}
		n++;
		if (n % SKIP == 0 && preempt_due(SKIP / 8))
			stop = true;
	}
	d->relinquish_at = n;
	return n < frame_limit() ? -ERESTART : 0;
}

int domain_relinquish_memory(struct domain *d)
{
	struct vcpu *v;
	int err;

	for_each_vcpu (d, v)
		if (undo_finish(v))
			return -ERESTART;
	lock_get(&d->lock);
	err = relinquish_all(d);
	lock_put(&d->lock);
	if (err)
		return err;
	kfree(d->memory_map);
	d->memory_map = NULL;
	return 0;
}
