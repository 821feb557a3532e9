// SPDX-License-Identifier: MIT
// uses: src/mm/ram.c src/mm/early.c src/mm/frame.c src/mm/heap.c
// uses: src/mm/kalloc.c src/mm/m2p.c src/mm/tlb.c src/mm/domain_frames.c
// uses: src/mm/iomem.c src/mm/type.c src/mm/table.c src/mm/entry.c
// uses: src/mm/change.c src/mm/undo.c src/mm/foreign.c src/mm/walk.c
// uses: src/mm/flush.c src/mm/mmu_update.c src/mm/va_update.c
// uses: src/mm/mmuext_op.c src/mm/relinquish.c src/mm/audit.c
// uses: src/mm/root.c
// uses: src/mm/dirty.c src/mm/shadow.c src/mm/claim.c
// uses: tests/fake/core.c tests/fake/memory.c tests/fake/space.c
//
// Which root a vCPU runs on, in both modes of a domain: when users share their
// kernel's, when they stop to, who is told, and how often CR3 is written.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

int main(void)
{
#define OPEN(f) cmocka_unit_test_setup_teardown(f, open_gate, teardown)
#define CLASSIC(f) cmocka_unit_test_setup_teardown(f, classic, teardown)
	const struct CMUnitTest tests[] = {
		CLASSIC(classic_writes_cr3_both_ways),
		CLASSIC(upper_half_is_open_in_classic),
		OPEN(open_gate_writes_none),
		OPEN(upper_half_is_closed_to_users),
		OPEN(a_difference_parts_them),
		OPEN(what_does_not_matter_is_ignored),
		OPEN(a_pair_met_before_is_known),
		OPEN(many_pairs),
		OPEN(a_new_table_in_an_old_frame),
		OPEN(others_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
