// SPDX-License-Identifier: MIT
//
// What CR3 holds for a guest whose programs and kernel share a root: a copy of
// its level 4 table, of one of two kinds.
//
//			shared			behind a closed gate
//	lower half	is as in the original	likewise
//	slots 256-271	the hypervisor		the M2P and the way to this
//						processor's gate pages
//	above		is as in the original	is as in the original
//	U above		while the kernel runs	never
//
// The first (docs/gate.md, "One root in classic mode") saves one of the two CR3
// writes that a change from program to kernel and back would cost with a root
// for each. U is what keeps a program out of its kernel, which runs in ring 3 as
// the program does. Giving it needs no flush: a translation that is still known
// without it makes a fault at worst, after which it is known no more (Intel
// SDM, volume 3, 4.10.4.3). Taking it away needs one, by the caller. Slots get
// it when their kernel first faults there, and from then on each time that it
// runs: of the seventy that Linux fills it uses five.
//
// Each processor has copies of its own, as what they show is its own, and a task
// switch usually finds the copy there. Copies are kept in step at once, by
// whoever writes to the original: both happen under the domain's lock, so a copy
// is always what the original was when that lock was last free, and what other
// processors' walks find in it is no older than what they would find in the
// original. A table that stops to be one is forgotten before its entries are
// let go. A in entries of level 4 is always on (mm/entry.c), and D is nothing
// there, so no processor writes to a copy.

#include "console/console.h"
#include "cpu/percpu.h"
#include "mm/priv.h"

#define MIRRORS 16 // of each kind, for each processor: tasks that take turns

// Where config.h has them; in host tests the addresses are others.
#define M2P_SLOT HV_FIRST_SLOT
#define PERCPU_SLOT (HV_FIRST_SLOT + 1)

struct mirror {
	mfn_t of; // MFN_NONE: free
	u64 *l4;
	bool usable; // the original does not map itself
	bool for_kernel; // the slots in `used` have U
	u64 used[USER_SLOTS / 64]; // by kernels, of the upper half
};

struct mirror_set {
	struct mirror m[MIRRORS];
	u32 last, hand; // used last; last one given up
};

struct mirrors {
	struct lock lock; // who is mirrored, and the entries; inside d->lock
	struct mirror_set set[MIRROR_KINDS];
	bool given; // U, since this was looked at last
	u64 *l3, *l2, *l1; // from slot 257 to the gate pages
};

// -------------------------------------------------------------------- making

static bool alloc(u64 **table)
{
	*table = page_alloc();
	return *table;
}

static bool init_gate_tables(struct mirrors *s, u64 base)
{
	if (!alloc(&s->l3) || !alloc(&s->l2) || !alloc(&s->l1))
		return false;
	s->l3[table_index(base, 3)] = virt_maddr(s->l2) | HV_TABLE;
	s->l2[table_index(base, 2)] = virt_maddr(s->l1) | HV_TABLE;
	return true;
}

static void show_hypervisor(const struct mirrors *s, u64 *l4,
			    enum mirror_kind kind)
{
	const u64 *hv = mfn_virt(hv_root());

	if (kind == MIRROR_SHARED)
		for (u32 i = 0; i < HV_NR_SLOTS; i++)
			l4[HV_FIRST_SLOT + i] = hv[HV_FIRST_SLOT + i];
	else
		l4[PERCPU_SLOT] = virt_maddr(s->l3) | HV_TABLE;
	l4[M2P_SLOT] = hv[M2P_SLOT] & ~(u64)PTE_US;
}

static bool init_roots(struct mirrors *s, enum mirror_kind kind)
{
	for (u32 i = 0; i < MIRRORS; i++) {
		struct mirror *m = &s->set[kind].m[i];

		m->of = MFN_NONE;
		if (!alloc(&m->l4))
			return false;
		show_hypervisor(s, m->l4, kind);
	}
	return true;
}

static struct mirrors *mirrors_make(void)
{
	struct mirrors *s = kalloc(sizeof(*s));

	if (!s)
		return NULL;
	lock_init(&s->lock, LOCK_MIRRORS);
	for (u32 k = 0; k < MIRROR_KINDS; k++)
		for (u32 i = 0; i < MIRRORS; i++)
			s->set[k].m[i].of = MFN_NONE;
	return s;
}

bool mirror_init(struct cpu *c, enum mirror_kind kind)
{
	if (!c->mirrors)
		c->mirrors = mirrors_make();
	if (!c->mirrors)
		return false;
	if (kind == MIRROR_GATE &&
	    !init_gate_tables(c->mirrors, percpu_base(c->id)))
		return false;
	return init_roots(c->mirrors, kind);
}

void mirror_show(struct cpu *c, u64 va, u64 pte)
{
	if (c->mirrors && c->mirrors->l1)
		WRITE_ONCE(c->mirrors->l1[table_index(va, 1)], pte);
}

// ------------------------------------------------------------------ entries

static bool has_u(const struct mirror *m, u32 slot)
{
	return slot < USER_SLOTS ||
	       (m->for_kernel &&
		(m->used[(slot - USER_SLOTS) / 64] >> slot % 64 & 1));
}

// What m holds for that entry of its original. A table that maps itself would
// map our tables below it: no guest's to see.
static u64 mirrored(const struct mirror *m, u32 index, u64 entry)
{
	if (!(entry & PTE_P) || entry_leads_to(entry, m->of))
		return 0;
	return has_u(m, index) ? entry : entry & ~(u64)PTE_US;
}

static void write_entry(struct mirror *m, u32 index, u64 entry)
{
	if (entry_leads_to(entry, m->of))
		m->usable = false;
	entry = mirrored(m, index, entry);
	if (m->l4[index] != entry)
		WRITE_ONCE(m->l4[index], entry);
}

static void set_u(u64 *entry, bool on)
{
	if (*entry & PTE_P)
		WRITE_ONCE(*entry,
			   on ? *entry | PTE_US : *entry & ~(u64)PTE_US);
}

// Gives the upper half to ring 3, or takes it away.
static void turn(struct mirror *m, bool for_kernel)
{
	m->for_kernel = for_kernel;
	for (u32 w = 0; w < ARRAY_SIZE(m->used); w++)
		for (u64 left = m->used[w]; left; left &= left - 1)
			set_u(&m->l4[USER_SLOTS + 64 * w +
				     (u32)__builtin_ctzll(left)],
			      for_kernel);
}

// Most entries are empty in both.
#define GROUP 8

static bool group_empty(const u64 *t)
{
	return !(t[0] | t[1] | t[2] | t[3] | t[4] | t[5] | t[6] | t[7]);
}

static void fill(struct mirror *m, mfn_t table)
{
	const u64 *from = mfn_virt(table);

	m->of = table;
	m->usable = true;
	for (u32 i = 0; i < ENTRIES; i++)
		if (i % GROUP == 0 && group_empty(from + i) &&
		    group_empty(m->l4 + i))
			i += GROUP - 1;
		else if (!entry_is_ours(4, i))
			write_entry(m, i, READ_ONCE(from[i]));
}

// ------------------------------------------------------------------- finding

static struct mirror *find(struct mirror_set *set, mfn_t table)
{
	for (u32 i = 0; i < MIRRORS; i++)
		if (mfn_eq(set->m[i].of, table))
			return &set->m[i];
	return NULL;
}

static struct mirror *give_up_one(struct mirror_set *set)
{
	u64 cr3 = cpu_this()->cr3;

	do {
		set->hand = (set->hand + 1) % MIRRORS;
	} while (virt_maddr(set->m[set->hand].l4) == cr3);
	return &set->m[set->hand];
}

// The table stays one while v's root is it.
static struct mirror *make(struct mirrors *s, struct mirror_set *set,
			   struct vcpu *v)
{
	struct mirror *m = give_up_one(set);

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
		       m->l4[i] == mirrored(m, i, READ_ONCE(from[i]));
	lock_put(&v->domain->lock);
	return same;
}

// This processor's copy of the root of v's kernel.
static struct mirror *get(struct mirrors *s, enum mirror_kind kind,
			  struct vcpu *v)
{
	struct mirror_set *set = &s->set[kind];
	struct mirror *m = &set->m[set->last];

	if (!mfn_eq(m->of, v->kernel_root)) {
		m = find(set, v->kernel_root);
		if (!m)
			m = make(s, set, v);
		set->last = (u32)(m - set->m);
	}
	assert(in_step(m, v));
	return m;
}

// -------------------------------------------------------------------- shared

hot_code bool mirror_shares(const struct cpu *c)
{
	return c->mirrors && c->mirrors->set[MIRROR_SHARED].m[0].l4;
}

static mfn_t mfn_of(const struct mirror *m)
{
	return m->usable ? virt_mfn(m->l4) : MFN_NONE;
}

mfn_t mirror_of(struct vcpu *v)
{
	return mfn_of(get(cpu_this()->mirrors, MIRROR_GATE, v));
}

mfn_t mirror_full(struct vcpu *v)
{
	struct mirrors *s = cpu_this()->mirrors;

	return mirror_shares(cpu_this()) ? mfn_of(get(s, MIRROR_SHARED, v))
					 : MFN_NONE;
}

mfn_t mirror_shared(struct vcpu *v, bool for_kernel, bool *taken)
{
	struct mirrors *s = cpu_this()->mirrors;
	struct mirror *m;

	*taken = false;
	if (!mirror_shares(cpu_this()))
		return MFN_NONE;
	m = get(s, MIRROR_SHARED, v);
	if (m->usable && m->for_kernel != for_kernel) {
		lock_get(&s->lock);
		turn(m, for_kernel);
		lock_put(&s->lock);
		s->given = for_kernel;
		*taken = !for_kernel;
	}
	return mfn_of(m);
}

// Ours are never for ring 3, but for the M2P.
static bool may_have_u(u32 slot)
{
	return slot >= USER_SLOTS &&
	       (!entry_is_ours(4, slot) || slot == M2P_SLOT);
}

// The one in CR3, or none.
static struct mirror *loaded(const struct cpu *c)
{
	struct mirror_set *set = &c->mirrors->set[MIRROR_SHARED];
	struct mirror *m = &set->m[set->last];

	return virt_maddr(m->l4) == c->cr3 ? m : NULL;
}

mfn_t mirror_original(void)
{
	const struct cpu *c = cpu_this();
	const struct mirror *m = mirror_shares(c) ? loaded(c) : NULL;

	return m ? m->of : maddr_mfn(c->cr3);
}

bool mirror_give(gva_t va)
{
	const struct cpu *c = cpu_this();
	struct mirror *m = mirror_shares(c) ? loaded(c) : NULL;
	struct mirrors *s = c->mirrors;
	u32 slot = table_index(va, 4);

	if (!m || !m->for_kernel || !may_have_u(slot) || has_u(m, slot))
		return false;
	lock_get(&s->lock);
	m->used[(slot - USER_SLOTS) / 64] |= BIT(slot % 64);
	set_u(&m->l4[slot], true);
	lock_put(&s->lock);
	s->given = true;
	return true;
}

bool mirror_given(void)
{
	struct mirrors *s = cpu_this()->mirrors;
	bool given = s && s->given;

	if (given)
		s->given = false;
	return given;
}

// ------------------------------------------------------------------- changes

// Of another domain's mirrors we may see one come or go here, but not of this
// table: that takes the lock which the caller holds.
static void for_mirrors_of(mfn_t table,
			   void (*fn)(struct mirror *m, u32 index, u64 entry),
			   u32 index, u64 entry)
{
	for (u32 i = 0; i < cpu_count() * MIRROR_KINDS; i++) {
		struct mirrors *s = cpu_of(i / MIRROR_KINDS)->mirrors;
		struct mirror_set *set;
		struct mirror *m;

		if (!s)
			continue;
		set = &s->set[i % MIRROR_KINDS];
		if (!find(set, table))
			continue;
		lock_get(&s->lock);
		m = find(set, table);
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
