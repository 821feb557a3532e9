// SPDX-License-Identifier: MIT
//
// The log itself: bits, and what the tools ask of them.
//
// The log may be read while the guest runs. A bit is cleared before its page is
// made read-only again: what is written in between is in the answer, and the
// tools copy the page only after they have that. Marks of writes by the direct
// map come after the write, so that a bit taken too early is set again.

#include "abi/errno.h"
#include "cpu/uaccess.h"
#include "lib/string.h"
#include "mm/dirty_priv.h"
#include "mm/grant.h"

#define CHUNK_PAGES BIT(DIRTY_BITS_SHIFT)
#define CHUNK_WORDS (CHUNK_PAGES / 64)

hot_data u32 dirty_logs;

// ---------------------------------------------------------------------- bits

static u64 *chunk_of(const struct dirty_log *log, u64 i)
{
	return __atomic_load_n(&log->bits[i], __ATOMIC_ACQUIRE);
}

// One that is not there yet, or 0.
static u64 *chunk_make(struct dirty_log *log, u64 i)
{
	u64 *none = NULL, *fresh = page_alloc();

	if (!fresh)
		return NULL;
	if (__atomic_compare_exchange_n(&log->bits[i], &none, fresh, false,
					__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return fresh;
	page_free(fresh);
	return none;
}

bool dirty_has(const struct dirty_log *log, u64 pfn)
{
	u64 i = pfn >> DIRTY_BITS_SHIFT, bit = pfn & (CHUNK_PAGES - 1);
	const u64 *bits;

	if (i >= DIRTY_CHUNKS)
		return true; // no page of the guest's
	bits = chunk_of(log, i);
	return bits && (READ_ONCE(bits[bit / 64]) >> (bit % 64) & 1);
}

void dirty_set(struct dirty_log *log, u64 pfn)
{
	u64 i = pfn >> DIRTY_BITS_SHIFT, bit = pfn & (CHUNK_PAGES - 1);
	u64 *bits;

	if (i >= DIRTY_CHUNKS)
		return;
	bits = chunk_of(log, i);
	if (!bits)
		bits = chunk_make(log, i);
	if (bits)
		__atomic_fetch_or(&bits[bit / 64], BIT(bit % 64),
				  __ATOMIC_SEQ_CST);
	else
		WRITE_ONCE(log->lost, true);
}

void dirty_note(mfn_t mfn)
{
	const struct domain *d;
	struct dirty_log *log;

	if (!mfn_is_ram(mfn))
		return;
	d = domain_find(READ_ONCE(mfn_frame(mfn)->owner));
	log = d ? dirty_log_of(d) : NULL;
	if (log)
		dirty_set(log, m2p_get(mfn));
}

// ------------------------------------------------------------- start and end

// A log that was stopped is used again: others may still look at it, so it is
// freed with its domain only.
static struct dirty_log *log_make(struct domain *d)
{
	struct dirty_log *log = d->dirty;

	if (!log) {
		log = kalloc(sizeof(*log));
		if (log)
			lock_init(&log->lock, LOCK_DIRTY);
		return log;
	}
	for (u32 i = 0; i < DIRTY_CHUNKS; i++)
		if (log->bits[i])
			memset(log->bits[i], 0, PAGE_SIZE);
	log->lost = false;
	log->faults = 0;
	return log;
}

// Guests map their memory once or twice, with a table for 512 pages each time.
static u64 shadows_max(const struct domain *d)
{
	return READ_ONCE(d->tot_pages) / 32 + 256;
}

bool dirty_is_on(const struct domain *d)
{
	return dirty_log_of(d);
}

int dirty_start(struct domain *d)
{
	struct dirty_log *log;

	if (dirty_log_of(d))
		return -EINVAL;
	if (d->open_gate)
		return -EOPNOTSUPP;
	log = log_make(d);
	if (!log)
		return -ENOMEM;
	log->left = shadows_max(d);
	__atomic_store_n(&d->dirty, log, __ATOMIC_RELEASE);
	WRITE_ONCE(log->active, true);
	__atomic_add_fetch(&dirty_logs, 1, __ATOMIC_SEQ_CST);
	return 0;
}

void dirty_stop(struct domain *d)
{
	struct dirty_log *log = dirty_log_of(d);

	if (!log)
		return;
	WRITE_ONCE(log->active, false);
	__atomic_sub_fetch(&dirty_logs, 1, __ATOMIC_SEQ_CST);
	lock_get(&log->lock);
	shadows_free(log);
	lock_put(&log->lock);
}

void dirty_free(struct domain *d)
{
	struct dirty_log *log = d->dirty;

	if (!log)
		return;
	dirty_stop(d);
	for (u32 i = 0; i < DIRTY_CHUNKS; i++)
		if (log->bits[i])
			page_free(log->bits[i]);
	kfree(log);
	d->dirty = NULL;
}

// ------------------------------------------------------------------- reading

// What can be written without our notice: vcpu_infos, by ourselves, and what
// others have mapped to write. (shared_info is not the guest's memory.)
static void mark_always(const struct domain *d)
{
	const struct vcpu *v;

	for_each_vcpu (d, v) {
		if (!mfn_is_none(v->info_mfn))
			dirty_note(v->info_mfn);
	}
	grant_mark_writers(d);
}

// Those bits of a word that are in mask; with `clean` they are taken.
static u64 take_word(struct dirty_log *log, u64 i, u64 mask, bool clean)
{
	u64 *bits = chunk_of(log, i / CHUNK_WORDS);
	u64 *word = bits ? &bits[i % CHUNK_WORDS] : NULL;

	if (log->lost)
		return mask;
	if (!word)
		return 0;
	return mask & (clean ? __atomic_fetch_and(word, ~mask, __ATOMIC_SEQ_CST)
			     : READ_ONCE(*word));
}

// The first n of 64, or all.
static u64 low_bits(u64 n)
{
	return n < 64 ? BIT(n) - 1 : ~0ull;
}

#define AT_ONCE 64u // words

// What was taken was not told: those pages count as written, all up to here.
static void give_back(struct dirty_log *log, u64 pages)
{
	for (u64 i = 0; i * 64 < pages; i++) {
		u64 *bits = chunk_of(log, i / CHUNK_WORDS);

		if (bits)
			WRITE_ONCE(bits[i % CHUNK_WORDS], ~0ull);
	}
}

// Bits of pages up to *pages, which is cut to what a log can have. The bitmap
// has whole bytes.
static int copy_bits(struct dirty_log *log, gva_t to, u64 *pages, bool clean,
		     u32 *count)
{
	u64 words[AT_ONCE];

	*pages = min(*pages, (u64)DIRTY_CHUNKS << DIRTY_BITS_SHIFT);
	for (u64 pfn = 0; pfn < *pages; pfn += AT_ONCE * 64) {
		u64 n = min(*pages - pfn, AT_ONCE * 64ul);

		for (u64 i = 0; i < AT_ONCE; i++) {
			u64 rest = n > i * 64 ? n - i * 64 : 0;

			words[i] = take_word(log, pfn / 64 + i, low_bits(rest),
					     clean);
			*count += (u32)__builtin_popcountll(words[i]);
		}
		if (to && guest_write(to + pfn / 8, words, (n + 7) / 8)) {
			if (clean)
				give_back(log, pfn + n);
			return -EFAULT;
		}
	}
	return 0;
}

int dirty_read(struct domain *d, struct xen_domctl_shadow_op *op, bool clean)
{
	struct dirty_log *log = dirty_log_of(d);
	gva_t to = GUEST_HANDLE_GVA(op->dirty_bitmap);
	u32 count = 0;
	int err;

	if (!log)
		return -EINVAL;
	op->stats.fault_count = log->faults;
	mark_always(d);
	lock_get(&log->lock);
	err = copy_bits(log, to, &op->pages, clean, &count);
	if (clean && !err) {
		shadows_protect(log);
		log->faults = 0;
	}
	lock_put(&log->lock);
	if (clean)
		tlb_flush_domain(d);
	op->stats.dirty_count = count;
	return err;
}
