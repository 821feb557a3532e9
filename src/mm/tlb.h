// SPDX-License-Identifier: MIT
//
// The TLB clock. It ticks at every full flush. A frame that stops being mapped
// is stamped with the time; before it becomes something else, every processor
// whose last flush is not younger than the stamp is flushed.
//
// Stamps have 16 bits, a round of the clock's low half. At each wrap all
// processors are flushed, so that their own 32-bit stamps stay comparable.
#pragma once

#include "cpu/percpu.h"
#include "domain/domain.h"
#include "lib/types.h"
#include "mm/mm.h"

extern u32 tlb_clock;

// The stamp for a mapping that went away just now.
static inline u16 tlb_stamp(void)
{
	return (u16)__atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST);
}

// The stamp of what no processor may hold: none is older.
#define TLB_CLEAN 0

// Of two stamps the one since which fewer ticks have passed.
static inline u16 tlb_later(u16 a, u16 b)
{
	u16 now = tlb_stamp();

	return (u16)(now - a) < (u16)(now - b) ? a : b;
}

// Flushes the processors that may hold translations older than the stamp.
void tlb_flush_stale(u16 stamp);
// The same for all but this one.
void tlb_flush_stale_elsewhere(u16 stamp);
// The same when what is stale are entries for a page, no way through a table,
// and the page is in use as something else by the same domain only: this
// processor's flush may wait. Others are flushed.
void tlb_flush_stale_later(u16 stamp);

// Does this processor's TLB hold no translation that the tables of the loaded
// vCPU's domain would not give now (mm/fresh.c)? What the hypervisor itself
// takes away, logging written pages, is another matter.
bool tlb_is_fresh(void);
// d, which runs here, asks for a flush of this processor. True: it would take
// nothing away. Is it for what entries gained, then it is owed: a fault may come
// for want of that, and is to be tried again after the flush.
bool tlb_spares_flush(const struct domain *d);
// May a page fault with that error code be one? It is for the right to write.
static inline bool tlb_owes_flush(u32 error)
{
	const u32 seen = PFEC_P | PFEC_W;

	return unlikely(READ_ONCE(cpu_this()->flush_owed)) &&
	       (error & (seen | PFEC_RSVD)) == seen;
}
// Would it, but for one entry?
static inline bool tlb_is_nearly_fresh(const struct domain *d)
{
	return cpu_this()->fresh + 1 == READ_ONCE(d->weakened);
}
// If it would, and that is the level 1 entry for va, an address of d:
// invalidates va. Under d->lock. False: not done.
bool tlb_freshen(const struct domain *d, gva_t va);

// The table is a root no more: processors that root_next() left on it load the
// next one.
void tlb_root_ends(mfn_t root);

// A flush of this processor alone can wait until the guest's addresses are used
// again: by the guest, or by us, copying. So many that come within one
// hypercall are one. The kinds of use that it must precede:
#define FLUSH_BEFORE_WRITE 1u // the guest's own, and our writes
#define FLUSH_BEFORE_READ 2u // our reads, too: the guest has asked for it
#define FLUSH_WITH_ROOT 3u // both, but where the next root maps alike
void tlb_flush_later(u32 before);
// Before a use of that kind.
static inline void tlb_settle(u32 before)
{
	if (unlikely(cpu_this()->flush_due >= before))
		tlb_flush_local();
}
// Before a use of that kind by us, in [va, va+bytes).
static inline void tlb_settle_at(u32 before, gva_t va, u64 bytes)
{
	u32 due = cpu_this()->flush_due;

	if (likely(due < before))
		return;
	if (due != FLUSH_WITH_ROOT || !root_is_alike(va, bytes))
		tlb_flush_local();
}
