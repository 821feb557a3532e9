// SPDX-License-Identifier: MIT
//
// Types: what a frame is used as. The rule that all protection rests on: a
// frame has one type at a time, and changes it only while nobody uses it. So
// what was validated as a page table cannot be written to by its guest, and
// what a guest can write is never walked by the processor.
//
// The type word holds type, count and flags, and is changed by compare and
// exchange only. Its states:
//
//	count 0				free to become any type
//	count 0, LOCKED			for an instant: aux is being stamped, or
//					one word of the frame is written
//	count 1, no VALID, no PARTIAL	being validated by who made the count 1
//	count n, VALID			in use
//	count 1, PARTIAL		a table being undone; the last user's
//					type_put was preempted and comes again
//	count 0, PARTIAL		a table half validated (or, after an
//					error, half undone); holds a reference
//					to itself; the next type_get goes on
//
// Page-table types are only taken and dropped under the owner's d->lock, so
// their in-between states are met by nobody but the auditor. Writable and
// descriptor types need no lock: others wait for VALID.
//
// Stale translations. When the count drops to 0 the TLB clock is noted in aux.
// A change of type later first flushes those processors that have not been
// flushed since: they could still write to the frame, or walk it as a table.
//
// What counts for a table is when a processor could last have come by it. A
// processor has walked nothing but what hangs under the root in its CR3, since
// each load of CR3 flushes. So the moments that matter are those at which a
// link to the table was taken out of a table in use (type_unlink): aux of a
// valid table is the last of them, or TLB_CLEAN. A root that is undone is in no
// CR3 any more, so nobody remembers a way through it; a table that falls with
// the one above inherits what was noted there. Hence a process that ends costs
// no flush of other processors, and an munmap does.

#include "abi/errno.h"
#include "cpu/cpu.h"
#include "mm/priv.h"
#include "mm/shadow.h"
#include "mm/quick.h"
#include "mm/tlb.h"

static u32 word(enum frame_type t)
{
	return (u32)t << FT_TYPE_SHIFT;
}

static bool exchange(struct frame *f, u32 *old, u32 new)
{
	return __atomic_compare_exchange_n(&f->type, old, new, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static void set(struct frame *f, u32 value)
{
	__atomic_store_n(&f->type, value, __ATOMIC_RELEASE);
}

// The word is LOCKED.
static void stamp_unused(struct frame *f, enum frame_type t, u16 stamp)
{
	f->aux = stamp;
	set(f, word(t));
}

// The count is ours alone and goes to 0 now.
static void set_unused(struct frame *f, enum frame_type t, u16 stamp)
{
	__atomic_store_n(&f->type, word(t) | FT_LOCKED, __ATOMIC_SEQ_CST);
	stamp_unused(f, t, stamp);
}

static bool descriptors_fix(mfn_t mfn)
{
	u64 *desc = mfn_virt(mfn);

	for (u32 i = 0; i < ENTRIES; i++)
		if (!descriptor_fix(&desc[i]))
			return false;
	return true;
}

// Ends a validation that table_validate did not finish.
static void stop_validation(struct frame *f, enum frame_type t, int err)
{
	if (err == -ERESTART) {
		frame_get_more(frame_mfn(f));
		set(f, word(t) | FT_PARTIAL);
	} else {
		set_unused(f, t, tlb_stamp());
	}
}

static int validate(struct frame *f, enum frame_type t, struct domain *d)
{
	mfn_t mfn = frame_mfn(f);
	int err = 0;

	if (kind_is_table(t))
		err = table_validate(mfn, (u32)t, d);
	else if (t == TYPE_DESC && !descriptors_fix(mfn))
		err = -EINVAL;
	if (!err && kind_is_table(t))
		f->aux = TLB_CLEAN;
	if (err)
		stop_validation(f, t, err);
	else
		set(f, word(t) | FT_VALID | 1);
	if (t != TYPE_WRITABLE)
		dirty_mark(mfn); // bits were forced
	return err;
}

// Can this processor write to no frame that is not mapped writable now? d's
// tables, whose lock is held for page tables, are mostly those it runs on.
static bool writes_no_more(enum frame_type from, enum frame_type t,
			   const struct domain *d)
{
	return from == TYPE_WRITABLE &&
	       (tlb_is_fresh() ||
		(kind_is_table(t) && tlb_freshen(d, d->weakened_va)));
}

// Who could still write to the frame by what is stale: that can wait here until
// somebody writes. Who could walk it as a table finds there what other
// processors' guests write by now, even if he only reads.
static void settle(const struct frame *f, enum frame_type from,
		   enum frame_type t, const struct domain *d)
{
	if (kind_is_table(from))
		tlb_flush_stale(f->aux);
	else if (writes_no_more(from, t, d))
		tlb_flush_stale_elsewhere(f->aux);
	else
		tlb_flush_stale_later(f->aux);
}

// The count was 0 and is 1 now, for type t. A table's aux is about to say
// something else, so what it says is settled even if the type stays.
static int begin(struct frame *f, enum frame_type from, enum frame_type t,
		 struct domain *d)
{
	if (from != TYPE_NONE && (from != t || kind_is_table(t)))
		settle(f, from, t, d);
	if (kind_is_table(t))
		f->aux = 0;
	return validate(f, t, d);
}

// The count was 0 with PARTIAL and is 1 now.
static int resume(struct frame *f, enum frame_type t, struct domain *d)
{
	frame_put(frame_mfn(f)); // the caller holds another
	return validate(f, t, d);
}

int type_get(mfn_t mfn, enum frame_type t, struct domain *d)
{
	struct frame *f = mfn_frame(mfn);
	u32 old = READ_ONCE(f->type);

	assert(!kind_is_table(t) || lock_mine(&d->lock));
	for (;;) {
		enum frame_type kind = type_kind(old);

		if (old & FT_LOCKED) {
			lock_spin();
			old = READ_ONCE(f->type);
		} else if (type_count(old) == 0 && (old & FT_PARTIAL)) {
			if (kind != t)
				return -EINVAL;
			if (exchange(f, &old, word(t) | 1))
				return resume(f, t, d);
		} else if (type_count(old) == 0) {
			if (exchange(f, &old, word(t) | 1))
				return begin(f, kind, t, d);
		} else if (kind != t || (old & FT_PARTIAL) ||
			   type_count(old) == FT_COUNT_MASK) {
			return -EINVAL;
		} else if (!(old & FT_VALID)) {
			lock_spin();
			old = READ_ONCE(f->type);
		} else if (exchange(f, &old, old + 1)) {
			return 0;
		}
	}
}

// The last user of a validated or partly undone table lets go. When it was
// stamped is lost when the undoing is interrupted: then it counts as now.
static int put_table(struct frame *f, u32 old)
{
	enum frame_type t = type_kind(old);
	u16 stamp = old & FT_PARTIAL ? tlb_stamp() : f->aux;

	if (!(old & FT_PARTIAL)) {
		f->aux = ENTRIES;
		if (t == TYPE_L4) {
			mirror_drop(frame_mfn(f));
			tlb_root_ends(frame_mfn(f));
		}
		shadow_table_gone(frame_mfn(f));
	}
	set(f, word(t) | 1);
	if (table_undo(frame_mfn(f), (u32)t, stamp)) {
		set(f, word(t) | FT_PARTIAL | 1);
		return -ERESTART;
	}
	set_unused(f, t, stamp);
	return 0;
}

void type_unlink(mfn_t table, u16 stamp)
{
	struct frame *f = mfn_frame(table);

	if (READ_ONCE(f->type) & FT_VALID)
		f->aux = tlb_later(f->aux, stamp);
}

int type_put(mfn_t mfn)
{
	struct frame *f = mfn_frame(mfn);
	u32 old = READ_ONCE(f->type);

	for (;;) {
		enum frame_type t = type_kind(old);

		bug_on(type_count(old) == 0);
		if (type_count(old) > 1) {
			if (exchange(f, &old, old - 1))
				return 0;
		} else if (kind_is_table(t)) {
			return put_table(f, old);
		} else if (exchange(f, &old, word(t) | FT_LOCKED)) {
			stamp_unused(f, t, tlb_stamp());
			return 0;
		}
	}
}

int frame_get_type(mfn_t mfn, enum frame_type t, struct domain *d)
{
	int err;

	if (!frame_get(mfn, d->id) &&
	    !(t == TYPE_WRITABLE && frame_get_shared(d, mfn)))
		return -EPERM;
	err = type_get(mfn, t, d);
	if (err)
		frame_put(mfn);
	return err;
}

void type_put_page(mfn_t mfn)
{
	if (type_put(mfn))
		bug("this type's undoing cannot be preempted");
}

void frame_put_type(mfn_t mfn)
{
	type_put_page(mfn);
	frame_put(mfn);
}

u32 table_level(mfn_t mfn, const struct domain *d)
{
	const struct frame *f;
	u32 w;

	if (!quick_is_ram(mfn))
		return 0;
	f = mfn_frame(mfn);
	w = READ_ONCE(f->type);
	if (f->owner != d->id || !(w & FT_VALID) ||
	    !kind_is_table(type_kind(w)))
		return 0;
	return (u32)type_kind(w);
}

bool type_hold(mfn_t mfn)
{
	struct frame *f = mfn_frame(mfn);
	u32 old = READ_ONCE(f->type);

	for (;;) {
		bool used = type_count(old) != 0;

		if (old & FT_PARTIAL)
			return false;
		if (used && type_kind(old) != TYPE_WRITABLE)
			return false;
		if ((old & FT_LOCKED) || (used && !(old & FT_VALID))) {
			lock_spin();
			old = READ_ONCE(f->type);
		} else if (exchange(f, &old,
				    used ? old + 1 : old | FT_LOCKED)) {
			return true;
		}
	}
}

void type_release(mfn_t mfn)
{
	struct frame *f = mfn_frame(mfn);
	u32 held = READ_ONCE(f->type);

	if (held & FT_LOCKED)
		set(f, held & ~FT_LOCKED);
	else
		type_put_page(mfn);
}

int root_get(struct domain *d, mfn_t mfn)
{
	int err;

	lock_get(&d->lock);
	err = frame_get_type(mfn, TYPE_L4, d);
	lock_put(&d->lock);
	return err;
}

int root_put(struct domain *d, mfn_t mfn)
{
	int err;

	lock_get(&d->lock);
	err = type_put(mfn);
	lock_put(&d->lock);
	if (!err)
		frame_put(mfn);
	return err;
}
