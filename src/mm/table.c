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
#include "mm/tlb.h"

static struct map_ask own_frames(struct domain *d)
{
	return (struct map_ask){.d = d, .of = d, .owner = d->id};
}

// Entries of L1s are many and cheap: counted at the end, never a stop. Of the
// others those count that are present; the way past the rest is a unit for each
// SKIPPED_PER_UNIT.
#define SKIPPED_PER_UNIT 16

static bool must_stop(u32 level, u32 units)
{
	return level > 1 && preempt_due(units);
}

// Most entries of most tables are empty, and a process has some ten tables:
// these two loops are half of the hypervisor's part of a fork. Those of others
// are full: inlined, they cost little there. Entries that another processor is
// writing (A and D bits) stay present or absent.
#define GROUP 16

static always_inline bool group_empty(const u64 *t)
{
	u64 low = t[0] | t[1] | t[2] | t[3] | t[4] | t[5] | t[6] | t[7];
	u64 high = t[8] | t[9] | t[10] | t[11] | t[12] | t[13] | t[14] | t[15];

	return !((low | high) & PTE_P);
}

// The first present entry from i on, or ENTRIES.
static always_inline u32 next_present(const u64 *t, u32 i)
{
	while (i < ENTRIES && !(t[i] & PTE_P))
		if (i % GROUP == 0 && group_empty(t + i))
			i += GROUP;
		else
			i++;
	return i;
}

// One more than the last present entry below i, or 0.
static always_inline u32 end_of_present(const u64 *t, u32 i)
{
	while (i > 0 && !(t[i - 1] & PTE_P))
		if (i % GROUP == 0 && group_empty(t + i - GROUP))
			i -= GROUP;
		else
			i--;
	return i;
}

// Level 1: never preempted, so what is done is told at the end.
static int fill_l1(struct frame *f, u64 *t, struct domain *d)
{
	struct map_ask ask = own_frames(d);
	u32 i;

	for (i = next_present(t, f->aux); i < ENTRIES;
	     i = next_present(t, i + 1)) {
		u64 entry = READ_ONCE(t[i]), wanted = l1_forced(entry);
		int err = 0;

		if (unlikely(!l1_take(d->id, 0, wanted)))
			err = entry_get(&ask, 1, i, MFN_NONE, &wanted);
		if (unlikely(err)) {
			f->aux = (u16)i;
			return err;
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

static int fill(struct frame *f, u64 *t, u32 level, struct domain *d)
{
	struct map_ask ask = own_frames(d);
	mfn_t own = frame_mfn(f);
	u32 from = f->aux;

	for (;;) {
		u32 i = next_present(t, from), skipped = i - from;
		u64 entry, wanted;
		int err = 0;

		f->aux = (u16)i;
		if (i == ENTRIES)
			return 0;
		wanted = entry = READ_ONCE(t[i]);
		if (!entry_is_ours(level, i))
			err = entry_get(&ask, level, i, own, &wanted);
		if (err)
			return err;
		if (wanted != entry)
			WRITE_ONCE(t[i], wanted);
		from = i + 1;
		f->aux = (u16)from;
		if (must_stop(level, 1 + skipped / SKIPPED_PER_UNIT) &&
		    from < ENTRIES)
			return -ERESTART;
	}
}

// The table that held the entry was out of reach since the stamp.
static int drain_entry(u32 level, mfn_t own, u64 entry, u16 stamp)
{
	if (level > 1 && !mfn_eq(entry_mfn(entry), own))
		type_unlink(entry_mfn(entry), stamp);
	return entry_put(level, own, entry);
}

// AUX_FAILED stays in aux unless all is undone.
static int drain(struct frame *f, const u64 *t, u32 level, u16 stamp)
{
	u32 failed = f->aux & AUX_FAILED;
	u32 end = f->aux & ~AUX_FAILED;
	mfn_t own = frame_mfn(f);

	for (;;) {
		u32 i = end_of_present(t, end), skipped = end - i;
		u64 entry;
		int err = 0;

		f->aux = (u16)(i | failed);
		if (i == 0)
			break;
		i--;
		entry = READ_ONCE(t[i]);
		if (!entry_is_ours(level, i))
			err = drain_entry(level, own, entry, stamp);
		if (err)
			return err;
		end = i;
		f->aux = (u16)(i | failed);
		if (must_stop(level, 1 + skipped / SKIPPED_PER_UNIT) && i)
			return -ERESTART;
	}
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
