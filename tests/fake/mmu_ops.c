// SPDX-License-Identifier: MIT
//
// See mmu_ops.h.
#include "mmu_ops.h"

#include <stdio.h>
#include <string.h>

#include "abi/errno.h"
#include "cpu/cpu.h"
#include "mm/tlb.h"
#include "must.h"
#include "space.h"
#include "tlb.h"

#define OWN 24 // frames of the guest
#define AUDIT_EVERY 16 // operations

static struct domain *d0, *d1;
static struct fake_space s0, s1;
static u64 own[OWN];
static struct mmu_ops_result result;
static const u8 *at, *end;

static u8 next(void)
{
	return at < end ? *at++ : 0;
}

// ------------------------------------------------------- the obvious model

static u8 reached_as[FAKE_END]; // level at which a frame is used as a table

static void reach(u64 mfn, u32 level, u16 owner)
{
	const u64 *t = fake_words(mfn);

	must(mfn_is_ram(MFN(mfn)));
	must(mfn_frame(MFN(mfn))->owner == owner);
	must(reached_as[mfn] == 0 || reached_as[mfn] == level);
	if (reached_as[mfn])
		return;
	reached_as[mfn] = (u8)level;
	for (u32 i = 0; i < ENTRIES && level > 1; i++) {
		u64 to = (t[i] & PTE_ADDR) >> PAGE_SHIFT;

		if (!(t[i] & PTE_P) || (level == 4 && i >= 256 && i < 272))
			continue;
		must(t[i] & PTE_US);
		must(!(t[i] & PTE_PSE));
		if (level == 4 && to == mfn)
			must(!(t[i] & PTE_RW));
		else
			reach(to, level - 1, owner);
	}
}

static void reach_root(mfn_t root, u16 owner)
{
	if (!mfn_is_none(root))
		reach(root.n, 4, owner);
}

static void find_tables(void)
{
	struct domain *all[] = {d0, d1};

	memset(reached_as, 0, sizeof(reached_as));
	for (u32 i = 0; i < 2; i++) {
		reach_root(all[i]->vcpu[0]->kernel_root, all[i]->id);
		reach_root(all[i]->vcpu[0]->user_root, all[i]->id);
	}
	for (u64 n = FAKE_FIRST; n < frame_limit(); n++) {
		const struct frame *f = mfn_frame(MFN(n));

		if (f->owner <= 1 && (f->type & FT_PINNED))
			reach(n, (u32)frame_type_of(f), f->owner);
	}
}

static bool is_descriptors(u64 mfn)
{
	return d1->vcpu[0]->gdt[0].n == mfn;
}

// May frame mfn be mapped in a table of d?
static bool may_map(const struct domain *d, u64 mfn)
{
	const struct frame *f = mfn_frame(MFN(mfn));

	if (!mfn_is_ram(MFN(mfn)))
		return d->privileged;
	if (f->owner == OWNER_HV)
		return d->shared_mfn.n == mfn ||
		       (d->privileged && d1->shared_mfn.n == mfn);
	return f->ref != 0 && (f->owner == d->id || d->privileged);
}

static void check_leaves(u64 table)
{
	const struct domain *d = domain_find(mfn_frame(MFN(table))->owner);
	const u64 *t = fake_words(table);

	for (u32 i = 0; i < ENTRIES; i++) {
		u64 to = (t[i] & PTE_ADDR) >> PAGE_SHIFT;

		if (!(t[i] & PTE_P))
			continue;
		must(t[i] & PTE_US);
		must(may_map(d, to));
		if ((t[i] & PTE_RW) && mfn_is_ram(MFN(to))) {
			must(!reached_as[to]);
			must(!is_descriptors(to));
		}
	}
}

// Nobody else's, and no table: what the guest writes by what its processor
// knows yet.
static void check_writable(const struct fake_translation *t)
{
	mfn_t mfn = entry_mfn(t->entry);
	const struct frame *f = mfn_frame(mfn);

	if (!(t->entry & PTE_RW) || !mfn_is_ram(mfn) || f->ref == 0 ||
	    mfn_eq(mfn, d1->shared_mfn))
		return;
	must(f->owner == d1->id);
	must(!reached_as[mfn.n]);
	must(!is_descriptors(mfn.n));
	must(!kind_is_table(frame_type_of(f)) ||
	     !(f->type & (FT_COUNT_MASK | FT_PARTIAL)));
}

static void check_tlb(void)
{
	tlb_settle(FLUSH_BEFORE_WRITE);
	fake_tlb_each(check_writable);
	fake_tlb_learn();
}

static void check_all(void)
{
	find_tables();
	for (u64 n = 0; n < frame_limit(); n++)
		if (reached_as[n] == 1)
			check_leaves(n);
	check_tlb();
	if (result.ops % AUDIT_EVERY == 0) // its memory's reuse flushes the TLB
		must(mm_audit() == 0);
}

// What changing an L1 entry of the guest's to value must give.
static i64 predict_l1(u64 old, u64 value)
{
	u64 to = (value & PTE_ADDR) >> PAGE_SHIFT;
	bool table;

	if (!(value & PTE_P))
		return 0;
	if (value & (PTE_G | (PTE_ADDR & ~(BIT(40) - 1))))
		return -EINVAL;
	if ((old & PTE_P) && !((old ^ value) & (PTE_ADDR | PTE_RW | PTE_PCD |
						PTE_PWT | PTE_PAT)))
		return 0;
	if (!mfn_is_ram(MFN(to)))
		return -EPERM;
	if (value & (PTE_PCD | PTE_PWT | PTE_PAT))
		return -EINVAL;
	if (mfn_frame(MFN(to))->owner != d1->id && to != d1->shared_mfn.n)
		return -EPERM;
	if (mfn_frame(MFN(to))->ref == 0)
		return -EPERM;
	table = reached_as[to] || is_descriptors(to);
	return table && (value & PTE_RW) ? -EBUSY : 0;
}

// ----------------------------------------------------------- the operations

static u64 any_frame(void)
{
	u8 b = next();

	if (b < 0xe0)
		return own[b % OWN];
	switch (b & 7) {
	case 0:
		return s0.data[0];
	case 1:
		return s0.l1;
	case 2:
		return d1->shared_mfn.n;
	case 3:
		return d0->shared_mfn.n;
	case 4:
		return 0x150; // the hypervisor's
	case 5:
		return 0xfee00;
	case 6:
		return 0;
	default:
		return BIT(33) - 1;
	}
}

static u32 any_index(void)
{
	static const u16 some[] = {0, 1, 2, 3, 4, 5, 255, 256, 271, 272, 511};

	return some[next() % ARRAY_SIZE(some)];
}

static u64 any_entry(void)
{
	u64 mfn = any_frame();
	u8 b = next();
	u64 e = entry_of(mfn, b & 1 ? E_RW : E_RO);

	if ((b & 0x0e) == 0)
		return b & 0x10 ? 0 : e & ~(u64)PTE_P;
	if (b & 0x20)
		e &= ~(u64)(PTE_US | PTE_A | PTE_D);
	if ((b & 0xc0) == 0xc0)
		e |= (const u64[]){
			PTE_PSE, PTE_G,   PTE_PCD, PTE_NX,
			BIT(45), BIT(52), PTE_PWT, PTE_A}[next() & 7];
	return e;
}

static void count_result(i64 rc)
{
	result.accepted += rc >= 0;
}

// Half-done work holds frames in ways that the model knows nothing of.
static bool half_done(void)
{
	for (u64 n = FAKE_FIRST; n < frame_limit(); n++)
		if (mfn_frame(MFN(n))->owner == d1->id &&
		    (mfn_frame(MFN(n))->type & FT_PARTIAL))
			return true;
	return false;
}

static bool predictable(u64 table)
{
	return reached_as[table] == 1 && !half_done() &&
	       mfn_frame(MFN(table))->owner == d1->id;
}

static void update(u64 table, u32 index, u32 type, u64 value)
{
	u64 old = 0;
	i64 rc, expected = 0;
	bool foretold;

	find_tables();
	foretold = table < frame_limit() && predictable(table) && type != 1;
	if (foretold) {
		old = fake_words(table)[index];
		expected = predict_l1(old, value);
	}
	rc = fake_update_for(s1.v, table * PAGE_SIZE + index * 8 + type, value,
			     DOMID_SELF);
	if (foretold) {
		if (rc != expected)
			fprintf(stderr,
				"entry %u of 0x%lx: 0x%lx to 0x%lx: %ld, not "
				"%ld\n",
				index, table, old, value, rc, expected);
		must(rc == expected);
		must(rc == 0 || fake_words(table)[index] == old);
		result.predicted++;
	}
	count_result(rc);
}

static void op_update(void)
{
	u64 table = any_frame();
	u32 index = any_index(), type = next() & 3;

	update(table, index, type, any_entry());
}

static u64 any_va(void)
{
	u64 va = 0;

	for (u32 level = 0; level < 4; level++)
		va = va << 9 | (next() & 3);
	return va << PAGE_SHIFT;
}

static void op_va(void)
{
	u64 va = any_va();

	count_result(fake_hypercall(s1.v, hc_update_va_mapping, va, any_entry(),
				    next() & 3, 0));
}

static void op_pin(void)
{
	u32 level = next() & 3;

	count_result(
		fake_mmuext(s1.v, MMUEXT_PIN_L1_TABLE + level, any_frame(), 0));
}

static void op_unpin(void)
{
	count_result(fake_mmuext(s1.v, MMUEXT_UNPIN_TABLE, any_frame(), 0));
}

static void op_roots(void)
{
	u8 how = next();
	struct mmuext_op op[2] = {
		{.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = any_frame()},
		{.cmd = MMUEXT_NEW_USER_BASEPTR},
	};

	op[1].arg1.mfn = how & 1 ? any_frame() : 0;
	count_result(fake_hypercall(s1.v, hc_mmuext_op,
				    gva_of(&op[how >> 1 & 1]), how & 2 ? 1 : 2,
				    0, DOMID_SELF));
}

// The guest stores to its own memory, where it can.
static void op_store(void)
{
	u64 mfn = own[next() % OWN];
	const struct frame *f = mfn_frame(MFN(mfn));
	bool used = f->type & FT_COUNT_MASK;
	u32 index = any_index();
	u64 value = any_entry();

	if (f->owner == d1->id && !(f->type & FT_PARTIAL) &&
	    (!used || frame_type_of(f) == TYPE_WRITABLE))
		fake_words(mfn)[index] = value;
}

// Wipes a frame that is no table now, to build anew.
static void op_wipe(void)
{
	u64 mfn = own[next() % OWN];
	const struct frame *f = mfn_frame(MFN(mfn));

	if (f->owner == d1->id && !(f->type & (FT_COUNT_MASK | FT_PARTIAL)))
		memset(fake_words(mfn), 0, PAGE_SIZE);
}

// Builds a new chain of tables out of four frames, if they are to be had.
static void op_build(void)
{
	u64 mfn[4];

	for (u32 i = 0; i < 4; i++) {
		const struct frame *f;

		mfn[i] = own[(next() % (OWN / 4)) * 4 + i];
		f = mfn_frame(MFN(mfn[i]));
		if (f->owner != d1->id ||
		    f->type & (FT_COUNT_MASK | FT_PARTIAL))
			return;
	}
	for (u32 i = 0; i < 4; i++) {
		memset(fake_words(mfn[i]), 0, PAGE_SIZE);
		fake_words(mfn[i])[next() & 3] =
			i < 3 ? entry_of(mfn[i + 1], E_RW) : any_entry();
	}
	fake_words(mfn[3])[0] = entry_of(mfn[3], E_RO);
	count_result(fake_mmuext(s1.v, MMUEXT_NEW_BASEPTR, mfn[0], 0));
}

// One of the guest's frames that is in use as a table of such a level, or 0.
static u64 reached_between(u32 lowest, u32 highest)
{
	find_tables();
	for (u32 i = 0, start = next(); i < OWN; i++) {
		u64 mfn = own[(i + start) % OWN];

		if (reached_as[mfn] >= lowest && reached_as[mfn] <= highest)
			return mfn;
	}
	return 0;
}

static void op_l1(void)
{
	u64 table = reached_between(1, 1);

	if (table)
		update(table, any_index(), next() & 2, any_entry());
}

// As a flush would leave it: what is known, the tables give, too.
static void check_current(const struct fake_translation *t)
{
	u64 now = fake_tlb_walk(t->va);

	must(entry_leads_to(now, entry_mfn(t->entry)));
	must((now & PTE_RW) || !(t->entry & PTE_RW));
	must(!((now ^ t->entry) & (PTE_US | PTE_NX)));
}

// Nor does it lack what they gained, or there is a flush to come with a fault.
static void check_flushed(const struct fake_translation *t)
{
	check_current(t);
	must(!(fake_tlb_walk(t->va) & ~t->entry & PTE_RW) ||
	     (cpu_this()->flush_owed && walk_allows_write(s1.v, t->va)));
}

static u64 invalidated;

static void check_invalidated(const struct fake_translation *t)
{
	if (t->va == invalidated)
		check_current(t);
}

static void op_flush(void)
{
	if (next() & 1) {
		count_result(fake_mmuext(s1.v, MMUEXT_TLB_FLUSH_LOCAL, 0, 0));
		fake_tlb_each(check_flushed);
	} else {
		invalidated = any_va();
		count_result(
			fake_mmuext(s1.v, MMUEXT_INVLPG_LOCAL, invalidated, 0));
		fake_tlb_each(check_invalidated);
	}
}

// As kernels make a page table: the page is made read-only, and pinned.
static void op_make_table(void)
{
	const struct fake_translation *t = fake_tlb_one(next());
	u64 va = t ? t->va : 0, e = fake_tlb_walk(va);

	if (!(e & PTE_RW) || mfn_frame(entry_mfn(e))->owner != d1->id)
		return;
	if (next() & 1)
		memset(mfn_virt(entry_mfn(e)), 0, PAGE_SIZE);
	count_result(fake_hypercall(s1.v, hc_update_va_mapping, va,
				    e & ~(u64)PTE_RW, 0, 0));
	count_result(fake_mmuext(s1.v, MMUEXT_PIN_L1_TABLE + (next() & 3),
				 entry_mfn(e).n, 0));
}

// One more way to what hangs under a table.
static void op_alias(void)
{
	u64 table = reached_between(2, 4);
	u32 to = next() & 3, from = next() & 3;

	if (table)
		update(table, to, 0, fake_words(table)[from]);
}

static void op_balloon(void)
{
	u32 i = next() % OWN;

	if (!frame_get(MFN(own[i]), d1->id))
		return;
	(void)domain_frame_release(d1, MFN(own[i]));
	frame_put(MFN(own[i]));
	if (d1->tot_pages < d1->max_pages)
		own[i] = fake_frame(d1);
}

static void op_descriptors(void)
{
	struct vcpu *v = s1.v;
	mfn_t mfn = MFN(any_frame());
	int err;

	if (!mfn_is_none(v->gdt[0]))
		frame_put_type(v->gdt[0]);
	v->gdt[0] = MFN_NONE;
	err = frame_get_type(mfn, TYPE_DESC, d1);
	if (!err)
		v->gdt[0] = mfn;
	count_result(err);
}

static void op_write_fault(void)
{
	static const u8 insns[][6] = {
		{0x48, 0x87, 0x07}, // xchg %rax, (%rdi)
		{0x48, 0x89, 0x07}, // mov %rax, (%rdi)
		{0xf0, 0x80, 0x27, 0xfd}, // lock andb $0xfd, (%rdi)
		{0xf0, 0x48, 0x0f, 0xba, 0x37, 0x05}, // lock btrq $5
		{0xf0, 0x48, 0x0f, 0xb1, 0x0f}, // lock cmpxchg %rcx
		{0x89, 0x07}, // mov %eax, (%rdi)
		{0x80, 0x0f, 0x02}, // orb $2, (%rdi)
		{0x48, 0x8b, 0x07}, // a load
	};
	u8 code[16] = {0};
	struct regs r = {.error = PFEC_P | PFEC_W | PFEC_U};
	u64 addr = any_va() + 8 * any_index();

	memcpy(code, insns[next() % ARRAY_SIZE(insns)], 6);
	r.rip = gva_of(code);
	r.rdi = addr;
	r.rcx = any_entry();
	r.rax = any_entry();
	result.accepted += ptwr_fault(s1.v, &r, addr);
}

// The control domain maps a frame of the guest.
static void op_foreign(void)
{
	u64 mfn = any_frame();
	u8 b = next();

	count_result(fake_update_for(
		s0.v, (s0.l1 << PAGE_SHIFT) + 8 * (16 + b % 8),
		b & 0x80 ? entry_of(mfn, b & 0x40 ? E_RW : E_RO) : 0, 1));
}

static void op_granularity(void)
{
	u8 b = next();

	fake_work = b & 1 ? PREEMPT_BUDGET - 1 - (b >> 1) % 8 : 0;
}

// Starts something long and does not go on with it.
static void op_abandon(void)
{
	struct mmuext_op op = {
		.cmd = next() & 1 ? MMUEXT_PIN_L4_TABLE : MMUEXT_UNPIN_TABLE,
		.arg1.mfn = any_frame(),
	};
	struct hcall h = {.arg = {gva_of(&op), 1, 0, DOMID_SELF}};

	cpu_this()->work = PREEMPT_BUDGET - 3;
	count_result(hc_mmuext_op(s1.v, &h));
}

static void (*const ops[])(void) = {
	op_update,      op_update,      op_l1,          op_va,
	op_pin,         op_pin,         op_unpin,       op_roots,
	op_store,       op_store,       op_wipe,        op_build,
	op_l1,          op_l1,          op_build,       op_balloon,
	op_descriptors, op_write_fault, op_write_fault, op_foreign,
	op_granularity, op_abandon,     op_flush,       op_make_table,
	op_make_table,  op_alias,
};

// ---------------------------------------------------------- life and death

static void begin(void)
{
	fake_memory_init_small();
	d0 = fake_domain(0, 200);
	d1 = fake_domain(1, 60);
	s0 = fake_space(d0);
	s1 = fake_space(d1);
	for (u32 i = 0; i < OWN; i++)
		own[i] = fake_frame(d1);
	own[0] = s1.l4;
	own[1] = s1.l3;
	own[2] = s1.l2;
	own[3] = s1.l1;
	// The guest can see and so write its own L1 by its address 4 << 12.
	fake_words(s1.l1)[4] = entry_of(s1.l1, E_RO);
	must(fake_mmuext(s0.v, MMUEXT_PIN_L4_TABLE, s0.l4, 0) == 0);
	must(fake_mmuext(s1.v, MMUEXT_PIN_L4_TABLE, s1.l4, 0) == 0);
	must(fake_mmuext(s1.v, MMUEXT_NEW_BASEPTR, s1.l4, 0) == 0);
	cpu_this()->loaded = s1.v;
	result = (struct mmu_ops_result){0};
	must_step = 0;
}

// Everything must come back when the guest dies.
static void finish(void)
{
	struct vcpu *v = s1.v;

	fake_work = 0;
	if (!mfn_is_none(v->gdt[0]))
		frame_put_type(v->gdt[0]);
	v->gdt[0] = MFN_NONE;
	fake_space_roots_put(&s1);
	for (u32 i = 16; i < 24; i++)
		must(fake_update(s0.v, s0.l1, i, 0) == 0);
	fake_domain_relinquish(d1);
	must(d1->tot_pages == 0);
	must(mm_audit() == 0);
}

struct mmu_ops_result mmu_ops_run(const u8 *input, size_t n)
{
	at = input;
	end = input + n;
	begin();
	while (at < end) {
		ops[next() % ARRAY_SIZE(ops)]();
		must_step = ++result.ops;
		check_all();
	}
	finish();
	return result;
}
