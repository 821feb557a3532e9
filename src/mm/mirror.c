// SPDX-License-Identifier: MIT
//
// What CR3 holds behind a closed gate (docs/gate.md): a copy of the guest's
// level 4 table in which
//
//	lower half		is as in the original
//	slots 256 to 271	are the M2P and the way to this processor's gate
//				pages, all with U=0
//	upper half above	is as in the original, with U=0 (gate.md A4)
//
// Each processor has a few, as its gate pages are its own, and a task switch
// usually finds the copy there. Copies are kept in step at once, by whoever
// writes to the original: both happen under the domain's lock, so a copy is
// always what the original was when that lock was last free, and what other
// processors' walks find in it is no older than what they would find in the
// original. A table that stops to be one is forgotten before its entries are
// let go. A in entries of level 4 is always on (mm/entry.c), and D is nothing
// there, so no processor writes to a copy.

#include "console/console.h"
#include "cpu/percpu.h"
#include "mm/priv.h"

#define MIRRORS 8 // for each processor

// Where config.h has them; in host tests the addresses are others.
#define M2P_SLOT HV_FIRST_SLOT
#define PERCPU_SLOT (HV_FIRST_SLOT + 1)

struct mirror {
	mfn_t of; // MFN_NONE: free
	u64 *l4;
	bool usable; // the original does not map itself
};

struct mirrors {
	struct lock lock; // who is mirrored, and the entries; inside d->lock
	struct mirror m[MIRRORS];
	u32 last, hand; // used last; last one given up
	u64 *l3, *l2, *l1; // from slot 257 to the gate pages
};

static bool alloc(u64 **table)
{
	*table = page_alloc();
	return *table;
}

static bool init_roots(struct mirrors *s)
{
	const u64 *hv = mfn_virt(hv_root());

	for (u32 i = 0; i < MIRRORS; i++) {
		struct mirror *m = &s->m[i];

		m->of = MFN_NONE;
		if (!alloc(&m->l4))
			return false;
		m->l4[M2P_SLOT] = hv[M2P_SLOT] & ~(u64)PTE_US;
		m->l4[PERCPU_SLOT] = virt_maddr(s->l3) | HV_TABLE;
	}
	return true;
}

bool mirror_init(struct cpu *c)
{
	struct mirrors *s = kalloc(sizeof(*s));
	u64 base = percpu_base(c->id);

	if (!s || !alloc(&s->l3) || !alloc(&s->l2) || !alloc(&s->l1))
		return false;
	lock_init(&s->lock, LOCK_MIRRORS);
	s->l3[table_index(base, 3)] = virt_maddr(s->l2) | HV_TABLE;
	s->l2[table_index(base, 2)] = virt_maddr(s->l1) | HV_TABLE;
	if (!init_roots(s))
		return false;
	c->mirrors = s;
	return true;
}

void mirror_show(struct cpu *c, u64 va, u64 pte)
{
	if (c->mirrors)
		WRITE_ONCE(c->mirrors->l1[table_index(va, 1)], pte);
}

// ------------------------------------------------------------------ entries

// A table that maps itself would map our tables below it, which for ring 1 are
// no more closed than its own.
static bool maps_itself(mfn_t table, u64 entry)
{
	return (entry & PTE_P) && mfn_eq(entry_mfn(entry), table);
}

// What a copy of `table` holds for that entry of it.
static u64 mirrored(mfn_t table, u32 index, u64 entry)
{
	if (maps_itself(table, entry))
		return 0;
	return index < USER_SLOTS ? entry : entry & ~(u64)PTE_US;
}

static void write_entry(struct mirror *m, u32 index, u64 entry)
{
	if (maps_itself(m->of, entry))
		m->usable = false;
	entry = mirrored(m->of, index, entry);
	if (m->l4[index] != entry)
		WRITE_ONCE(m->l4[index], entry);
}

static void fill(struct mirror *m, mfn_t table)
{
	const u64 *from = mfn_virt(table);

	m->of = table;
	m->usable = true;
	for (u32 i = 0; i < ENTRIES; i++)
		if (!entry_is_ours(4, i))
			write_entry(m, i, READ_ONCE(from[i]));
}

// ------------------------------------------------------------------- finding

static struct mirror *find(struct mirrors *s, mfn_t table)
{
	for (u32 i = 0; i < MIRRORS; i++)
		if (mfn_eq(s->m[i].of, table))
			return &s->m[i];
	return NULL;
}

// CR3 holds none of them now. The table stays one while v's root is it.
static struct mirror *make(struct mirrors *s, struct vcpu *v)
{
	struct mirror *m;

	s->hand = (s->hand + 1) % MIRRORS;
	m = &s->m[s->hand];
	lock_get(&v->domain->lock);
	lock_get(&s->lock);
	fill(m, v->kernel_root);
	lock_put(&s->lock);
	lock_put(&v->domain->lock);
	return m;
}

// For debug builds: nobody wrote to v's root without telling us.
static bool in_step(const struct mirror *m, struct vcpu *v)
{
	const u64 *from = mfn_virt(m->of);
	bool same = true;

	lock_get(&v->domain->lock);
	for (u32 i = 0; i < ENTRIES && same; i++)
		same = entry_is_ours(4, i) ||
		       m->l4[i] == mirrored(m->of, i, READ_ONCE(from[i]));
	lock_put(&v->domain->lock);
	return same;
}

mfn_t mirror_of(struct vcpu *v)
{
	struct mirrors *s = cpu_this()->mirrors;
	struct mirror *m = &s->m[s->last];

	if (!mfn_eq(m->of, v->kernel_root)) {
		m = find(s, v->kernel_root);
		if (!m)
			m = make(s, v);
		s->last = (u32)(m - s->m);
	}
	assert(in_step(m, v));
	return m->usable ? virt_mfn(m->l4) : MFN_NONE;
}

// Of another domain's mirrors we may see one come or go here, but not of this
// table: that takes the lock which the caller holds.
static void for_mirrors_of(mfn_t table,
			   void (*fn)(struct mirror *m, u32 index, u64 entry),
			   u32 index, u64 entry)
{
	for (u32 i = 0; i < cpu_count(); i++) {
		struct mirrors *s = cpu_of(i)->mirrors;
		struct mirror *m;

		if (!s || !find(s, table))
			continue;
		lock_get(&s->lock);
		m = find(s, table);
		if (m)
			fn(m, index, entry);
		lock_put(&s->lock);
	}
}

void mirror_entry_written(mfn_t table, u32 index, u64 entry)
{
	for_mirrors_of(table, write_entry, index, entry);
}

static void forget(struct mirror *m, u32 index, u64 entry)
{
	(void)index;
	(void)entry;
	m->of = MFN_NONE;
}

void mirror_drop(mfn_t table)
{
	for_mirrors_of(table, forget, 0, 0);
}
