// SPDX-License-Identifier: MIT
//
// Validating a page table, entry by entry from 0 up, and undoing that from the
// top down. In between, aux counts the entries that hold references, so either
// can stop at any entry and go on later in either direction. A table of level
// n takes types of level n-1 for its children, which validates them: the calls
// nest as deep as there are levels, four.

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "mm/l1.h"
#include "mm/scan.h"
#include "mm/tlb.h"

static struct map_ask own_frames(struct domain *d)
{
	return (struct map_ask){.d = d, .of = d, .owner = d->id};
}

// Entries of L1s are many and cheap: counted at the end, never a stop. Of the
// others those count that are present; the way past the rest is a unit for each
// SKIPPED_PER_UNIT.
#define SKIPPED_PER_UNIT 16

// Level 1: never preempted, so what is done is told at the end.
static int fill_l1(struct frame *f, u64 *t, struct domain *d)
{
	struct map_ask ask = own_frames(d);
	u16 owner = d->id;
	u32 i;

	for (i = next_present(t, f->aux); i < ENTRIES;
	     i = next_present(t, i + 1)) {
		u64 entry = READ_ONCE(t[i]), wanted = l1_forced(entry);

		if (unlikely(!l1_take(owner, 0, wanted))) {
			u64 other = entry;
			int err = entry_get(&ask, 1, i, MFN_NONE, &other);

			if (unlikely(err)) {
				f->aux = (u16)i;
				return err;
			}
			wanted = other;
		}
		if (wanted != entry)
			WRITE_ONCE(t[i], wanted);
	}
	f->aux = ENTRIES;
	return 0;
}

static void drain_l1(struct frame *f, const u64 *t)
{
	u32 i = f->aux & ~AUX_FAILED;

	while ((i = end_of_present(t, i)) > 0) {
		i--;
		l1_put(READ_ONCE(t[i]));
	}
	f->aux = 0;
}

// What entry_get() takes for a table in use already, where nothing is special.
// False: nothing was taken.
static always_inline bool table_take(u16 owner, u32 level, mfn_t own, u64 entry)
{
	const u64 special = PTE_G | PTE_PSE | PTE_PWT | PTE_PCD;
	mfn_t mfn = entry_mfn(entry);

	if ((entry & special) || !cpu_features.nx || mfn_eq(mfn, own) ||
	    !quick_covered(mfn.n) || !quick_get(mfn, owner))
		return false;
	if (likely(quick_type_get(mfn, (enum frame_type)(level - 1))))
		return true;
	quick_put(mfn);
	return false;
}

// Others than those may take long: the only places to stop.
static int fill(struct frame *f, u64 *t, u32 level, struct domain *d)
{
	struct map_ask ask = own_frames(d);
	mfn_t own = frame_mfn(f);
	u32 from = f->aux, units = 0, i;

	for (i = next_present(t, from); i < ENTRIES;
	     from = i + 1, i = next_present(t, from)) {
		u64 entry = READ_ONCE(t[i]);
		u64 wanted = entry_forced(d, level, i, entry);
		bool usual;
		int err;

		units += 1 + (i - from) / SKIPPED_PER_UNIT;
		if (entry_is_ours(level, i))
			continue;
		usual = table_take(d->id, level, own, entry);
		if (unlikely(!usual)) {
			wanted = entry;
			f->aux = (u16)i;
			err = entry_get(&ask, level, i, own, &wanted);
			if (err)
				return err;
			f->aux = (u16)(i + 1);
		}
		if (wanted != entry)
			WRITE_ONCE(t[i], wanted);
		if (unlikely(!usual) && preempt_due(units) && i + 1 < ENTRIES)
			return -ERESTART;
		units = usual ? units : 0;
	}
	(void)preempt_due(units);
	f->aux = ENTRIES;
	return 0;
}

// The table that held the entry was out of reach since the stamp.
static int drain_entry(u32 level, mfn_t own, u64 entry, u16 stamp)
{
	if (stamp != TLB_CLEAN && !mfn_eq(entry_mfn(entry), own))
		type_unlink(entry_mfn(entry), stamp);
	return entry_put(level, own, entry);
}

// The reverse of table_take().
static always_inline bool table_drop(mfn_t own, u64 entry, u16 stamp)
{
	mfn_t mfn = entry_mfn(entry);

	if (stamp != TLB_CLEAN || mfn_eq(mfn, own) || !quick_type_put(mfn))
		return false;
	quick_put(mfn);
	return true;
}

// AUX_FAILED stays in aux unless all is undone.
static int drain(struct frame *f, const u64 *t, u32 level, u16 stamp)
{
	u32 failed = f->aux & AUX_FAILED;
	u32 end = f->aux & ~AUX_FAILED, units = 0, i;
	mfn_t own = frame_mfn(f);

	for (i = end_of_present(t, end); i > 0;
	     end = i - 1, i = end_of_present(t, end)) {
		u64 entry = READ_ONCE(t[i - 1]);
		int err;

		units += 1 + (end - i) / SKIPPED_PER_UNIT;
		if (entry_is_ours(level, i - 1) ||
		    likely(table_drop(own, entry, stamp)))
			continue;
		f->aux = (u16)(i | failed);
		err = drain_entry(level, own, entry, stamp);
		if (err)
			return err;
		f->aux = (u16)((i - 1) | failed);
		if (preempt_due(units) && i > 1)
			return -ERESTART;
		units = 0;
	}
	(void)preempt_due(units);
	f->aux = 0;
	return 0;
}

static int undo(struct frame *f, const u64 *t, u32 level, u16 stamp)
{
	if (level > 1)
		return drain(f, t, level, stamp);
	drain_l1(f, t);
	return 0;
}

int table_validate(mfn_t mfn, u32 level, struct domain *d)
{
	struct frame *f = mfn_frame(mfn);
	u64 *t = mfn_virt(mfn);
	int err = -EINVAL;

	if (!(f->aux & AUX_FAILED)) {
		err = level == 1 ? fill_l1(f, t, d) : fill(f, t, level, d);
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
	return undo(f, t, level, TLB_CLEAN) ? -ERESTART : err;
}

int table_undo(mfn_t mfn, u32 level, u16 stamp)
{
	if (level == 1)
		(void)preempt_due(ENTRIES);
	return undo(mfn_frame(mfn), mfn_virt(mfn), level, stamp);
}
