// SPDX-License-Identifier: MIT
// uses: src/mm/ram.c src/mm/early.c src/mm/frame.c src/mm/heap.c
// uses: src/mm/kalloc.c src/mm/m2p.c src/mm/tlb.c src/mm/fresh.c src/mm/domain_frames.c
// uses: src/mm/iomem.c src/mm/type.c src/mm/table.c src/mm/entry.c
// uses: src/mm/change.c src/mm/undo.c src/mm/foreign.c src/mm/walk.c
// uses: src/mm/flush.c src/mm/mmu_update.c src/mm/va_update.c
// uses: src/mm/mmuext_op.c src/mm/relinquish.c src/mm/audit.c
// uses: src/mm/root.c src/mm/mirror.c
// uses: src/mm/dirty.c src/mm/shadow.c src/mm/claim.c
// uses: tests/fake/core.c tests/fake/memory.c tests/fake/space.c
//
// Which root a vCPU runs on, in both modes of a domain: when users share their
// kernel's, when they stop to, who is told, and how often CR3 is written. And
// what the copies hold that both share in classic mode.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/boot.h"
#include "cpu/cpu.h"
#include "space.h"

#define UPPER 300

static struct domain *d;
static struct fake_space s;
static u64 user; // an L4 whose slot 0 is as that of s.l4

static void start(bool open_gate)
{
	fake_memory_init();
	d = fake_domain(1, 1000);
	d->open_gate = open_gate;
	s = fake_space(d);
	user = fake_space_enter(&s);
	cpu_this()->loaded = s.v;
	fake_cr3_writes = fake_ipis = 0;
}

static int open_gate(void **state)
{
	start(true);
	return 0;
}

static int classic(void **state)
{
	start(false);
	return 0;
}

static int shared(void **state)
{
	start(false);
	for (u32 i = 256; i < 272; i++)
		fake_words(hv_root().n)[i] =
			0x456000 | HV_TABLE | (i == 256 ? PTE_US : 0);
	cpu_of(0)->mirrors = cpu_of(1)->mirrors = NULL;
	root_init_cpu(cpu_of(0));
	root_init_cpu(cpu_of(1));
	root_load(s.v);
	fake_cr3_writes = 0;
	return 0;
}

static int teardown(void **state)
{
	s.v->in_kernel = true;
	fake_cpus = 1;
	assert_int_equal(mm_audit(), 0);
	return 0;
}

// The frame in CR3 once v has gone to its user mode.
static u64 root_of_users(void)
{
	s.v->in_kernel = false;
	root_switch(s.v);
	return cpu_this()->cr3 >> PAGE_SHIFT;
}

static u64 root_of_kernel(void)
{
	s.v->in_kernel = true;
	root_switch(s.v);
	return cpu_this()->cr3 >> PAGE_SHIFT;
}

static void classic_writes_cr3_both_ways(void **state)
{
	for (u32 i = 1; i < 4; i++) {
		assert_int_equal(root_of_users(), user);
		assert_int_equal(root_of_kernel(), s.l4);
		assert_int_equal(fake_cr3_writes, 2 * i);
	}
}

static void open_gate_writes_none(void **state)
{
	for (u32 i = 0; i < 4; i++) {
		assert_int_equal(root_of_users(), s.l4);
		assert_int_equal(root_of_kernel(), s.l4);
	}
	assert_int_equal(fake_cr3_writes, 0);
}

static void upper_half_is_closed_to_users(void **state)
{
	u64 e = entry_of(s.l3, E_RW);

	assert_int_equal(fake_update(s.v, s.l4, UPPER, e), 0);
	assert_int_equal(fake_words(s.l4)[UPPER], e & ~(u64)PTE_US);
	assert_int_equal(fake_words(s.l4)[0] & PTE_US, PTE_US);
	// The same entry once more, which takes the short way.
	assert_int_equal(fake_update(s.v, s.l4, UPPER, e | PTE_AVAIL), 0);
	assert_int_equal(fake_words(s.l4)[UPPER],
			 (e | PTE_AVAIL) & ~(u64)PTE_US);
	// It is nothing to users, and does not part them from their kernel.
	assert_int_equal(root_of_users(), s.l4);
}

static void upper_half_is_open_in_classic(void **state)
{
	u64 e = entry_of(s.l3, E_RW);

	assert_int_equal(fake_update(s.v, s.l4, UPPER, e & ~(u64)PTE_US), 0);
	assert_int_equal(fake_words(s.l4)[UPPER], e);
}

static void a_difference_parts_them(void **state)
{
	u64 e = entry_of(s.l3, E_RW);

	assert_int_equal(root_of_users(), s.l4);
	root_of_kernel();
	assert_int_equal(fake_update(s.v, s.l4, 7, e), 0);
	assert_int_equal(root_of_users(), user);
	assert_int_equal(root_of_kernel(), s.l4);
	assert_int_equal(fake_update(s.v, user, 7, e), 0);
	assert_int_equal(root_of_users(), s.l4);
	root_of_kernel();
	assert_int_equal(fake_update(s.v, user, 7, e & ~(u64)PTE_RW), 0);
	assert_int_equal(root_of_users(), user);
	root_of_kernel();
	assert_int_equal(fake_update(s.v, user, 7, e), 0);
	assert_int_equal(root_of_users(), s.l4);
	root_of_kernel();
	assert_int_equal(fake_update(s.v, user, 255, e | PTE_NX), 0);
	assert_int_equal(root_of_users(), user);
}

static void what_does_not_matter_is_ignored(void **state)
{
	u64 e = fake_words(user)[0];

	fake_words(s.l4)[0] |= PTE_D; // as the processor may
	assert_int_equal(fake_update(s.v, user, 0, e | PTE_AVAIL), 0);
	assert_int_equal(fake_update(s.v, user, 9, 0xabc0), 0); // absent
	assert_int_equal(root_of_users(), s.l4);
}

// What the iret looks at: 0 as long as nobody has compared the pair as it is.
static u64 users_known(void)
{
	return s.v->users_version;
}

static void a_pair_met_before_is_known(void **state)
{
	u64 e = entry_of(s.l3, E_RW);

	root_load(s.v);
	assert_int_equal(users_known(), 0);
	root_of_users();
	root_of_kernel();
	fake_space_load(&s, MMUEXT_NEW_BASEPTR, s.l4);
	assert_int_equal(users_known(), d->root_version);
	assert_int_equal(fake_update(s.v, s.l4, 7, e), 0);
	assert_int_not_equal(users_known(), d->root_version);
	fake_space_load(&s, MMUEXT_NEW_BASEPTR, s.l4);
	assert_int_equal(users_known(), 0);
	root_of_users(); // they differ
	root_of_kernel();
	fake_space_load(&s, MMUEXT_NEW_BASEPTR, s.l4);
	assert_int_equal(users_known(), 0);
}

// More pairs than are remembered, round and round.
static void many_pairs(void **state)
{
	u64 l4[6];

	for (u32 i = 0; i < 6; i++)
		l4[i] = fake_space_l4(&s, i % 2 ? 0 : fake_words(s.l4)[0]);
	for (u32 i = 0; i < 24; i++) {
		u32 n = i * 5 % 6;

		fake_space_load(&s, MMUEXT_NEW_USER_BASEPTR, l4[n]);
		assert_int_equal(root_of_users(), n % 2 ? l4[n] : s.l4);
		root_of_kernel();
	}
}

// A frame that comes back as another table was never compared.
static void a_new_table_in_an_old_frame(void **state)
{
	u64 l4 = fake_space_l4(&s, fake_words(s.l4)[0]);

	fake_space_load(&s, MMUEXT_NEW_USER_BASEPTR, l4);
	assert_int_equal(root_of_users(), s.l4);
	root_of_kernel();
	fake_space_load(&s, MMUEXT_NEW_USER_BASEPTR, user);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_UNPIN_TABLE, l4, 0), 0);
	fake_words(l4)[0] = 0;
	assert_int_equal(fake_mmuext(s.v, MMUEXT_PIN_L4_TABLE, l4, 0), 0);
	fake_space_load(&s, MMUEXT_NEW_USER_BASEPTR, l4);
	assert_int_equal(root_of_users(), l4);
}

// vCPU 1 runs the same roots in user mode on the second processor.
static void others_are_told(void **state)
{
	static struct vcpu second;
	u64 e = entry_of(s.l3, E_RW);

	second = (struct vcpu){.domain = d, .id = 1};
	second.kernel_root = MFN(s.l4);
	second.user_root = MFN(user);
	fake_cpus = 2;
	cpu_of(1)->online = true;
	cpu_of(1)->pending = 0;
	cpu_of(1)->loaded = &second;
	assert_int_equal(fake_update(s.v, s.l4, UPPER, e), 0);
	assert_int_equal(fake_ipis, 0); // not what is compared
	assert_int_equal(fake_update(s.v, s.l4, 7, e), 0);
	assert_int_equal(fake_ipis, 1);
	assert_int_equal(cpu_of(1)->pending, PENDING_ROOT);
	assert_int_equal(fake_update(s.v, user, 7, e), 0);
	assert_int_equal(fake_ipis, 2);
	second.user_root = MFN(0);
	assert_int_equal(fake_update(s.v, user, 7, 0), 0);
	assert_int_equal(fake_ipis, 2); // no root of its
	cpu_of(1)->loaded = NULL;
}

// ------------------------------------------- one root in classic mode (shared)

// What ring 3 may use of the root in CR3 is for that mode, and all else is as in
// the original.
static void shows(bool kernel)
{
	const u64 *now = fake_words(cpu_this()->cr3 >> PAGE_SHIFT);
	const u64 *original = fake_words(s.v->kernel_root.n);

	assert_int_not_equal(cpu_this()->cr3, mfn_maddr(s.v->kernel_root));
	for (u32 i = 0; i < ENTRIES; i++) {
		u64 e = entry_is_ours(4, i) ? fake_words(hv_root().n)[i]
					    : original[i];

		if (i >= 256 && !kernel)
			assert_false(now[i] & PTE_US);
		if (e & PTE_P)
			assert_int_equal(now[i] | PTE_US, e | PTE_US);
		else
			assert_int_equal(now[i], 0);
		if (i < 256)
			assert_int_equal(now[i] & PTE_US, e & PTE_US);
		if (i > 256 && entry_is_ours(4, i))
			assert_false(now[i] & PTE_US);
	}
}

static u64 at_slot(u64 slot)
{
	return 0xffff000000000000 | slot << 39 | 0x5000;
}

static bool kernel_may(u64 slot)
{
	return fake_words(cpu_this()->cr3 >> PAGE_SHIFT)[slot] & PTE_US;
}

static void one_write_there_and_back(void **state)
{
	u64 root = cpu_this()->cr3 >> PAGE_SHIFT;

	shows(true);
	for (u32 i = 1; i < 4; i++) {
		assert_int_equal(root_of_users(), root);
		assert_int_equal(fake_cr3_writes, i);
		shows(false);
		assert_int_equal(root_of_kernel(), root);
		assert_int_equal(fake_cr3_writes, i);
		shows(true);
	}
	root_switch(s.v);
	assert_int_equal(fake_cr3_writes, 3);
}

static void a_slot_is_given_when_it_is_used(void **state)
{
	const u32 seen = PFEC_P | PFEC_U;
	u64 e = entry_of(s.l3, E_RW);

	assert_int_equal(fake_update(s.v, s.l4, UPPER, e), 0);
	assert_false(kernel_may(UPPER));
	assert_false(root_fault(s.v, at_slot(UPPER), PFEC_U)); // is not there
	assert_false(root_fault(s.v, at_slot(UPPER), PFEC_P));
	assert_false(root_fault(s.v, at_slot(UPPER), seen | PFEC_RSVD));
	assert_false(root_fault(s.v, 0x5000, seen));
	assert_true(root_fault(s.v, at_slot(UPPER), seen));
	assert_true(kernel_may(UPPER));
	assert_false(root_fault(s.v, at_slot(UPPER), seen)); // has it
	assert_true(root_fault(s.v, at_slot(256), seen | PFEC_W)); // the M2P
	for (u32 i = 257; i < 272; i++)
		assert_false(root_fault(s.v, at_slot(i), seen));
	shows(true);
	root_of_users();
	shows(false);
	assert_false(root_fault(s.v, at_slot(UPPER), seen));
	assert_false(kernel_may(UPPER));
	root_of_kernel();
	assert_true(kernel_may(UPPER));
	assert_true(kernel_may(256));
	assert_false(kernel_may(UPPER + 1));
	shows(true);
}

// A processor may still know what was without U, but not twice.
static void a_stale_fault_is_tried_again(void **state)
{
	const u32 seen = PFEC_P | PFEC_U;
	u64 e = entry_of(s.l3, E_RW);

	assert_int_equal(fake_update(s.v, s.l4, UPPER, e), 0);
	assert_true(root_fault(s.v, at_slot(UPPER), seen));
	assert_true(root_fault_again(s.v, at_slot(UPPER), seen));
	assert_false(root_fault_again(s.v, at_slot(UPPER), seen));
	assert_true(root_fault(s.v, at_slot(256), seen)); // gives again
	assert_true(root_fault_again(s.v, at_slot(256), seen));
	assert_false(root_fault_again(s.v, at_slot(256), seen));
	root_of_users();
	assert_false(root_fault_again(s.v, at_slot(UPPER), seen));
	root_of_kernel();
	assert_false(root_fault_again(s.v, 0x5000, seen));
	fake_cr3_writes = 0;
	assert_true(root_fault_again(s.v, at_slot(UPPER), seen));
	assert_int_equal(fake_cr3_writes, 1);
	assert_false(root_fault_again(s.v, at_slot(UPPER), seen));
}

// A flush was spared though an entry had become writable: it comes with the
// first fault that may be for want of it.
static void owed_flushes(void **state)
{
	const u32 want = PFEC_P | PFEC_W | PFEC_U;
	u64 e = entry_of(s.data[0], E_RW);

	assert_int_equal(fake_update(s.v, s.l1, 0, e & ~(u64)PTE_RW), 0);
	tlb_flush_local();
	assert_false(root_fault_again(s.v, 0, want));
	assert_int_equal(fake_update(s.v, s.l1, 0, e), 0);
	assert_false(root_fault_again(s.v, 0, want)); // nobody asked yet
	fake_cr3_writes = 0;
	assert_int_equal(fake_mmuext(s.v, MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
	assert_int_equal(fake_cr3_writes, 0);
	assert_false(root_fault_again(s.v, 0, PFEC_W | PFEC_U));
	assert_false(root_fault_again(s.v, 0, PFEC_P | PFEC_U));
	assert_false(root_fault_again(s.v, 0, want | PFEC_RSVD));
	assert_true(root_fault_again(s.v, 0, want));
	assert_int_equal(fake_cr3_writes, 1);
	assert_false(root_fault_again(s.v, 0, want)); // it is a true one
	assert_int_equal(fake_mmuext(s.v, MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
	assert_false(root_fault_again(s.v, 0, want));
	tlb_flush_follows(); // the closed gate's way out is a flush, too
	cpu_this()->flush_owed = true;
	tlb_flush_follows();
	assert_false(root_fault_again(s.v, 0, want));
}

static bool owes_for(gva_t va)
{
	cpu_this()->flush_owed = true;
	return root_fault_again(s.v, va, PFEC_P | PFEC_W | PFEC_U);
}

// What the tables refuse still, no flush will give.
static void what_is_read_only_owes_no_flush(void **state)
{
	const u64 tables[] = {s.l1, s.l2, s.l3, s.l4};
	const u64 entries[] = {entry_of(s.data[0], E_RW), entry_of(s.l1, E_RW),
			       entry_of(s.l2, E_RW), entry_of(s.l3, E_RW)};

	assert_int_equal(fake_update(s.v, s.l1, 0, entries[0]), 0);
	for (u32 i = 0; i < ARRAY_SIZE(tables); i++) {
		u64 ro = entries[i] & ~(u64)PTE_RW;

		assert_true(owes_for(0));
		assert_int_equal(fake_update(s.v, tables[i], 0, ro), 0);
		tlb_flush_local();
		fake_cr3_writes = 0;
		assert_false(owes_for(0));
		assert_int_equal(fake_cr3_writes, 0);
		assert_true(cpu_this()->flush_owed); // for another
		assert_int_equal(fake_update(s.v, tables[i], 0, entries[i]), 0);
	}
	assert_false(owes_for(at_slot(UPPER))); // is not there
	assert_false(owes_for(HV_START));
}

// A program's fault is by the root of programs.
static void a_programs_fault_is_looked_up_in_its_root(void **state)
{
	u64 e = entry_of(s.l3, E_RW);

	assert_int_equal(fake_update(s.v, s.l1, 0, entry_of(s.data[0], E_RW)),
			 0);
	assert_int_equal(fake_update(s.v, user, 0, e & ~(u64)PTE_RW), 0);
	assert_true(owes_for(0));
	s.v->in_kernel = false;
	assert_false(owes_for(0));
	assert_int_equal(fake_update(s.v, user, 0, e), 0);
	assert_true(owes_for(0));
	s.v->user_root = MFN_NONE;
	assert_false(owes_for(0));
	s.v->user_root = MFN(user);
}

// Entries are written while a program or its kernel runs, on two processors.
static void shared_entries_follow(void **state)
{
	const u32 seen = PFEC_P | PFEC_U;
	u64 e = entry_of(s.l3, E_RW), root = cpu_this()->cr3 >> PAGE_SHIFT;

	assert_int_equal(fake_update(s.v, s.l4, UPPER, e), 0);
	assert_true(root_fault(s.v, at_slot(UPPER), seen));
	fake_cpus = 2;
	fake_cpu = cpu_of(1);
	fake_cpu->loaded = s.v;
	root_load(s.v);
	assert_int_not_equal(cpu_this()->cr3 >> PAGE_SHIFT, root);
	shows(true);
	assert_int_equal(fake_update(s.v, s.l4, UPPER, 0), 0);
	assert_int_equal(fake_words(root)[UPPER], 0);
	assert_int_equal(fake_update(s.v, s.l4, UPPER, e), 0);
	assert_int_equal(fake_words(root)[UPPER], e); // its kernel runs there
	assert_false(kernel_may(UPPER)); // not used here
	fake_cpu = cpu_of(0);
	root_of_users();
	assert_int_equal(fake_update(s.v, s.l4, UPPER, e | PTE_AVAIL), 0);
	shows(false);
	fake_cpu = cpu_of(1);
	fake_cpu->loaded = NULL;
	fake_cpu = cpu_of(0);
}

static void users_with_other_tables(void **state)
{
	u64 e = entry_of(s.l3, E_RW), root = cpu_this()->cr3 >> PAGE_SHIFT;

	assert_int_equal(fake_update(s.v, s.l4, 7, e), 0);
	assert_int_equal(root_of_users(), user);
	assert_int_equal(root_of_kernel(), root);
	assert_int_equal(fake_update(s.v, user, 7, e), 0);
	assert_int_equal(root_of_users(), root);
}

static void a_root_that_maps_itself(void **state)
{
	u64 root = cpu_this()->cr3 >> PAGE_SHIFT;

	cpu_this()->pending = 0;
	assert_int_equal(fake_update(s.v, s.l4, UPPER, entry_of(s.l4, E_RO)),
			 0);
	assert_int_equal(fake_words(root)[UPPER], 0);
	assert_int_equal(cpu_this()->pending, PENDING_ROOT);
	assert_true(root_fault(s.v, at_slot(UPPER), 0)); // until that is done
	cpu_this()->pending = 0;
	root_load(s.v);
	assert_int_equal(cpu_this()->cr3 >> PAGE_SHIFT, s.l4);
	assert_int_equal(root_of_users(), user);
	root_of_kernel();
	assert_int_equal(fake_update(s.v, s.l4, UPPER, 0), 0);
}

// More than there are copies; the one in CR3 is not given up.
static void many_shared_roots(void **state)
{
	u64 l4[20], e = entry_of(s.l3, E_RW);

	for (u32 i = 0; i < 20; i++) {
		l4[i] = fake_space_l4(&s, fake_words(s.l4)[0]);
		assert_int_equal(fake_update(s.v, l4[i], UPPER + i, e), 0);
	}
	for (u32 i = 0; i < 100; i++) {
		u64 before = cpu_this()->cr3;

		fake_space_load(&s, MMUEXT_NEW_BASEPTR, l4[i * 7 % 20]);
		assert_int_not_equal(cpu_this()->cr3, before);
		shows(true);
		root_of_users();
		shows(false);
		root_of_kernel();
	}
}

static void two_roots_where_programs_could_look(void **state)
{
	cpu_of(0)->mirrors = NULL;
	cpu_features.meltdown = true;
	root_init_cpu(cpu_of(0));
	cpu_features.meltdown = false;
	boot_options.two_roots = true;
	root_init_cpu(cpu_of(0));
	boot_options.two_roots = false;
	root_load(s.v);
	fake_cr3_writes = 0;
	classic_writes_cr3_both_ways(state);
	assert_false(root_fault(s.v, at_slot(UPPER), PFEC_P | PFEC_U));
	assert_false(root_fault_again(s.v, at_slot(UPPER), PFEC_P | PFEC_U));
}

int main(void)
{
#define SHARED(f) cmocka_unit_test_setup_teardown(f, shared, teardown)
#define OPEN(f) cmocka_unit_test_setup_teardown(f, open_gate, teardown)
#define CLASSIC(f) cmocka_unit_test_setup_teardown(f, classic, teardown)
	const struct CMUnitTest tests[] = {
		CLASSIC(classic_writes_cr3_both_ways),
		CLASSIC(owed_flushes),
		OPEN(owed_flushes),
		CLASSIC(what_is_read_only_owes_no_flush),
		CLASSIC(a_programs_fault_is_looked_up_in_its_root),
		CLASSIC(upper_half_is_open_in_classic),
		OPEN(open_gate_writes_none),
		OPEN(upper_half_is_closed_to_users),
		OPEN(a_difference_parts_them),
		OPEN(what_does_not_matter_is_ignored),
		OPEN(a_pair_met_before_is_known),
		OPEN(many_pairs),
		OPEN(a_new_table_in_an_old_frame),
		OPEN(others_are_told),
		SHARED(one_write_there_and_back),
		SHARED(a_slot_is_given_when_it_is_used),
		SHARED(a_stale_fault_is_tried_again),
		SHARED(shared_entries_follow),
		SHARED(users_with_other_tables),
		SHARED(a_root_that_maps_itself),
		SHARED(many_shared_roots),
		SHARED(two_roots_where_programs_could_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
