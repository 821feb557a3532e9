// SPDX-License-Identifier: MIT
// uses: src/mm/root.c
// uses: src/mm/ram.c src/mm/early.c src/mm/frame.c src/mm/heap.c
// uses: src/mm/kalloc.c src/mm/m2p.c src/mm/tlb.c src/mm/fresh.c src/mm/domain_frames.c
// uses: src/mm/iomem.c src/mm/type.c src/mm/table.c src/mm/entry.c
// uses: src/mm/change.c src/mm/undo.c src/mm/foreign.c src/mm/walk.c
// uses: src/mm/flush.c src/mm/mmu_update.c src/mm/mmuext_op.c
// uses: src/mm/relinquish.c src/mm/audit.c src/mm/grant_table.c
// uses: src/mm/grant_op.c src/mm/grant_pin.c src/mm/grant_maptrack.c
// uses: src/mm/grant_map.c src/mm/grant_copy.c src/mm/grant_audit.c
// uses: tests/fake/core.c tests/fake/memory.c tests/fake/space.c
// uses: src/mm/dirty.c src/mm/shadow.c src/mm/claim.c
// uses: tests/fake/grants.c
//
// Two hostile guests that grant to each other and to themselves whatever the
// bytes say, map, copy, change their tables and die. After each operation the
// auditor counts, and these must hold: what a table maps is its owner's, or
// was granted to it and is marked so; a page table is writable to nobody; at
// the end no frame is left.

#include <string.h>

#include "grants.h"
#include "mm/grant_priv.h"
#include "must.h"

#define GUESTS 2
#define FRAMES 8
#define REFS 8
#define SLOTS 8 // of the L1, from FIRST_SLOT on
#define FIRST_SLOT 16
#define HANDLES 16

static struct guest {
	struct domain *d;
	struct fake_space s;
	u64 frame[FRAMES];
	// What maps said; old ones are kept, to be used wrongly.
	struct gnttab_map_grant_ref map[HANDLES];
	bool dead;
} guests[GUESTS];

static const u8 *at, *end;

static u8 next(void)
{
	return at < end ? *at++ : 0;
}

// ------------------------------------------------------------------ the rules

// Is some entry of the granter's for that frame marked as used by the user?
static bool is_in_use(struct guest *granter, u64 mfn, domid_t user, bool write)
{
	const struct grant_table *t = granter->d->grants;

	for (u32 i = 0; i < GRANTS_PER_FRAME; i++) {
		const struct grant_active *a = &t->active[0][i];

		if (a->frame == mfn && a->domid == user &&
		    (a->writers || (a->readers && !write)))
			return true;
	}
	return false;
}

static void check_leaf(struct guest *g, u64 e)
{
	u64 mfn = (e & PTE_ADDR) >> PAGE_SHIFT;
	const struct frame *f = mfn_frame(MFN(mfn));

	must(mfn_is_ram(MFN(mfn)));
	must(f->ref & REF_COUNT_MASK);
	if (e & PTE_RW)
		must(frame_type_of(f) == TYPE_WRITABLE);
	if (f->owner == g->d->id || mfn == g->d->shared_mfn.n)
		return;
	must(f->owner < GUESTS || mfn == guests[0].d->shared_mfn.n ||
	     mfn == guests[1].d->shared_mfn.n);
	must(is_in_use(&guests[g == guests], mfn, g->d->id, e & PTE_RW));
}

static void check_all(void)
{
	must(mm_audit() == 0);
	for (u32 i = 0; i < GUESTS; i++) {
		const u64 *l1 = fake_words(guests[i].s.l1);

		for (u32 j = 0; j < ENTRIES && !guests[i].dead; j++)
			if (l1[j] & PTE_P)
				check_leaf(&guests[i], l1[j]);
	}
}

// ----------------------------------------------------------------- operations

static struct guest *any_guest(void)
{
	return &guests[next() % GUESTS];
}

static u64 any_frame(struct guest *g)
{
	u8 b = next();

	switch (b >> 5) {
	case 7:
		return (u64[]){g->s.l1, g->d->shared_mfn.n, 0x150,
			       ~0ull}[b & 3];
	case 6:
		return guests[g == guests].frame[b % FRAMES];
	default:
		return g->frame[b % FRAMES];
	}
}

static u64 any_slot_va(void)
{
	u8 b = next();

	return b == 255 ? HV_START
			: (u64)(FIRST_SLOT + b % SLOTS) << PAGE_SHIFT;
}

static u64 any_slot_pte(struct guest *g)
{
	u8 b = next();
	u64 table = b > 250 ? any_frame(g) : g->s.l1;

	return (table << PAGE_SHIFT) + 8 * (FIRST_SLOT + b % SLOTS) +
	       (b == 250);
}

static domid_t any_domid(void)
{
	u8 b = next();

	return b < 240 ? b % GUESTS : b < 248 ? DOMID_SELF : 3;
}

static u32 any_ref(void)
{
	u8 b = next();

	return b < 250 ? b % REFS : b < 253 ? 512 + b : ~0u - b;
}

static void op_grant(void)
{
	struct guest *g = any_guest();
	u16 flags = next();
	domid_t user = any_domid();

	if ((flags & 0xc0) == 0)
		flags = GTF_permit_access;
	// Marks may be forged as well; sometimes they are left alone.
	if (next() & 1)
		flags |= fake_grant(g->d, 0)->flags &
			 (GTF_reading | GTF_writing);
	if (!g->dead)
		fake_grant_set(g->d, any_ref() % REFS, flags, user,
			       any_frame(g));
}

static void op_map(void)
{
	struct guest *g = any_guest();
	u32 how = next();
	u32 n = 1 + how % 3;
	struct gnttab_map_grant_ref op[3];

	if (g->dead)
		return;
	for (u32 i = 0; i < n; i++) {
		u32 flags = next() | (next() & 7u) << _GNTMAP_guest_avail0;

		op[i] = fake_map_op(any_domid(), any_ref(), 0, flags);
		op[i].host_addr = flags & GNTMAP_contains_pte ? any_slot_pte(g)
							      : any_slot_va();
	}
	fake_grant_op(g->s.v, GNTTABOP_map_grant_ref, op, n);
	for (u32 i = 0; i < n; i++) {
		must(op[i].status <= 0);
		if (op[i].status == GNTST_okay)
			g->map[next() % HANDLES] = op[i];
	}
}

static void op_unmap(void)
{
	struct guest *g = any_guest();
	struct gnttab_unmap_grant_ref op[4];
	u32 n = 1 + next() % 4;

	if (g->dead)
		return;
	for (u32 i = 0; i < n; i++) {
		u8 b = next();
		const struct gnttab_map_grant_ref *m = &g->map[b % HANDLES];

		op[i] = (struct gnttab_unmap_grant_ref){
			.handle = m->handle,
			.host_addr = b & 0x80 ? 0 : m->host_addr,
			.dev_bus_addr = b & 0x40 ? m->dev_bus_addr : 0,
			.status = 1,
		};
		if ((b & 0xf0) == 0x30)
			op[i].host_addr = any_slot_va();
		if ((b & 0xf0) == 0xb0)
			op[i].handle = next();
	}
	fake_grant_op(g->s.v, GNTTABOP_unmap_grant_ref, op, n);
	for (u32 i = 0; i < n; i++)
		must(op[i].status <= 0);
}

static struct gnttab_copy_ptr any_side(struct guest *g, bool by_ref)
{
	struct gnttab_copy_ptr p = {
		.domid = any_domid(),
		.offset = (u16)(next() * 17),
	};

	if (by_ref)
		p.u.ref = any_ref();
	else
		p.u.gmfn = any_frame(g);
	return p;
}

static void op_copy(void)
{
	struct guest *g = any_guest();
	struct gnttab_copy op[3];
	u32 n = 1 + next() % 3;

	if (g->dead)
		return;
	for (u32 i = 0; i < n; i++) {
		op[i].flags = next();
		op[i].source = any_side(g, op[i].flags & GNTCOPY_source_gref);
		op[i].dest = any_side(g, op[i].flags & GNTCOPY_dest_gref);
		op[i].len = (u16)(next() * 17);
		op[i].status = 1;
	}
	fake_grant_op(g->s.v, GNTTABOP_copy, op, n);
	for (u32 i = 0; i < n; i++)
		must(op[i].status <= 0);
}

// The guest changes an entry itself, perhaps one that a grant made.
static void op_update(void)
{
	struct guest *g = any_guest();
	u32 slot = FIRST_SLOT + next() % SLOTS;
	u8 b = next();
	u64 old = fake_words(g->s.l1)[slot], value = 0;

	if (b & 0x80)
		value = entry_of(any_frame(g), b & 0x40 ? E_RW : E_RO);
	else if (b & 0x20)
		value = old ^ (b & 0x10 ? PTE_RW : PTE_A);
	if (!g->dead)
		(void)fake_update(g->s.v, g->s.l1, slot, value);
}

// Pages become tables and back.
static void op_pin(void)
{
	struct guest *g = any_guest();
	u64 mfn = g->frame[next() % FRAMES];
	u32 cmd = next() & 1 ? MMUEXT_PIN_L1_TABLE : MMUEXT_UNPIN_TABLE;

	if (g->dead)
		return;
	// Contents that copies left would be refused.
	if (!(mfn_frame(MFN(mfn))->type & FT_COUNT_MASK) &&
	    mfn_frame(MFN(mfn))->owner == g->d->id)
		memset(fake_words(mfn), 0, PAGE_SIZE);
	(void)fake_mmuext(g->s.v, cmd, mfn, 0);
}

// Gives a page up, which the other may still have mapped, and gets another.
static void op_balloon(void)
{
	struct guest *g = any_guest();
	u32 i = next() % FRAMES;

	if (g->dead || !frame_get(MFN(g->frame[i]), g->d->id))
		return;
	(void)domain_frame_release(g->d, MFN(g->frame[i]));
	frame_put(MFN(g->frame[i]));
	if (g->d->tot_pages < g->d->max_pages)
		g->frame[i] = fake_frame(g->d);
}

static void op_granularity(void)
{
	fake_work = next() & 1 ? PREEMPT_BUDGET - 1 : 0;
}

static void die(struct guest *g)
{
	if (g->dead)
		return;
	g->dead = true;
	cpu_this()->work = 0;
	grant_domain_destroy(g->d);
	must(mm_audit() == 0);
	fake_space_roots_put(&g->s);
	fake_domain_relinquish(g->d);
	must(mm_audit() == 0);
	while (grant_domain_release(g->d))
		cpu_this()->work = 0;
}

static void op_die(void)
{
	u8 b = next();

	if (b > 200)
		die(&guests[b % GUESTS]);
}

static void (*const ops[])(void) = {
	op_grant, op_grant,   op_map,  op_map,         op_map,
	op_unmap, op_unmap,   op_copy, op_copy,        op_update,
	op_pin,   op_balloon, op_die,  op_granularity,
};

static void begin(void)
{
	fake_memory_init_small();
	for (u32 i = 0; i < GUESTS; i++) {
		struct guest *g = &guests[i];

		*g = (struct guest){.d = fake_domain((domid_t)i, 40)};
		g->d->privileged = false;
		must(grant_domain_init(g->d, 1, 1) == 0);
		g->s = fake_space(g->d);
		for (u32 j = 0; j < FRAMES; j++)
			g->frame[j] = fake_frame(g->d);
		must(fake_mmuext(g->s.v, MMUEXT_NEW_BASEPTR, g->s.l4, 0) == 0);
		for (u32 j = 0; j < REFS; j++)
			fake_grant_set(g->d, j, GTF_permit_access,
				       (domid_t)(j & 1), g->frame[j]);
	}
	fake_work = 0;
}

static void finish(void)
{
	die(&guests[0]);
	die(&guests[1]);
	must(mm_audit() == 0);
	for (u32 i = 0; i < GUESTS; i++) {
		must(guests[i].d->tot_pages == 0);
		grant_domain_free(guests[i].d);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool registered;

	if (!registered)
		mm_audit_register(grant_audit);
	registered = true;
	at = data;
	end = data + min(size, (size_t)600);
	begin();
	while (at < end) {
		ops[next() % ARRAY_SIZE(ops)]();
		check_all();
	}
	finish();
	return 0;
}
