// SPDX-License-Identifier: MIT
//
// Validating a page table, entry by entry from 0 up, and undoing that from the
// top down. In between, aux counts the entries that hold references, so either
// can stop at any entry and go on later in either direction. A table of level
// n takes types of level n-1 for its children, which validates them: the calls
// nest as deep as there are levels, four.

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "mm/priv.h"

static struct map_ask own_frames(struct domain *d)
{
	return (struct map_ask){.d = d, .of = d, .owner = d->id};
}

// Entries of L1s are many and cheap: counted at the end, never a stop.
static bool must_stop(u32 level)
{
	return level > 1 && preempt_due(1);
}

static int fill(struct frame *f, u64 *t, u32 level, struct domain *d)
{
	struct map_ask ask = own_frames(d);
	mfn_t own = frame_mfn(f);

	for (u32 i = f->aux; i < ENTRIES; i++) {
		u64 entry = READ_ONCE(t[i]);
		u64 wanted = entry;
		int err = 0;

		f->aux = (u16)i;
		if ((entry & PTE_P) && !entry_is_ours(level, i))
			err = entry_get(&ask, level, i, own, &wanted);
		if (err)
			return err;
		if (wanted != entry)
			WRITE_ONCE(t[i], wanted);
		f->aux = (u16)(i + 1);
		if (must_stop(level) && i + 1 < ENTRIES)
			return -ERESTART;
	}
	return 0;
}

// AUX_FAILED stays in aux unless all is undone.
static int drain(struct frame *f, const u64 *t, u32 level)
{
	u32 failed = f->aux & AUX_FAILED;
	mfn_t own = frame_mfn(f);

	for (u32 i = f->aux & ~AUX_FAILED; i-- > 0;) {
		u64 entry = READ_ONCE(t[i]);
		int err = 0;

		if ((entry & PTE_P) && !entry_is_ours(level, i))
			err = entry_put(level, own, entry);
		if (err)
			return err;
		f->aux = (u16)(i | failed);
		if (must_stop(level) && i)
			return -ERESTART;
	}
	return 0;
}

int table_validate(mfn_t mfn, u32 level, struct domain *d)
{
	struct frame *f = mfn_frame(mfn);
	u64 *t = mfn_virt(mfn);
	int err = -EINVAL;

	if (!(f->aux & AUX_FAILED)) {
		err = fill(f, t, level, d);
		if (err == 0 && level == 4) {
			l4_init_hv_slots(t, d->open_gate);
			root_made(d);
		}
		if (level == 1)
			(void)preempt_due(ENTRIES);
		if (err == 0 || err == -ERESTART)
			return err;
		f->aux |= AUX_FAILED;
	}
	return drain(f, t, level) ? -ERESTART : err;
}

int table_undo(mfn_t mfn, u32 level)
{
	if (level == 1)
		(void)preempt_due(ENTRIES);
	return drain(mfn_frame(mfn), mfn_virt(mfn), level);
}
