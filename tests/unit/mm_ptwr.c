// SPDX-License-Identifier: MIT
// uses: src/mm/ram.c src/mm/early.c src/mm/frame.c src/mm/heap.c
// uses: src/mm/kalloc.c src/mm/m2p.c src/mm/tlb.c src/mm/fresh.c src/mm/domain_frames.c
// uses: src/mm/iomem.c src/mm/type.c src/mm/table.c src/mm/entry.c
// uses: src/mm/change.c src/mm/undo.c src/mm/foreign.c src/mm/walk.c
// uses: src/mm/flush.c src/mm/mmu_update.c src/mm/va_update.c
// uses: src/mm/mmuext_op.c src/mm/relinquish.c src/mm/audit.c
// uses: src/mm/root.c
// uses: tests/fake/core.c tests/fake/memory.c tests/fake/space.c
// uses: src/mm/dirty.c src/mm/shadow.c src/mm/claim.c
// uses: src/mm/ptwr.c src/cpu/decode.c
//
// Emulated writes to page tables. The guest sees its L1 read-only at 40 << 12.
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

#define L1_VA (40ull << PAGE_SHIFT)

static struct fake_space s;
static u64 spare;
static struct regs r;

static int setup(void **state)
{
	fake_memory_init();
	s = fake_space(fake_domain(1, 1000));
	spare = fake_frame(s.d);
	fake_words(s.l1)[40] = entry_of(s.l1, E_RO);
	fake_words(s.l1)[41] = entry_of(s.l2, E_RO);
	fake_words(s.l1)[42] = entry_of(spare, E_RO);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(mm_audit(), 0);
	return 0;
}

// The instruction at (%rdi), which is the fault's address.
static bool fault(const char *code, u64 addr, u64 rax)
{
	static u8 text[32];

	memset(text, 0x90, sizeof(text));
	memcpy(text, code, strnlen(code, 15));
	r = (struct regs){.error = PFEC_P | PFEC_W | PFEC_U,
			  .rip = gva_of(text)};
	r.rdi = addr;
	r.rax = rax;
	return ptwr_fault(s.v, &r, addr);
}

#define XCHG "\x48\x87\x07"
#define MOV "\x48\x89\x07"

static u32 uses(u64 mfn)
{
	return mfn_frame(MFN(mfn))->type & FT_COUNT_MASK;
}

static void set_and_clear(void **state)
{
	u64 rip;

	assert_true(
		fault(MOV, L1_VA + 8 * 60, entry_of(spare, PTE_P | PTE_RW)));
	rip = r.rip;
	assert_int_equal(fake_words(s.l1)[60],
			 entry_of(spare, PTE_P | PTE_RW | PTE_US));
	assert_int_equal(uses(spare), 1);
	assert_true(fault(XCHG, L1_VA + 8 * 60, 0));
	assert_int_equal(r.rip, rip);
	assert_int_equal(r.rax, entry_of(spare, PTE_P | PTE_RW | PTE_US));
	assert_int_equal(fake_words(s.l1)[60], 0);
	assert_int_equal(uses(spare), 0);
	assert_int_equal(cpu_this()->count[CNT_PTWR] > 0, true);
}

// What a TLB knows of the old entry counts, and whose address it was.
static void weakened(void **state)
{
	u64 e = entry_of(s.data[0], E_RO);

	cpu_this()->loaded = s.v;
	tlb_flush_local();
	assert_true(fault(XCHG, L1_VA + 8 * 60, entry_of(spare, E_RW)));
	assert_true(tlb_is_fresh());
	assert_true(fault(XCHG, L1_VA, e));
	assert_false(tlb_is_fresh());
	assert_int_equal(fake_mmuext(s.v, MMUEXT_INVLPG_LOCAL, 0, 0), 0);
	assert_true(tlb_is_fresh());
	assert_true(fault(MOV, L1_VA, e | PTE_RW));
	assert_true(tlb_is_fresh());
	cpu_this()->loaded = NULL;
}

static void bytes_and_bits(void **state)
{
	u64 e = entry_of(s.data[0], E_RW);

	assert_true(fault("\xf0\x80\x27\xfd", L1_VA, 0)); // lock and $~RW
	assert_int_equal(fake_words(s.l1)[0], e & ~(u64)PTE_RW);
	assert_int_equal(uses(s.data[0]), 0);
	assert_true(fault("\xf0\x48\x0f\xba\x37\x05", L1_VA, 0)); // btr A
	assert_int_equal(fake_words(s.l1)[0], e & ~(u64)(PTE_RW | PTE_A));
	assert_int_equal(r.rflags & RFLAGS_CF, RFLAGS_CF);
	// The upper half alone: another frame would be mapped, and refused.
	assert_false(fault("\xc7\x07\x01\x01\x01\x01", L1_VA + 4, 0));
	assert_true(fault("\xc6\x07\x02", L1_VA, 0)); // not present any more
	assert_int_equal(fake_words(s.l1)[0] & 0xff, 2);
	assert_true(fault("\xc7\x07\x01\x01\x01\x01", L1_VA + 4, 0));
	assert_int_equal(fake_words(s.l1)[0] >> 32, 0x01010101);
}

static void compare_exchange(void **state)
{
	u64 e = fake_words(s.l1)[1];

	// lock cmpxchg %rcx, (%rdi) with RCX = 0
	assert_true(fault("\xf0\x48\x0f\xb1\x0f", L1_VA + 8, 5));
	assert_int_equal(r.rax, e);
	assert_int_equal(fake_words(s.l1)[1], e);
	assert_true(fault("\xf0\x48\x0f\xb1\x0f", L1_VA + 8, e));
	assert_int_equal(fake_words(s.l1)[1], 0);
}

static void refused_values(void **state)
{
	u64 old = fake_words(s.l1)[1];
	u64 rip;

	assert_false(fault(MOV, L1_VA + 8, entry_of(s.l1, E_RW)));
	rip = r.rip;
	assert_false(fault(XCHG, L1_VA + 8, entry_of(0x150, E_RO)));
	assert_int_equal(r.rip, rip);
	assert_int_equal(fake_words(s.l1)[1], old);
}

static void not_ours(void **state)
{
	assert_false(fault(MOV, 41 << PAGE_SHIFT, 0)); // an L2
	assert_false(fault(MOV, 42 << PAGE_SHIFT, 0)); // read-only data
	assert_false(fault(MOV, 50 << PAGE_SHIFT, 0)); // nothing
	assert_false(fault(MOV, GIB(5), 0));
	assert_true(fault(MOV, 0, 0)); // writable by now: try again
	assert_false(fault("\x48\x8b\x07", L1_VA, 0)); // a load
	assert_false(fault(MOV, L1_VA + 3, 0)); // misaligned
	assert_false(fault("\x48\x89\x47\x08", L1_VA, 0)); // elsewhere
	s.v->in_kernel = false;
	assert_false(fault(MOV, L1_VA, 0));
	s.v->in_kernel = true;
	r.error = PFEC_P | PFEC_U;
	assert_false(ptwr_fault(s.v, &r, L1_VA));
	r.error = PFEC_W | PFEC_U;
	assert_false(ptwr_fault(s.v, &r, L1_VA));
	assert_int_equal(fake_words(s.l1)[0], entry_of(s.data[0], E_RW));
}

// The instruction's page ends behind it and the next cannot be read.
static void at_the_end_of_a_page(void **state)
{
	u8 *page = aligned_alloc(PAGE_SIZE, PAGE_SIZE * 2);

	memcpy(page + PAGE_SIZE - 3, MOV, 3);
	fake_fault_at = page + PAGE_SIZE;
	fake_fault_bytes = PAGE_SIZE;
	r = (struct regs){.error = PFEC_P | PFEC_W | PFEC_U};
	r.rip = gva_of(page) + PAGE_SIZE - 3;
	r.rdi = L1_VA + 16;
	assert_true(ptwr_fault(s.v, &r, L1_VA + 16));
	assert_int_equal(fake_words(s.l1)[2], 0);
	r.rip = gva_of(page) + PAGE_SIZE - 1;
	r.rdi = L1_VA + 16;
	assert_false(ptwr_fault(s.v, &r, L1_VA + 16));
	fake_fault_at = page;
	fake_fault_bytes = 2 * PAGE_SIZE;
	assert_false(ptwr_fault(s.v, &r, L1_VA + 16));
	fake_fault_bytes = 0;
	free(page);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(set_and_clear),        T(weakened),       T(bytes_and_bits),
		T(compare_exchange),     T(refused_values), T(not_ours),
		T(at_the_end_of_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
