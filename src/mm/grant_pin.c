// SPDX-License-Identifier: MIT
//
// Using a grant. The granter learns that an entry is in use, and how, from two
// bits in it that we set by compare and exchange, and takes the grant back by
// a compare and exchange of its own that fails while they are set. They are
// cleared with the last use, so uses are counted. What the entry says is looked
// at for each new use and never remembered; a granter that rewrites an entry
// in use only shuts out new users.

#include "mm/dirty.h"
#include "mm/grant_priv.h"

// An entry's first four bytes change as one: flags, and above them the domain.
struct entry {
	u32 head;
	u32 frame;
};
_Static_assert(sizeof(struct entry) == sizeof(struct grant_entry_v1),
	       "an entry is two words");

// A granter may write without end while we try.
#define TRIES 5

#define MOST_USES 0xffu

static struct grant_active *active_at(const struct grant_table *t, u32 ref)
{
	return &t->active[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
}

// The shared entry, or 0 when the table has none (any more). Under the lock.
static struct entry *entry_at(const struct grant_table *t, u32 ref)
{
	u32 i = ref / GRANTS_PER_FRAME;
	struct entry *page;

	if (i >= t->count)
		return NULL;
	page = mfn_virt(t->frame[i]);
	return &page[ref % GRANTS_PER_FRAME];
}

static bool permits(u32 head, const struct grant_use *use, u16 refuse)
{
	u32 type = head & (GTF_type_mask | refuse);

	return head >> 16 == use->user && type == GTF_permit_access &&
	       !(use->write && (head & GTF_readonly));
}

static bool mark(struct entry *e, const struct grant_use *use, u16 refuse)
{
	u32 marks = GTF_reading | (use->write ? GTF_writing : 0);
	u32 old = READ_ONCE(e->head);

	for (u32 i = 0; i < TRIES && permits(old, use, refuse); i++)
		if (__atomic_compare_exchange_n(&e->head, &old, old | marks,
						false, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

// Takes the marks back that no use stands for.
static void unmark(struct entry *e, const struct grant_active *a)
{
	u32 keep = ~0u;

	if (!a->writers)
		keep &= ~(u32)GTF_writing;
	if (!a->writers && !a->readers)
		keep &= ~(u32)GTF_reading;
	__atomic_fetch_and(&e->head, keep, __ATOMIC_SEQ_CST);
}

// May there be n uses more by that user? The frame must be the one in use.
static bool joins(const struct grant_active *a, const struct entry *e,
		  const struct grant_use *use, u32 n)
{
	if (!a->readers && !a->writers)
		return true;
	return a->domid == use->user && a->frame == READ_ONCE(e->frame) &&
	       n <= MOST_USES - (use->write ? a->writers : a->readers);
}

static int16_t count_in(const struct grant_table *t, struct grant_use *use,
			u32 n, u16 refuse)
{
	struct entry *e = entry_at(t, use->ref);
	struct grant_active *a;

	if (!e)
		return GNTST_bad_gntref;
	a = active_at(t, use->ref);
	if (!joins(a, e, use, n) || !mark(e, use, refuse))
		return GNTST_general_error;
	if (!a->readers && !a->writers) {
		a->domid = use->user;
		a->frame = READ_ONCE(e->frame);
	}
	*(use->write ? &a->writers : &a->readers) += (u8)n;
	use->mfn = MFN(a->frame);
	return GNTST_okay;
}

int16_t grant_pin(struct grant_use *use, u32 n, u16 refuse)
{
	struct grant_table *t = use->granter->grants;
	int16_t status;

	lock_get(&t->lock);
	status = count_in(t, use, n, refuse);
	lock_put(&t->lock);
	if (status != GNTST_okay)
		return status;
	status = grant_hold(use->granter, use->mfn, use->write);
	if (status != GNTST_okay)
		grant_unpin(use, n);
	return status;
}

void grant_unpin(const struct grant_use *use, u32 n)
{
	struct grant_table *t = use->granter->grants;
	struct grant_active *a = active_at(t, use->ref);
	u8 *uses = use->write ? &a->writers : &a->readers;
	struct entry *e;

	if (use->write)
		dirty_mark(MFN(a->frame));
	lock_get(&t->lock);
	bug_on(*uses < n);
	*uses -= (u8)n;
	e = entry_at(t, use->ref);
	if (e && *uses == 0)
		unmark(e, a);
	lock_put(&t->lock);
}

void grant_mark_writers(const struct domain *d)
{
	struct grant_table *t = d->grants;

	if (!t)
		return;
	lock_get(&t->lock);
	for (u32 ref = 0; ref < t->count * GRANTS_PER_FRAME; ref++)
		if (active_at(t, ref)->writers)
			dirty_mark(MFN(active_at(t, ref)->frame));
	lock_put(&t->lock);
}

mfn_t grant_frame(const struct grant_use *use)
{
	return MFN(active_at(use->granter->grants, use->ref)->frame);
}

int16_t grant_hold(struct domain *d, mfn_t mfn, bool write)
{
	if (!frame_get(mfn, d->id) && !frame_get_shared(d, mfn))
		return GNTST_bad_page;
	if (!write || type_get(mfn, TYPE_WRITABLE, d) == 0)
		return GNTST_okay;
	frame_put(mfn);
	return GNTST_general_error;
}

void grant_let_go(mfn_t mfn, bool write)
{
	if (write)
		frame_put_type(mfn);
	else
		frame_put(mfn);
}
