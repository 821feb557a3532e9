// SPDX-License-Identifier: MIT
//
// Letting go of page tables without holding up the processor. A large table
// takes many steps to undo; when time is up it is parked at the vCPU that
// asked, and every memory hypercall first works on what is parked. So the
// guest sees all of it done when its hypercall returns, restarts included. One
// operation parks one table at most, a change of both roots two.

#include "abi/errno.h"
#include "mm/priv.h"

int undo_finish(struct vcpu *v)
{
	while (unlikely(undo_pending(v))) {
		mfn_t mfn = MFN(v->undo_mfn[0]);
		struct domain *d = domain_find(mfn_frame(mfn)->owner);

		if (root_put(d, mfn))
			return -ERESTART;
		v->undo_mfn[0] = v->undo_mfn[1];
		v->undo_mfn[1] = 0;
	}
	return 0;
}

int undo_table(struct vcpu *v, mfn_t table)
{
	u32 slot = undo_pending(v) ? 1 : 0;

	if (type_put(table) == 0) {
		frame_put(table);
		return 0;
	}
	bug_on(v->undo_mfn[slot] != 0);
	v->undo_mfn[slot] = table.n;
	return -ERESTART;
}

void root_put_later(struct vcpu *v, mfn_t root)
{
	struct domain *d = v->domain;

	lock_get(&d->lock);
	(void)!undo_table(v, root); // parked: undo_finish goes on
	lock_put(&d->lock);
}
