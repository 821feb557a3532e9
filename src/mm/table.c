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

// A table at work.
struct table {
	struct frame *f;
	u64 *t;
	u32 level;
	struct domain *d;
};

// Entries of L1s are many and cheap: counted at the end, never a stop. Of the
// others those count that are present; the way past the rest is a unit for each
// SKIPPED_PER_UNIT.
#define SKIPPED_PER_UNIT 16

static bool tired(u32 present, u32 way)
{
	return preempt_due(present + way / SKIPPED_PER_UNIT);
}

// The usual entry: these bits are as they should be, and it leads to a frame
// that is in use as what it has to be. There is nothing to do but to count.
struct usual {
	u64 mask, want;
};

static always_inline bool is_usual(const struct usual *u, u64 entry)
{
	return !((entry ^ u->want) & u->mask) &&
	       quick_covered(entry_mfn(entry).n);
}

static u64 refused_nx(void)
{
	return cpu_features.nx ? 0 : PTE_NX;
}

// Another one. 0 or entry_get's errors.
static no_inline int fill_other(const struct table *x, u32 i, u64 entry)
{
	const struct map_ask ask = {.d = x->d, .of = x->d, .owner = x->d->id};
	u64 value = entry;
	int err = entry_get(&ask, x->level, i, frame_mfn(x->f), &value);

	x->f->aux = (u16)(err ? i : i + 1);
	if (err == 0 && value != entry)
		WRITE_ONCE(x->t[i], value);
	return err;
}

// Level 1: never preempted, so what is done is told at the end.
static no_inline int fill_l1(const struct table *x)
{
	const struct usual usual = {
		.mask = PTE_G | L1_CACHE | refused_nx(),
	};
	const u16 owner = x->d->id;
	u64 *t = x->t;
	u32 i;

	for (i = next_present(t, x->f->aux, ENTRIES); i < ENTRIES;
	     i = next_present(t, i + 1, ENTRIES)) {
		u64 entry = READ_ONCE(t[i]);
		int err;

		if (likely(is_usual(&usual, entry) &&
			   l1_take_page(owner, entry_mfn(entry),
					entry & PTE_RW))) {
			if (unlikely(!(entry & PTE_US)))
				WRITE_ONCE(t[i], l1_forced(entry));
			continue;
		}
		err = fill_other(x, i, entry);
		if (unlikely(err))
			return err;
	}
	x->f->aux = ENTRIES;
	return 0;
}

static no_inline void drain_l1(const struct table *x)
{
	u32 i = x->f->aux & ~AUX_FAILED;

	while ((i = end_of_present(x->t, i, 0)) > 0) {
		i--;
		l1_put(READ_ONCE(x->t[i]));
	}
	x->f->aux = 0;
}

// A link to a table that is in use already. False: it is not, or not as that,
// and nothing was taken. (The table that is being filled is in use as another.)
static always_inline bool table_take(u16 owner, mfn_t mfn, enum frame_type t)
{
	if (unlikely(!quick_get(mfn, owner)))
		return false;
	if (likely(quick_type_get(mfn, t)))
		return true;
	quick_put(mfn);
	return false;
}

// The reverse. (The table that is being drained has no other link.)
static always_inline bool table_drop(mfn_t mfn)
{
	if (unlikely(!quick_type_put(mfn)))
		return false;
	quick_put(mfn);
	return true;
}

// Slots of a table that are the guest's, all of one half.
struct span {
	u32 first, end;
};

static const struct span all_slots = {0, ENTRIES};
static const struct span lower_slots = {0, HV_FIRST_SLOT};
static const struct span upper_slots = {HV_FIRST_SLOT + HV_NR_SLOTS, ENTRIES};

// Others than level 1 may take long: the only places to stop.
static no_inline int fill_span(const struct table *x, const struct span *s)
{
	const u64 forced = x->level < 4 ? PTE_US : PTE_US | PTE_A;
	const struct usual usual = {
		.mask = PTE_G | PTE_PSE | PTE_PWT | PTE_PCD | forced |
			refused_nx(),
		.want = entry_forced(x->d, x->level, s->first, 0),
	};
	const enum frame_type below = (enum frame_type)(x->level - 1);
	const u32 end = s->end;
	const u16 owner = x->d->id;
	u32 from = max((u32)x->f->aux, s->first), present = 0, i;
	u64 *t = x->t;

	for (i = next_present(t, from, end); i < end;
	     i = next_present(t, i + 1, end)) {
		u64 entry = READ_ONCE(t[i]);
		int err;

		present++;
		if (likely(is_usual(&usual, entry) &&
			   table_take(owner, entry_mfn(entry), below)))
			continue;
		err = fill_other(x, i, entry);
		if (err)
			return err;
		if (tired(present, i - from) && i + 1 < ENTRIES)
			return -ERESTART;
		present = 0;
		from = i;
	}
	(void)tired(present, i - from);
	return 0;
}

static int fill(const struct table *x)
{
	int err;

	if (x->level < 4) {
		err = fill_span(x, &all_slots);
	} else {
		err = fill_span(x, &lower_slots);
		if (!err)
			err = fill_span(x, &upper_slots);
	}
	if (!err)
		x->f->aux = ENTRIES;
	return err;
}

// Another one. The table was out of reach since the stamp. AUX_FAILED stays in
// aux. 0 or -ERESTART.
static no_inline int drain_other(const struct table *x, u32 i, u64 entry,
				 u16 stamp)
{
	u32 failed = x->f->aux & AUX_FAILED;
	mfn_t own = frame_mfn(x->f);
	int err;

	if (stamp != TLB_CLEAN && !mfn_eq(entry_mfn(entry), own))
		type_unlink(entry_mfn(entry), stamp);
	err = entry_put(x->level, own, entry);
	x->f->aux = (u16)((err ? i + 1 : i) | failed);
	return err;
}

static no_inline int drain_span(const struct table *x, const struct span *s,
				u16 stamp)
{
	const bool clean = stamp == TLB_CLEAN;
	const u32 first = s->first;
	u32 from = min(x->f->aux & ~AUX_FAILED, s->end), present = 0, i = from;
	u64 *t = x->t;

	while ((i = end_of_present(t, i, first)) > first) {
		u64 entry;
		int err;

		i--;
		entry = READ_ONCE(t[i]);
		present++;
		if (clean && likely(table_drop(entry_mfn(entry))))
			continue;
		err = drain_other(x, i, entry, stamp);
		if (err)
			return err;
		if (tired(present, from - i) && i > 0)
			return -ERESTART;
		present = 0;
		from = i;
	}
	(void)tired(present, from - i);
	return 0;
}

static int drain(const struct table *x, u16 stamp)
{
	int err;

	if (x->level < 4) {
		err = drain_span(x, &all_slots, stamp);
	} else {
		err = drain_span(x, &upper_slots, stamp);
		if (!err)
			err = drain_span(x, &lower_slots, stamp);
	}
	if (!err)
		x->f->aux = 0;
	return err;
}

static int undo(const struct table *x, u16 stamp)
{
	if (x->level > 1)
		return drain(x, stamp);
	drain_l1(x);
	return 0;
}

int table_validate(mfn_t mfn, u32 level, struct domain *d)
{
	const struct table x = {mfn_frame(mfn), mfn_virt(mfn), level, d};
	int err = -EINVAL;

	if (!(x.f->aux & AUX_FAILED)) {
		err = level == 1 ? fill_l1(&x) : fill(&x);
		if (err == 0 && level == 4) {
			l4_init_hv_slots(x.t, d->open_gate);
			root_made(d);
		}
		if (level == 1)
			(void)preempt_due(ENTRIES);
		if (err == 0 || err == -ERESTART)
			return err;
		x.f->aux |= AUX_FAILED;
	}
	return undo(&x, TLB_CLEAN) ? -ERESTART : err;
}

int table_undo(mfn_t mfn, u32 level, u16 stamp)
{
	const struct table x = {mfn_frame(mfn), mfn_virt(mfn), level, NULL};

	if (level == 1)
		(void)preempt_due(ENTRIES);
	return undo(&x, stamp);
}
