// SPDX-License-Identifier: MIT
// uses: src/mm/ram.c src/mm/early.c src/mm/frame.c src/mm/heap.c
// uses: src/mm/kalloc.c src/mm/m2p.c src/mm/tlb.c src/mm/fresh.c src/mm/domain_frames.c
// uses: src/mm/iomem.c src/mm/type.c src/mm/table.c src/mm/entry.c
// uses: src/mm/change.c src/mm/undo.c src/mm/foreign.c src/mm/walk.c
// uses: src/mm/flush.c src/mm/ahead.c src/mm/mmu_update.c src/mm/va_update.c
// uses: src/mm/mmuext_op.c src/mm/relinquish.c src/mm/audit.c
// uses: src/mm/root.c
// uses: src/mm/dirty.c src/mm/shadow.c src/mm/claim.c
// uses: tests/fake/core.c tests/fake/memory.c tests/fake/space.c
//
// Single entries: mmu_update, update_va_mapping, and the flushes, roots and
// other small operations of mmuext_op.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "mm/tlb.h"
#include "space.h"

static struct domain *d0, *d1;
static struct fake_space s;
static u64 spare; // a frame of d1's that nothing maps

static int setup(void **state)
{
	fake_memory_init();
	d0 = fake_domain(0, 1000);
	d1 = fake_domain(1, 1000);
	s = fake_space(d1);
	spare = fake_frame(d1);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	cpu_this()->loaded = s.v;
	fake_cr3_writes = fake_invlpgs = 0;
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(mm_audit(), 0);
	return 0;
}

static u32 uses(u64 mfn)
{
	return mfn_frame(MFN(mfn))->type & FT_COUNT_MASK;
}

static u64 maddr(u64 mfn, u32 index)
{
	return (mfn << PAGE_SHIFT) + 8 * index;
}

// ------------------------------------------------------------- mmu_update

static void set_and_clear_l1(void **state)
{
	assert_int_equal(
		fake_update(s.v, s.l1, 20, entry_of(spare, PTE_P | PTE_RW)), 0);
	assert_int_equal(fake_words(s.l1)[20],
			 entry_of(spare, PTE_P | PTE_RW | PTE_US));
	assert_int_equal(uses(spare), 1);
	// Only flags change: nothing is counted.
	assert_int_equal(
		fake_update(s.v, s.l1, 20, entry_of(spare, E_RW | PTE_NX)), 0);
	assert_int_equal(fake_words(s.l1)[20], entry_of(spare, E_RW | PTE_NX));
	assert_int_equal(uses(spare), 1);
	assert_int_equal(fake_update(s.v, s.l1, 20, entry_of(spare, E_RO)), 0);
	assert_int_equal(uses(spare), 0);
	assert_int_equal(fake_update(s.v, s.l1, 20, 0x7f0), 0);
	assert_int_equal(fake_words(s.l1)[20], 0x7f0);
	assert_int_equal(mfn_frame(MFN(spare))->ref & REF_COUNT_MASK, 1);
	assert_int_equal(fake_cr3_writes, 0);
	assert_int_equal(fake_invlpgs, 0);
}

static void a_refused_value_changes_nothing(void **state)
{
	u64 before = fake_words(s.l1)[0];
	const struct {
		u64 value;
		i64 rc;
	} bad[] = {
		{entry_of(s.l1, E_RW), -EBUSY},
		{entry_of(s.data[0], E_RW | PTE_G), -EINVAL},
		{entry_of(s.data[0], E_RW | BIT(45)), -EINVAL},
		{entry_of(s.data[0], E_RW | PTE_PCD), -EINVAL},
		{entry_of(0x150, E_RO), -EPERM},
		{entry_of(d0->shared_mfn.n, E_RO), -EPERM},
		{entry_of(0xfee00, E_RO), -EPERM},
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(fake_update(s.v, s.l1, 0, bad[i].value),
				 bad[i].rc);
		assert_int_equal(fake_words(s.l1)[0], before);
		assert_int_equal(mm_audit(), 0);
	}
}

static u32 references(u64 mfn)
{
	return mfn_frame(MFN(mfn))->ref & REF_COUNT_MASK;
}

// The same page by another right: the reference stays, the type does not.
static void a_change_of_rights_keeps_the_reference(void **state)
{
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(
			fake_update(s.v, s.l1, 20, entry_of(spare, E_RO)), 0);
		assert_int_equal(references(spare), 2);
		assert_int_equal(uses(spare), 0);
		assert_int_equal(
			fake_update(s.v, s.l1, 20, entry_of(spare, E_RW)), 0);
		assert_int_equal(references(spare), 2);
		assert_int_equal(uses(spare), 1);
		assert_int_equal(mm_audit(), 0);
	}
	assert_int_equal(fake_update(s.v, s.l1, 20, entry_of(s.data[1], E_RO)),
			 0);
	assert_int_equal(references(spare), 1);
	assert_int_equal(uses(spare), 0);
}

// That one maps a page does not say that it may have another right to it.
static void rights_to_anothers_page_are_asked_for_again(void **state)
{
	struct fake_space own = fake_space(d0);
	const u64 at = maddr(own.l1, 20);

	assert_int_equal(
		fake_mmuext(own.v, MMUEXT_PIN_L4_TABLE, own.l4, DOMID_SELF), 0);
	assert_int_equal(
		fake_update_for(own.v, at, entry_of(spare, E_RO), d1->id), 0);
	assert_int_equal(fake_update(own.v, own.l1, 20, entry_of(spare, E_RW)),
			 -EPERM);
	assert_int_equal(fake_words(own.l1)[20], entry_of(spare, E_RO));
	assert_int_equal(uses(spare), 0);
	assert_int_equal(
		fake_update_for(own.v, at, entry_of(spare, E_RW), d1->id), 0);
	assert_int_equal(fake_update(own.v, own.l1, 20, entry_of(spare, E_RO)),
			 -EPERM);
	assert_int_equal(uses(spare), 1);
	assert_int_equal(fake_update(own.v, own.l1, 20, 0), 0);
	assert_int_equal(references(spare), 1);
	assert_int_equal(
		fake_mmuext(own.v, MMUEXT_UNPIN_TABLE, own.l4, DOMID_SELF), 0);
}

static void keeping_accessed_and_dirty(void **state)
{
	u64 bare = entry_of(s.data[0], PTE_P | PTE_RW | PTE_US);

	assert_int_equal(
		fake_update_for(s.v, maddr(s.l1, 0) | MMU_PT_UPDATE_PRESERVE_AD,
				bare, DOMID_SELF),
		0);
	assert_int_equal(fake_words(s.l1)[0], bare | PTE_A | PTE_D);
	assert_int_equal(fake_update(s.v, s.l1, 0, bare), 0);
	assert_int_equal(fake_words(s.l1)[0], bare);
	assert_int_equal(
		fake_update_for(s.v,
				maddr(s.l1, 0) | MMU_PT_UPDATE_NO_TRANSLATE,
				bare | PTE_D, DOMID_SELF),
		0);
	assert_int_equal(fake_words(s.l1)[0], bare | PTE_D);
	// Bits of a swap entry are not A and D.
	assert_int_equal(fake_update(s.v, s.l1, 0, PTE_A | PTE_D), 0);
	assert_int_equal(
		fake_update_for(s.v, maddr(s.l1, 0) | MMU_PT_UPDATE_PRESERVE_AD,
				bare, DOMID_SELF),
		0);
	assert_int_equal(fake_words(s.l1)[0], bare);
}

static void upper_levels(void **state)
{
	u64 l1 = fake_frame(d1);

	assert_int_equal(fake_update(s.v, s.l2, 9, entry_of(l1, PTE_P)), 0);
	assert_int_equal(fake_words(s.l2)[9], entry_of(l1, PTE_P | PTE_US));
	assert_int_equal(frame_type_of(mfn_frame(MFN(l1))), TYPE_L1);
	assert_int_equal(fake_update(s.v, s.l2, 9, entry_of(l1, E_RW)), 0);
	assert_int_equal(uses(l1), 1);
	assert_int_equal(fake_update(s.v, s.l2, 9, entry_of(s.l2, E_RW)),
			 -EINVAL);
	assert_int_equal(
		fake_update(s.v, s.l2, 9, entry_of(l1, E_RW | PTE_PSE)),
		-EINVAL);
	assert_int_equal(fake_update(s.v, s.l3, 1, entry_of(s.l2, E_RW)), 0);
	assert_int_equal(uses(s.l2), 2);
	assert_int_equal(fake_update(s.v, s.l3, 1, 0), 0);
	assert_int_equal(fake_update(s.v, s.l4, 300, entry_of(s.l3, PTE_P)), 0);
	assert_int_equal(fake_words(s.l4)[300],
			 entry_of(s.l3, PTE_P | PTE_US | PTE_A));
	for (u32 i = 256; i < 272; i++) {
		assert_int_equal(fake_update(s.v, s.l4, i, 0), -EINVAL);
		assert_int_equal(
			fake_update(s.v, s.l4, i, entry_of(s.l3, E_RW)),
			-EINVAL);
	}
	// The whole subtree goes, interrupted at every step.
	fake_work = PREEMPT_BUDGET - 1;
	assert_int_equal(fake_update(s.v, s.l4, 300, 0), 0);
	assert_int_equal(fake_update(s.v, s.l4, 0, 0), 0);
	assert_true(fake_restarts > 0);
	assert_int_equal(uses(s.l3), 0);
	assert_int_equal(uses(l1), 0);
}

static void frames_that_are_no_tables(void **state)
{
	assert_int_equal(fake_update(s.v, s.data[1], 7, ~0ull), 0); // writable
	assert_int_equal(fake_words(s.data[1])[7], ~0ull);
	assert_int_equal(fake_update(s.v, spare, 8, 123), 0); // no type
	assert_int_equal(fake_words(spare)[8], 123);
	assert_int_equal(frame_get_type(MFN(spare), TYPE_DESC, d1), 0);
	assert_int_equal(fake_update(s.v, spare, 8, 124), -EINVAL);
	frame_put_type(MFN(spare));
	assert_int_equal(fake_update(s.v, spare, 8, 124), 0);
	assert_int_equal(fake_update(s.v, 0x150, 0, 0), -EPERM);
	assert_int_equal(fake_update(s.v, fake_frame(d0), 0, 0), -EPERM);
	assert_int_equal(fake_update(s.v, FAKE_END + 1, 0, 0), -EPERM);
	assert_int_equal(
		fake_update_for(s.v, maddr(s.l1, 0) | 4, 0, DOMID_SELF),
		-ENOSYS);
}

static void m2p_entries(void **state)
{
	u64 theirs = fake_frame(d0);

	assert_int_equal(fake_update_for(s.v,
					 maddr(spare, 0) | MMU_MACHPHYS_UPDATE,
					 42, DOMID_SELF),
			 0);
	assert_int_equal(m2p_table[spare], 42);
	assert_int_equal(fake_update_for(s.v,
					 maddr(theirs, 0) | MMU_MACHPHYS_UPDATE,
					 42, DOMID_SELF),
			 -EINVAL);
	assert_int_equal(fake_update_for(d0->vcpu[0],
					 maddr(spare, 0) | MMU_MACHPHYS_UPDATE,
					 43, 1),
			 0);
	assert_int_equal(m2p_table[spare], 43);
	assert_int_equal(fake_update_for(d0->vcpu[0],
					 maddr(spare, 0) | MMU_MACHPHYS_UPDATE,
					 43, DOMID_IO),
			 -EINVAL);
}

static void frames_of_others(void **state)
{
	struct fake_space t = fake_space(d0);
	u64 device = entry_of(0xfee00, E_RW);
	u64 m2p = FAKE_M2P >> PAGE_SHIFT;

	assert_int_equal(fake_mmuext(t.v, MMUEXT_PIN_L4_TABLE, t.l4, 0), 0);
	// The control domain maps a frame of another domain.
	assert_int_equal(
		fake_update_for(t.v, maddr(t.l1, 9), entry_of(spare, E_RW), 1),
		0);
	assert_int_equal(uses(spare), 1);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_PIN_L1_TABLE, spare, 0),
			 -EINVAL);
	assert_int_equal(fake_update_for(t.v, maddr(t.l1, 10),
					 entry_of(spare, E_RW), DOMID_SELF),
			 -EPERM);
	assert_int_equal(
		fake_update_for(t.v, maddr(t.l1, 10), entry_of(s.l1, E_RW), 1),
		-EBUSY);
	assert_int_equal(
		fake_update_for(t.v, maddr(t.l1, 10), entry_of(s.l1, E_RO), 1),
		0);
	assert_int_equal(fake_update_for(t.v, maddr(t.l1, 11),
					 entry_of(d1->shared_mfn.n, E_RW), 1),
			 0);
	assert_int_equal(fake_update_for(t.v, maddr(t.l1, 12), 0, 3), -ESRCH);
	// Another's tables.
	assert_int_equal(fake_update_for(t.v, maddr(s.l1, 9), 0, 2u << 16 | 1),
			 0);
	assert_int_equal(fake_update_for(t.v, maddr(s.l1, 9), 0, DOMID_SELF),
			 -EPERM);
	assert_int_equal(
		fake_update_for(t.v, maddr(s.l1, 9), 0, 5u << 16 | DOMID_SELF),
		-ESRCH);
	// Not the other way round.
	assert_int_equal(fake_update_for(s.v, maddr(s.l1, 9),
					 entry_of(t.data[0], E_RO), 0),
			 -EPERM);
	assert_int_equal(fake_update_for(s.v, maddr(t.l1, 9), 0, 1u << 16 | 1),
			 -EPERM);
	// Devices.
	assert_int_equal(
		fake_update_for(t.v, maddr(t.l1, 13), device, DOMID_IO), 0);
	assert_int_equal(
		fake_update_for(t.v, maddr(t.l1, 13), device, DOMID_SELF), 0);
	assert_int_equal(fake_update_for(t.v, maddr(t.l1, 14), device, 1),
			 -EPERM);
	assert_int_equal(fake_update_for(t.v, maddr(t.l1, 14),
					 entry_of(spare, E_RO), DOMID_IO),
			 -EPERM);
	assert_int_equal(
		fake_update_for(s.v, maddr(s.l1, 13), device, DOMID_IO),
		-EPERM);
	d1->iomem = (struct rangeset *)0xfee00;
	assert_int_equal(
		fake_update_for(s.v, maddr(s.l1, 13), device, DOMID_IO), 0);
	iomem_restrict(MFN(0xfec00), 1, IOMEM_READ_ONLY);
	assert_int_equal(fake_update_for(t.v, maddr(t.l1, 15),
					 entry_of(0xfec00, E_RW), DOMID_IO),
			 0);
	assert_int_equal(fake_words(t.l1)[15], entry_of(0xfec00, E_RO));
	// The M2P, read-only, for the control domain.
	assert_int_equal(fake_update_for(t.v, maddr(t.l1, 16),
					 entry_of(m2p, E_RO), DOMID_XEN),
			 0);
	assert_int_equal(fake_update_for(t.v, maddr(t.l1, 17),
					 entry_of(m2p, E_RW), DOMID_XEN),
			 -EPERM);
	assert_int_equal(fake_update_for(t.v, maddr(t.l1, 17),
					 entry_of(0x150, E_RO), DOMID_XEN),
			 -EPERM);
	assert_int_equal(fake_update_for(s.v, maddr(s.l1, 17),
					 entry_of(m2p, E_RO), DOMID_XEN),
			 -EPERM);
	assert_int_equal(mm_audit(), 0);
}

static void batches(void **state)
{
	struct mmu_update req[600];
	u32 done = 77;

	for (u32 i = 0; i < 600; i++) {
		req[i].ptr = maddr(s.l1, i % 500);
		req[i].val = entry_of(s.data[i % 4], E_RW);
	}
	assert_int_equal(fake_hypercall(s.v, hc_mmu_update, gva_of(req), 600,
					gva_of(&done), DOMID_SELF),
			 0);
	assert_int_equal(done, 600);
	fake_work = PREEMPT_BUDGET - 100;
	assert_int_equal(fake_hypercall(s.v, hc_mmu_update, gva_of(req), 600,
					gva_of(&done), DOMID_SELF),
			 0);
	assert_int_equal(done, 600);
	assert_int_equal(fake_restarts, 5);
	req[333].val = entry_of(s.l1, E_RW);
	assert_int_equal(fake_hypercall(s.v, hc_mmu_update, gva_of(req), 600,
					gva_of(&done), DOMID_SELF),
			 -EBUSY);
	assert_int_equal(done, 333);
	assert_int_equal(fake_hypercall(s.v, hc_mmu_update, gva_of(req), 333, 0,
					DOMID_SELF),
			 0);
	assert_int_equal(fake_hypercall(s.v, hc_mmu_update, gva_of(req), 0,
					gva_of(&done), DOMID_SELF),
			 0);
	assert_int_equal(done, 0);
	fake_fault_at = &req[10];
	fake_fault_bytes = 1;
	assert_int_equal(fake_hypercall(s.v, hc_mmu_update, gva_of(req), 20,
					gva_of(&done), DOMID_SELF),
			 -EFAULT);
	assert_int_equal(done, 10);
	fake_fault_at = &done;
	assert_int_equal(fake_hypercall(s.v, hc_mmu_update, gva_of(req), 1,
					gva_of(&done), DOMID_SELF),
			 -EFAULT);
	fake_fault_bytes = 0;
	assert_int_equal(fake_hypercall(s.v, hc_mmu_update, gva_of(req), 20,
					gva_of(&done), 7),
			 -ESRCH);
	assert_int_equal(done, 0);
}

// ------------------------------------------------------ update_va_mapping

static i64 va_update(u64 va, u64 value, u64 flags)
{
	return fake_hypercall(s.v, hc_update_va_mapping, va, value, flags, 0);
}

static void by_address(void **state)
{
	u64 e = entry_of(spare, E_RW);

	assert_int_equal(va_update(30 << PAGE_SHIFT, e, 0), 0);
	assert_int_equal(fake_words(s.l1)[30], e);
	assert_int_equal(guest_walk_l1e(s.v, 30 << PAGE_SHIFT), e);
	assert_int_equal(guest_walk_l1e(s.v, 31 << PAGE_SHIFT), 0);
	assert_int_equal(guest_walk_l1e(s.v, GIB(1)), 0);
	assert_int_equal(va_update(GIB(1), e, 0), -EINVAL); // no table
	assert_int_equal(va_update(1ull << 47, e, 0), -EINVAL);
	assert_int_equal(va_update(HV_START, e, 0), -EINVAL);
	assert_int_equal(va_update(0, entry_of(s.l1, E_RW), 0), -EBUSY);
	assert_int_equal(fake_cr3_writes + fake_invlpgs, 0);
	assert_int_equal(va_update(0, e, UVMF_INVLPG), 0);
	assert_int_equal(fake_invlpgs, 1);
	assert_int_equal(va_update(0, e, UVMF_TLB_FLUSH), 0);
	assert_int_equal(fake_cr3_writes, 1);
	assert_int_equal(va_update(0, e, UVMF_INVLPG | UVMF_ALL), 0);
	assert_int_equal(fake_invlpgs, 2);
	assert_int_equal(va_update(0, e, 3), 0); // neither
	assert_int_equal(fake_cr3_writes, 1);
	s.v->kernel_root = MFN_NONE;
	assert_int_equal(va_update(0, e, 0), -EINVAL);
	s.v->kernel_root = MFN(s.l4);
}

static struct multicall_entry protects(u64 va, u64 value)
{
	return (struct multicall_entry){
		.op = __HYPERVISOR_update_va_mapping,
		.args = {va, value},
	};
}

// Two pages are made read-only and pinned in turn: a flush for both.
static void pages_protected_ahead(void **state)
{
	struct multicall_entry e[] = {
		protects(0, entry_of(s.data[0], E_RO & ~(u64)PTE_US)),
		{.op = __HYPERVISOR_mmuext_op},
		protects(1 << PAGE_SHIFT, entry_of(s.data[1], E_RO)),
		protects(2 << PAGE_SHIFT, entry_of(s.data[3], E_RO)),
		protects(3 << PAGE_SHIFT, entry_of(s.data[3], E_RW)),
		protects(GIB(1), entry_of(s.data[3], E_RO)),
	};

	protect_ahead(s.v, e, 1);
	protect_ahead(s.v, e, 2);
	protect_ahead(s.v, e + 2, 2);
	assert_int_equal(uses(s.data[0]), 1); // not worth it
	protect_ahead(s.v, e, ARRAY_SIZE(e));
	assert_int_equal(fake_words(s.l1)[0], entry_of(s.data[0], E_RO));
	assert_int_equal(fake_words(s.l1)[1], entry_of(s.data[1], E_RO));
	assert_int_equal(uses(s.data[0]), 0);
	assert_int_equal(uses(s.data[1]), 0);
	// Another page, no protection, no table: left alone.
	assert_int_equal(fake_words(s.l1)[2], entry_of(s.data[2], E_RW));
	assert_int_equal(fake_words(s.l1)[3], entry_of(s.data[3], E_RW));
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_PIN_L1_TABLE, s.data[0], 0),
			 0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_PIN_L1_TABLE, s.data[1], 0),
			 0);
	assert_int_equal(fake_cr3_writes, 1);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_UNPIN_TABLE, s.data[0], 0), 0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_UNPIN_TABLE, s.data[1], 0), 0);
}

// It may be another domain's page: the entry stays as it is.
static void only_own_pages_are_protected_ahead(void **state)
{
	u64 shared = d1->shared_mfn.n;
	struct multicall_entry e[] = {
		protects(8 << PAGE_SHIFT, entry_of(shared, E_RO)),
		protects(9 << PAGE_SHIFT, entry_of(shared, E_RO)),
		{.op = __HYPERVISOR_mmuext_op},
	};

	assert_int_equal(fake_update(s.v, s.l1, 8, entry_of(shared, E_RW)), 0);
	protect_ahead(s.v, e, ARRAY_SIZE(e));
	assert_int_equal(fake_words(s.l1)[8], entry_of(shared, E_RW));
	assert_int_equal(fake_update(s.v, s.l1, 8, 0), 0);
}

static void flush_masks(void **state)
{
	u64 mask[2] = {0, 0};
	u64 e = entry_of(s.data[0], E_RW);

	assert_int_equal(va_update(0, e, UVMF_TLB_FLUSH | gva_of(mask)), 0);
	assert_int_equal(fake_cr3_writes, 0);
	mask[0] = 1;
	assert_int_equal(va_update(0, e, UVMF_TLB_FLUSH | gva_of(mask)), 0);
	assert_int_equal(fake_cr3_writes, 1);
	fake_fault_at = mask;
	fake_fault_bytes = 1;
	assert_int_equal(va_update(0, 0, UVMF_TLB_FLUSH | gva_of(mask)),
			 -EFAULT);
	fake_fault_bytes = 0;
	assert_int_equal(fake_words(s.l1)[0], e);
}

// ------------------------------------------------------------------ mmuext

// Something that a TLB may know is no longer so.
static void weaken(u32 index)
{
	assert_int_equal(fake_update(s.v, s.l1, index, 0), 0);
	assert_int_equal(
		fake_update(s.v, s.l1, index, entry_of(s.data[index], E_RW)),
		0);
}

static void flush_all(void)
{
	weaken(0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
	assert_true(tlb_is_fresh());
	fake_cr3_writes = fake_invlpgs = 0;
}

static void flushes(void **state)
{
	u64 mask = 1;

	weaken(0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
	weaken(0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_TLB_FLUSH_ALL, 0, 0), 0);
	weaken(0);
	assert_int_equal(
		fake_mmuext(s.v, MMUEXT_TLB_FLUSH_MULTI, 0, gva_of(&mask)), 0);
	assert_int_equal(fake_cr3_writes, 3);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_INVLPG_LOCAL, 5, 0), 0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_INVLPG_ALL, 5, 0), 0);
	assert_int_equal(
		fake_mmuext(s.v, MMUEXT_INVLPG_MULTI, 5, gva_of(&mask)), 0);
	assert_int_equal(fake_invlpgs, 3);
	mask = 0;
	assert_int_equal(
		fake_mmuext(s.v, MMUEXT_INVLPG_MULTI, 5, gva_of(&mask)), 0);
	assert_int_equal(fake_invlpgs, 3);
	assert_int_equal(
		fake_mmuext_for(d0->vcpu[0], MMUEXT_TLB_FLUSH_LOCAL, 0, 1),
		-EPERM);
}

// With nothing stale there is nothing to flush.
static void needless_flushes(void **state)
{
	const u64 e = entry_of(s.data[0], E_RW);
	const struct {
		u64 from, to;
		bool weaker, wider;
	} changes[] = {
		{0, e, false, false},
		{e, 0, true, false},
		{e, e & ~(u64)PTE_RW, true, false},
		{e & ~(u64)PTE_RW, e, false, true},
		{e & ~(u64)(PTE_A | PTE_D), e, false, false},
		{e, e & ~(u64)PTE_D, true, false},
		{e, e | PTE_NX, true, false},
		{e | PTE_NX, e, true, false}, // gains, but as if it lost
		{e, entry_of(spare, E_RW), true, false},
		{e, e, false, false},
		{e & ~(u64)PTE_D, e & ~(u64)PTE_D, true, false}, // D may be set
		{e & ~(u64)PTE_A, e & ~(u64)PTE_A, true, false}, // or A
		{e & ~(u64)PTE_RW, e & ~(u64)PTE_D, true, false},
	};

	for (u32 i = 0; i < ARRAY_SIZE(changes); i++) {
		assert_int_equal(fake_update(s.v, s.l1, 0, changes[i].from), 0);
		tlb_flush_local();
		fake_cr3_writes = 0;
		assert_int_equal(fake_update(s.v, s.l1, 0, changes[i].to), 0);
		assert_int_equal(tlb_is_fresh(), !changes[i].weaker);
		assert_int_equal(fake_mmuext(s.v, MMUEXT_TLB_FLUSH_LOCAL, 0, 0),
				 0);
		assert_int_equal(fake_cr3_writes, changes[i].weaker);
		assert_int_equal(cpu_this()->flush_owed, changes[i].wider);
		tlb_flush_local();
		assert_false(cpu_this()->flush_owed);
	}
	// The same for tables, and for writes that are emulated.
	assert_int_equal(fake_update(s.v, s.l2, 7, entry_of(s.l1, E_RW)), 0);
	assert_true(tlb_is_fresh());
	assert_int_equal(fake_update(s.v, s.l2, 7, 0), 0);
	assert_false(tlb_is_fresh());
	// Another domain's tables are others.
	tlb_flush_local();
	d0->weakened++;
	assert_true(tlb_is_fresh());
	cpu_this()->loaded = d0->vcpu[0];
	assert_false(tlb_is_fresh());
	cpu_this()->loaded = NULL;
	assert_false(tlb_is_fresh());
	tlb_flush_local(); // of whom?
	cpu_this()->loaded = s.v;
	assert_false(tlb_is_fresh());
}

// One stale translation goes by INVLPG, whoever wants it gone.
static void one_address(void **state)
{
	u64 ours;

	flush_all();
	weaken(1);
	assert_int_equal(
		fake_mmuext(s.v, MMUEXT_INVLPG_LOCAL, 1 << PAGE_SHIFT, 0), 0);
	assert_int_equal(fake_invlpgs, 1);
	assert_true(tlb_is_fresh());
	// Of two it may be either.
	weaken(1);
	weaken(2);
	assert_int_equal(
		fake_mmuext(s.v, MMUEXT_INVLPG_LOCAL, 2 << PAGE_SHIFT, 0), 0);
	assert_int_equal(fake_invlpgs, 2);
	assert_false(tlb_is_fresh());
	// The wrong one.
	flush_all();
	weaken(1);
	for (u64 va = 0; va < 4; va++)
		if (va != 1)
			assert_int_equal(fake_mmuext(s.v, MMUEXT_INVLPG_LOCAL,
						     va << PAGE_SHIFT, 0),
					 0);
	fake_mmuext(s.v, MMUEXT_INVLPG_LOCAL, HV_START, 0);
	fake_mmuext(s.v, MMUEXT_INVLPG_LOCAL, 1ull << 47, 0);
	fake_mmuext(s.v, MMUEXT_INVLPG_LOCAL, GIB(1), 0);
	assert_false(tlb_is_fresh());
	// What looks like the right one to who takes bits of it as they are.
	fake_mmuext(s.v, MMUEXT_INVLPG_LOCAL, 1ull << 48 | 1 << PAGE_SHIFT, 0);
	assert_false(tlb_is_fresh());
	ours = fake_words(s.l4)[HV_FIRST_SLOT];
	fake_words(s.l4)[HV_FIRST_SLOT] = fake_words(s.l4)[0];
	fake_mmuext(s.v, MMUEXT_INVLPG_LOCAL, HV_START + (1 << PAGE_SHIFT), 0);
	fake_words(s.l4)[HV_FIRST_SLOT] = ours;
	assert_false(tlb_is_fresh());
	// While another root waits to be loaded it is not known what CR3 holds.
	lock_get(&d1->lock);
	cpu_this()->flush_due = FLUSH_WITH_ROOT;
	assert_false(tlb_freshen(d1, 1 << PAGE_SHIFT));
	cpu_this()->flush_due = 0;
	assert_true(tlb_freshen(d1, 1 << PAGE_SHIFT));
	lock_put(&d1->lock);
	// An entry of a table above, which leads to more than one address; even
	// where a root that maps itself shows it as if it were of level 1.
	assert_int_equal(fake_update(s.v, s.l4, 5, entry_of(s.l4, E_RO)), 0);
	flush_all();
	assert_int_equal(fake_update(s.v, s.l2, 7, entry_of(s.l1, E_RW)), 0);
	assert_int_equal(fake_update(s.v, s.l2, 7, 0), 0);
	fake_mmuext(s.v, MMUEXT_INVLPG_LOCAL, 7 * MIB(2), 0);
	fake_mmuext(s.v, MMUEXT_INVLPG_LOCAL, 5ull << 39 | 7 << PAGE_SHIFT, 0);
	assert_false(tlb_is_fresh());
}

static void make_table(u32 index)
{
	assert_int_equal(va_update((u64)index << PAGE_SHIFT,
				   entry_of(s.data[index], E_RO), 0),
			 0);
	assert_int_equal(
		fake_mmuext(s.v, MMUEXT_PIN_L1_TABLE, s.data[index], 0), 0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_UNPIN_TABLE, s.data[index], 0),
			 0);
	assert_int_equal(
		fake_update(s.v, s.l1, index, entry_of(s.data[index], E_RW)),
		0);
}

// A page becomes a table: the kernel's own address of it is invalidated, if
// there is no other.
static void one_page_becomes_a_table(void **state)
{
	u64 *words[] = {fake_words(s.l4), fake_words(s.l3), fake_words(s.l2)};
	const u64 tables[] = {s.l4, s.l3, s.l2};

	make_table(0); // something else is stale, too: before the first load
	flush_all();
	make_table(1);
	assert_int_equal(fake_invlpgs, 1);
	assert_int_equal(fake_cr3_writes, 0);
	for (u32 i = 0; i < ARRAY_SIZE(tables); i++) {
		assert_int_equal(fake_update(s.v, tables[i], 3, words[i][0]),
				 0);
		flush_all();
		make_table(1);
		assert_int_equal(fake_cr3_writes, 1);
		assert_int_equal(fake_invlpgs, 0);
		assert_int_equal(fake_update(s.v, tables[i], 3, 0), 0);
		flush_all();
		make_table(1);
		assert_int_equal(fake_cr3_writes, 0);
		assert_int_equal(fake_invlpgs, 1);
	}
	// The programs' root does not matter, nor does any other.
	fake_space_load(&s, MMUEXT_NEW_USER_BASEPTR,
			fake_space_l4(&s, words[0][0]));
	flush_all();
	make_table(1);
	assert_int_equal(fake_invlpgs, 1);
	fake_space_l4(&s, words[0][0]);
	flush_all();
	make_table(1);
	make_table(2); // what was found about the root is remembered
	assert_int_equal(fake_invlpgs, 2);
	assert_int_equal(fake_cr3_writes, 0);
	assert_int_equal(fake_update(s.v, s.l4, 400, words[0][0]), 0);
	make_table(1);
	assert_int_equal(fake_invlpgs, 2);
	assert_int_equal(fake_cr3_writes, 1);
	// Something else is stale, too.
	flush_all();
	weaken(2);
	make_table(1);
	assert_int_equal(fake_invlpgs, 0);
	assert_int_equal(fake_cr3_writes, 1);
	// What CR3 holds is not known.
	flush_all();
	fake_words(spare)[0] = words[0][0];
	cpu_this()->cr3 = mfn_maddr(MFN(spare));
	make_table(1);
	assert_int_equal(fake_invlpgs, 0);
	assert_int_equal(fake_cr3_writes, 1);
	cpu_this()->cr3 = s.l4 << PAGE_SHIFT;
}

// Another root has its table in two slots, which is not to be taken for what
// was found out about the first.
static void one_address_of_two_roots(void **state)
{
	u64 other = fake_space_l4(&s, fake_words(s.l4)[0]);

	assert_int_equal(fake_update(s.v, other, 3, fake_words(s.l4)[0]), 0);
	flush_all();
	make_table(1);
	assert_int_equal(fake_invlpgs, 1);
	fake_space_load(&s, MMUEXT_NEW_BASEPTR, other);
	flush_all();
	make_table(1);
	assert_int_equal(fake_invlpgs, 0);
	assert_int_equal(fake_cr3_writes, 1);
}

// Many in one call are one, and make others needless.
static void flushes_together(void **state)
{
	struct mmuext_op op[3] = {
		{.cmd = MMUEXT_INVLPG_LOCAL},
		{.cmd = MMUEXT_TLB_FLUSH_LOCAL},
		{.cmd = MMUEXT_INVLPG_LOCAL},
	};

	assert_int_equal(
		fake_hypercall(s.v, hc_mmuext_op, gva_of(op), 3, 0, DOMID_SELF),
		0);
	assert_int_equal(fake_cr3_writes, 1);
	assert_int_equal(fake_invlpgs, 1);
	tlb_flush_later(FLUSH_BEFORE_WRITE);
	tlb_settle(FLUSH_BEFORE_READ);
	assert_int_equal(fake_cr3_writes, 1);
	tlb_load_root(MFN(s.l4));
	tlb_settle(FLUSH_BEFORE_WRITE);
	assert_int_equal(fake_cr3_writes, 2);
}

// Only the right to write changes: the page's references stay.
static void rights_alone(void **state)
{
	u64 e = entry_of(spare, E_RW), ro = e & ~(u64)PTE_RW;
	const struct frame *f = mfn_frame(MFN(spare));
	u32 unmapped = f->ref;

	assert_int_equal(fake_update(s.v, s.l1, 40, ro), 0);
	assert_int_equal(f->ref, unmapped + 1);
	assert_int_equal(fake_update(s.v, s.l1, 40, e), 0);
	assert_int_equal(f->ref, unmapped + 1);
	assert_int_equal(f->type & FT_COUNT_MASK, 1);
	assert_int_equal(fake_update(s.v, s.l1, 40, ro), 0);
	assert_int_equal(f->type & FT_COUNT_MASK, 0);
	assert_int_equal(fake_update(s.v, s.l1, 41, entry_of(s.l1, E_RO)), 0);
	assert_int_equal(fake_update(s.v, s.l1, 41, entry_of(s.l1, E_RW)),
			 -EBUSY);
	assert_int_equal(fake_update(s.v, s.l1, 41, 0), 0);
	assert_int_equal(fake_update(s.v, s.l1, 40, 0), 0);
	assert_int_equal(f->ref, unmapped);
}

// vCPU 1 runs on the second processor.
static void flushes_elsewhere(void **state)
{
	static struct vcpu second;
	u64 mask = 2;

	second.domain = d1;
	second.id = 1;
	d1->max_vcpus = 2;
	d1->vcpu[1] = &second;
	second.kernel_root = second.user_root = second.info_mfn = MFN_NONE;
	for (u32 i = 0; i < 16; i++)
		second.gdt[i % GDT_GUEST_PAGES] = second.ldt[i] = MFN_NONE;
	fake_cpus = 2;
	cpu_of(1)->online = true;
	cpu_of(1)->loaded = cpu_of(1)->curr = &second;
	cpu_of(1)->cr3 = hv_root().n << PAGE_SHIFT;
	assert_int_equal(
		fake_mmuext(s.v, MMUEXT_TLB_FLUSH_MULTI, 0, gva_of(&mask)), 0);
	assert_int_equal(fake_ipis, 0); // it has no guest's root
	cpu_of(1)->cr3 = 0x5000;
	assert_int_equal(
		fake_mmuext(s.v, MMUEXT_TLB_FLUSH_MULTI, 0, gva_of(&mask)), 0);
	assert_int_equal(fake_ipis, 1);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_INVLPG_ALL, 0, 0), 0);
	assert_int_equal(fake_ipis, 1); // nothing is stale there
	weaken(0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_INVLPG_ALL, 0, 0), 0);
	assert_int_equal(fake_ipis, 2);
	assert_int_equal(fake_invlpgs, 2);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_INVLPG_LOCAL, 0, 0), 0);
	assert_int_equal(fake_ipis, 2);
	tlb_flush_domain(d1);
	assert_int_equal(fake_ipis, 3);
	tlb_flush_domain(d0);
	assert_int_equal(fake_ipis, 3);
	// Idle, it flushes before the vCPU runs on.
	cpu_of(1)->curr = NULL;
	weaken(0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_INVLPG_ALL, 0, 0), 0);
	assert_int_equal(fake_ipis, 3);
	assert_true(cpu_of(1)->flush_late);
	// The clock's wrap flushes all.
	while ((u16)tlb_clock != 0xffff)
		tlb_clock++;
	tlb_flush_local();
	assert_int_equal(fake_ipis, 4);
	d1->max_vcpus = 1;
}

static void both_roots_at_once(void **state)
{
	struct fake_space t = fake_space(d1);
	struct mmuext_op op[2] = {
		{.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = t.l4},
		{.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = s.l4},
	};

	for (u32 i = 1; i <= 3; i++)
		fake_words(t.l4)[i] = fake_words(fake_space(d1).l4)[0];
	assert_int_equal(
		fake_hypercall(s.v, hc_mmuext_op, gva_of(op), 2, 0, DOMID_SELF),
		0);
	assert_int_equal(fake_cr3_writes, 1);
	assert_int_equal(s.v->kernel_root.n, t.l4);
	assert_int_equal(s.v->user_root.n, s.l4);
	assert_int_equal(cpu_this()->cr3, t.l4 << PAGE_SHIFT);
	assert_int_equal(uses(s.l4), 2); // pin, user root
	assert_int_equal(uses(t.l4), 1);
	assert_int_equal(mm_audit(), 0);
	// Going back drops a root that nobody else holds, bit by bit.
	op[0].arg1.mfn = s.l4;
	op[1].arg1.mfn = 0;
	fake_work = PREEMPT_BUDGET - 1;
	assert_int_equal(
		fake_hypercall(s.v, hc_mmuext_op, gva_of(op), 2, 0, DOMID_SELF),
		0);
	assert_true(fake_restarts >= 3);
	assert_true(mfn_is_none(s.v->user_root));
	assert_int_equal(uses(t.l4), 0);
	assert_int_equal(uses(t.l1), 0);
	// The same again still loads CR3: guests rely on the flush.
	fake_cr3_writes = 0;
	assert_int_equal(fake_mmuext(s.v, MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	assert_int_equal(fake_cr3_writes, 1);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_NEW_BASEPTR, s.l3, 0),
			 -EINVAL);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_NEW_USER_BASEPTR, s.l3, 0),
			 -EINVAL);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_NEW_BASEPTR, 0, 0), -EPERM);
	assert_int_equal(
		fake_mmuext_for(d0->vcpu[0], MMUEXT_NEW_BASEPTR, s.l4, 1),
		-EINVAL);
	assert_int_equal(s.v->kernel_root.n, s.l4);
}

static void two_old_roots(void **state)
{
	struct fake_space t = fake_space(d1), u = fake_space(d1);
	struct mmuext_op op[3] = {
		{.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = t.l4},
		{.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = u.l4},
		{.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = s.l4},
	};
	u32 done = 0;

	assert_int_equal(fake_hypercall(s.v, hc_mmuext_op, gva_of(op), 3,
					gva_of(&done), DOMID_SELF),
			 0);
	assert_int_equal(done, 3);
	assert_int_equal(uses(s.l4), 0);
	op[0].arg1.mfn = s.l4;
	op[1].arg1.mfn = s.l4;
	fake_work = PREEMPT_BUDGET - 1;
	assert_int_equal(fake_hypercall(s.v, hc_mmuext_op, gva_of(op), 2,
					gva_of(&done), DOMID_SELF),
			 0);
	assert_int_equal(done, 2);
	assert_int_equal(uses(t.l4), 0);
	assert_int_equal(uses(u.l4), 0);
	assert_int_equal(uses(s.l4), 2);
	assert_false(undo_pending(s.v));
}

static void whole_frames(void **state)
{
	memset(fake_words(s.data[0]), 0x11, PAGE_SIZE);
	assert_int_equal(
		fake_mmuext(s.v, MMUEXT_COPY_PAGE, s.data[1], s.data[0]), 0);
	assert_memory_equal(fake_words(s.data[0]), fake_words(s.data[1]),
			    PAGE_SIZE);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_CLEAR_PAGE, s.data[0], 0), 0);
	assert_int_equal(fake_words(s.data[0])[511], 0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_CLEAR_PAGE, s.l1, 0), -EINVAL);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_COPY_PAGE, s.l1, s.data[0]),
			 -EINVAL);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_COPY_PAGE, s.data[0], 0x150),
			 -EINVAL);
	assert_int_equal(fake_mmuext_for(d0->vcpu[0], MMUEXT_CLEAR_PAGE,
					 s.data[1], DOMID_IO),
			 -EINVAL);
	assert_int_equal(fake_mmuext_for(d0->vcpu[0], MMUEXT_COPY_PAGE,
					 s.data[1], DOMID_IO),
			 -EINVAL);
	assert_int_equal(
		fake_mmuext_for(d0->vcpu[0], MMUEXT_CLEAR_PAGE, s.data[1], 1),
		0);
	assert_int_equal(fake_words(s.data[1])[0], 0);
}

static void the_rest(void **state)
{
	u32 done = 5;

	assert_int_equal(fake_mmuext(s.v, MMUEXT_SET_LDT, 0x1000, 17), 0);
	assert_int_equal(s.v->ldt_base, 0x1000);
	assert_int_equal(s.v->ldt_entries, 17);
	assert_int_equal(fake_mmuext_for(d0->vcpu[0], MMUEXT_SET_LDT, 0, 1),
			 -EINVAL);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_FLUSH_CACHE, 0, 0), 0);
	assert_int_equal(fake_mmuext(d0->vcpu[0], MMUEXT_FLUSH_CACHE, 0, 0), 0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_MARK_SUPER, 0, 0),
			 -EOPNOTSUPP);
	assert_int_equal(fake_mmuext(s.v, 14, 0, 0), -ENOSYS);
	assert_int_equal(fake_mmuext(s.v, 99, 0, 0), -ENOSYS);
	assert_int_equal(fake_hypercall(s.v, hc_mmuext_op, 0, 0, gva_of(&done),
					DOMID_SELF),
			 0);
	assert_int_equal(done, 0);
	assert_int_equal(
		fake_hypercall(s.v, hc_mmuext_op, 0, 0, gva_of(&done), 3),
		-ESRCH);
	fake_fault_at = &done;
	fake_fault_bytes = 4;
	assert_int_equal(fake_hypercall(s.v, hc_mmuext_op, 0, 0, gva_of(&done),
					DOMID_SELF),
			 -EFAULT);
	assert_int_equal(fake_hypercall(s.v, hc_mmuext_op, gva_of(&done), 1, 0,
					DOMID_SELF),
			 -EFAULT);
	fake_fault_bytes = 0;
}

// The tools pin a new domain's tables for it.
static void pins_for_others(void **state)
{
	struct fake_space t = fake_space(d1);
	struct vcpu *v0 = d0->vcpu[0];

	assert_int_equal(fake_mmuext_for(v0, MMUEXT_PIN_L4_TABLE, t.l4, 1), 0);
	assert_int_equal(uses(t.l3), 1);
	assert_int_equal(fake_mmuext_for(v0, MMUEXT_UNPIN_TABLE, t.l4, 1), 0);
	assert_int_equal(fake_mmuext_for(v0, MMUEXT_PIN_L4_TABLE, t.l4, 0),
			 -EPERM);
	assert_int_equal(fake_mmuext_for(v0, MMUEXT_UNPIN_TABLE, t.l4, 0),
			 -EINVAL);
	assert_int_equal(
		fake_mmuext_for(v0, MMUEXT_PIN_L4_TABLE, t.l4, DOMID_IO),
		-EINVAL);
	d1->dying = DOMAIN_DYING;
	assert_int_equal(fake_mmuext_for(v0, MMUEXT_PIN_L4_TABLE, t.l4, 1),
			 -EINVAL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(set_and_clear_l1),
		T(a_refused_value_changes_nothing),
		T(a_change_of_rights_keeps_the_reference),
		T(rights_to_anothers_page_are_asked_for_again),
		T(keeping_accessed_and_dirty),
		T(upper_levels),
		T(frames_that_are_no_tables),
		T(m2p_entries),
		T(frames_of_others),
		T(batches),
		T(by_address),
		T(pages_protected_ahead),
		T(only_own_pages_are_protected_ahead),
		T(flush_masks),
		T(flushes),
		T(needless_flushes),
		T(one_address),
		T(one_page_becomes_a_table),
		T(one_address_of_two_roots),
		T(flushes_together),
		T(rights_alone),
		T(flushes_elsewhere),
		T(both_roots_at_once),
		T(two_old_roots),
		T(whole_frames),
		T(the_rest),
		T(pins_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
