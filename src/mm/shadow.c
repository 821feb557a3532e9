// SPDX-License-Identifier: MIT
//
// Shadows: while the written pages of a domain are logged, the processor does
// not walk the guest's page tables but copies of them, in which a page is
// writable only after its first write was noted. The guest sees none of this:
// its own tables stay as they are, validated and counted, and it still finds
// the A and D bits set there, by us.
//
// A shadow of a table is made when a walk first needs it, and its entries are
// filled by page faults, from the guest's. What keeps the two together is that
// all changes of validated tables come by us: entry_change and entry_exchange
// clear the shadow's entry (shadow_entry_gone), and a table that ends being one
// loses its shadow (shadow_table_gone). So a shadow is like a TLB that is
// always flushed in time; what the real TLBs may still have is the same as
// without shadows, and flushed by the same rules.
//
// A walk is safe under log->lock: it starts at a root in use, and the tables it
// meets cannot go away before their entries above are gone from the shadows,
// which takes the lock.

#include "cpu/percpu.h"
#include "lib/string.h"
#include "mm/dirty_priv.h"
#include "mm/shadow.h"
#include "mm/tlb.h"

struct shadow {
	struct shadow *next; // in the bucket
	u64 *entries; // a page of ours
	mfn_t of; // the guest's table
	u32 level; // it is used as; lower than its own in a map of itself
	bool writable; // level 1: some entry is
};

static struct shadow **bucket_of(struct dirty_log *log, mfn_t table)
{
	return &log->bucket[(table.n ^ table.n >> 11) % SHADOW_BUCKETS];
}

static struct shadow *find(struct dirty_log *log, mfn_t table, u32 level)
{
	struct shadow *m = *bucket_of(log, table);

	while (m && !(mfn_eq(m->of, table) && m->level == level))
		m = m->next;
	return m;
}

// The hypervisor's slots of a root were written when it was validated.
static void copy_our_slots(u64 *to, mfn_t root)
{
	const u64 *from = mfn_virt(root);

	memcpy(&to[HV_FIRST_SLOT], &from[HV_FIRST_SLOT],
	       HV_NR_SLOTS * sizeof(u64));
}

static struct shadow *make(struct dirty_log *log, mfn_t table, u32 level)
{
	struct shadow **bucket = bucket_of(log, table);
	struct shadow *m = log->left ? kalloc(sizeof(*m)) : NULL;
	u64 *entries = m ? page_alloc() : NULL;

	if (!entries) {
		kfree(m);
		WRITE_ONCE(log->lost, true);
		return NULL;
	}
	*m = (struct shadow){
		.next = *bucket,
		.entries = entries,
		.of = table,
		.level = level,
	};
	if (level == 4)
		copy_our_slots(entries, table);
	*bucket = m;
	log->left--;
	return m;
}

static struct shadow *get(struct dirty_log *log, mfn_t table, u32 level)
{
	struct shadow *m = find(log, table, level);

	return m ? m : make(log, table, level);
}

static void unmake(struct dirty_log *log, struct shadow *m)
{
	page_free(m->entries);
	kfree(m);
	log->left++;
}

void shadows_free(struct dirty_log *log)
{
	for (u32 i = 0; i < SHADOW_BUCKETS; i++) {
		while (log->bucket[i]) {
			struct shadow *m = log->bucket[i];

			log->bucket[i] = m->next;
			unmake(log, m);
		}
	}
}

void shadows_protect(struct dirty_log *log)
{
	for (u32 i = 0; i < SHADOW_BUCKETS; i++) {
		for (struct shadow *m = log->bucket[i]; m; m = m->next) {
			for (u32 k = 0; m->writable && k < ENTRIES; k++)
				__atomic_fetch_and(&m->entries[k], ~PTE_RW,
						   __ATOMIC_RELAXED);
			m->writable = false;
		}
	}
}

// --------------------------------------------------------------- what changes

mfn_t shadow_root(struct domain *d, mfn_t root)
{
	struct dirty_log *log = dirty_log_of(d);
	struct shadow *m;

	if (!log || log->lost || mfn_is_none(root))
		return root;
	lock_get(&log->lock);
	m = get(log, root, 4);
	lock_put(&log->lock);
	return m ? virt_mfn(m->entries) : root;
}

void shadow_clear(struct domain *d, mfn_t table, u32 index)
{
	struct dirty_log *log = dirty_log_of(d);

	if (!log)
		return;
	dirty_note(table);
	lock_get(&log->lock);
	for (struct shadow *m = *bucket_of(log, table); m; m = m->next)
		if (mfn_eq(m->of, table) && !entry_is_ours(m->level, index))
			WRITE_ONCE(m->entries[index], 0);
	lock_put(&log->lock);
}

// Processors may remember a way through the page in their caches.
static void retire(struct dirty_log *log, struct shadow *m)
{
	tlb_flush_stale(tlb_stamp());
	unmake(log, m);
}

void shadow_drop(mfn_t table)
{
	const struct domain *d = domain_find(mfn_frame(table)->owner);
	struct dirty_log *log = d ? dirty_log_of(d) : NULL;
	struct shadow **at;

	if (!log)
		return;
	lock_get(&log->lock);
	for (at = bucket_of(log, table); *at;) {
		struct shadow *m = *at;

		if (mfn_eq(m->of, table)) {
			*at = m->next;
			retire(log, m);
		} else {
			at = &m->next;
		}
	}
	lock_put(&log->lock);
}

// -------------------------------------------------------------------- faults

struct walk {
	struct domain *d;
	struct dirty_log *log;
	gva_t va;
	bool write; // asked for
	bool writable, user; // what all entries so far allow
	bool overtaken; // an entry was changed while we looked at it
};

// As the processor would, had it walked this table: in the entry as it was
// read, and not in what another processor has put there since.
static bool set_bits(struct walk *w, mfn_t table, u64 *entry, u64 *e, u64 bits)
{
	u64 old = *e;

	if ((old & bits) == bits)
		return true;
	*e |= bits;
	w->overtaken = !__atomic_compare_exchange_n(
		entry, &old, *e, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	dirty_note(table);
	return !w->overtaken;
}

// The shadow one level down, linked to, or 0: nothing there, or overtaken.
static struct shadow *step(struct walk *w, struct shadow *m, u64 **at, u64 *e)
{
	u32 index = table_index(w->va, m->level);
	u64 *entry = (u64 *)mfn_virt(m->of) + index;
	struct shadow *below;

	*e = READ_ONCE(*entry);
	*at = entry;
	if (!(*e & PTE_P) || entry_is_ours(m->level, index))
		return NULL;
	if (m->level == 1)
		return m;
	if (!set_bits(w, m->of, entry, e, PTE_A))
		return NULL;
	w->writable &= !!(*e & PTE_RW);
	w->user &= !!(*e & PTE_US);
	below = get(w->log, entry_mfn(*e), m->level - 1);
	if (below)
		WRITE_ONCE(m->entries[index],
			   (*e & ~PTE_ADDR) | virt_maddr(below->entries));
	return below;
}

// Is it a page whose writes are logged? Its number, or M2P_INVALID.
static u64 logged_page(const struct walk *w, u64 e)
{
	mfn_t mfn = entry_mfn(e);

	if (!mfn_is_ram(mfn) || mfn_frame(mfn)->owner != w->d->id)
		return M2P_INVALID;
	return m2p_get(mfn);
}

// The last entry: writable if it is the guest's wish and the page's write is
// noted, now or before.
static void fill(struct walk *w, struct shadow *m, u64 *entry, u64 e)
{
	bool may = w->writable && (e & PTE_RW);
	u64 pfn = logged_page(w, e);

	if (!set_bits(w, m->of, entry, &e,
		      w->write && may ? PTE_A | PTE_D : PTE_A))
		return;
	if (w->write && may && !dirty_has(w->log, pfn)) {
		dirty_set(w->log, pfn);
		w->log->faults++;
	}
	if (may && (e & PTE_D) && dirty_has(w->log, pfn))
		m->writable = true;
	else
		e &= ~PTE_RW;
	WRITE_ONCE(m->entries[table_index(w->va, 1)], e);
}

// What is there already and still faulted wants more than it may have, unless
// that is the write which is to be noted.
static bool awaits_note(const struct walk *w, u64 e, u32 error)
{
	if ((error & PFEC_U) && !(w->user && (e & PTE_US)))
		return false;
	return w->write && w->writable && (e & PTE_RW);
}

// True when the processor should try again.
static bool fill_from(struct walk *w, struct shadow *m, u32 error)
{
	u64 *entry = NULL, e = 0;

	do {
		m = step(w, m, &entry, &e);
	} while (m && m->level > 1);
	if (m)
		m = step(w, m, &entry, &e);
	if (!m)
		return w->log->lost || w->overtaken;
	if ((error & PFEC_P) && !awaits_note(w, e, error))
		return false;
	fill(w, m, entry, e);
	return true;
}

// The shadow in CR3, of one of v's roots.
static struct shadow *current(const struct vcpu *v, struct dirty_log *log)
{
	const mfn_t roots[] = {v->kernel_root, v->user_root};

	for (u32 i = 0; i < ARRAY_SIZE(roots); i++) {
		struct shadow *m = find(log, roots[i], 4);

		if (m && virt_maddr(m->entries) == cpu_this()->cr3)
			return m;
	}
	return NULL;
}

bool shadow_fault(struct vcpu *v, gva_t va, u32 error)
{
	struct dirty_log *log = dirty_log_of(v->domain);
	struct walk w = {
		.d = v->domain,
		.log = log,
		.va = va,
		.write = error & PFEC_W,
		.writable = true,
		.user = true,
	};
	struct shadow *root;
	bool again = false;

	if (likely(!log) || (error & PFEC_RSVD))
		return false;
	lock_get(&log->lock);
	root = current(v, log);
	if (root)
		again = fill_from(&w, root, error);
	lock_put(&log->lock);
	if (root && log->lost)
		root_load(v); // to its own tables, for good
	return again;
}
