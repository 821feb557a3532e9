// SPDX-License-Identifier: MIT
// uses: src/cpu/uaccess.c src/cpu/debugreg.c tests/fake/guest_cpu.c
//
// Which addresses are a guest's, and copies of all small sizes. The faults of
// copies are tested where there are page tables: tests/guest.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "cpu/uaccess.h"
#include "guest_cpu.h"
#include "mm/tlb.h"

static struct cpu this_cpu;
static u32 flushes;
u32 fake_store_faults;

void tlb_flush_local(void)
{
	flushes++;
	this_cpu.flush_due = 0;
	this_cpu.flush_owed = false;
}

static u64 alike_at, alike_bytes; // what the next root maps as this one does

bool root_is_alike(gva_t va, u64 bytes)
{
	return va == alike_at && bytes == alike_bytes;
}

static void ranges_stay_out_of_the_hypervisor(void **state)
{
	static const struct {
		u64 va, bytes;
		bool ok;
	} table[] = {
		{0, 0, true},
		{0, HV_START, true},
		{0, HV_START + 1, false},
		{HV_START - 8, 8, true},
		{HV_START - 8, 9, false},
		{HV_START, 1, false},
		{HV_START + 0x1000, 0x10000000000, false},
		{HV_END - 1, 1, false},
		{HV_END - 1, 2, false},
		{HV_END, 1, true},
		{~0ull - 7, 7, true},
		{~0ull - 7, 16, false}, // wraps
		{0x1000, ~0ull, false},
		{HV_END, ~0ull - HV_END, true},
	};

	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		if (guest_range_ok(table[i].va, table[i].bytes) != table[i].ok)
			fail_msg("%#lx + %#lx", table[i].va, table[i].bytes);
}

static void copies_move_every_byte_and_no_other(void **state)
{
	u8 from[96], to[96];

	for (u32 i = 0; i < sizeof(from); i++)
		from[i] = (u8)(i + 1);
	for (u32 n = 0; n <= 72; n++)
		for (u32 shift = 0; shift < 9; shift++) {
			memset(to, 0, sizeof(to));
			assert_int_equal(
				guest_read(to + 8, (u64)from + shift, n), 0);
			assert_memory_equal(to + 8, from + shift, n);
			assert_int_equal(to[7] | to[8 + n], 0);
			memset(to, 0, sizeof(to));
			assert_int_equal(
				guest_write((u64)to + shift + 1, from, n), 0);
			assert_memory_equal(to + shift + 1, from, n);
			assert_int_equal(to[shift] | to[shift + 1 + n], 0);
		}
}

// A flush put off comes before the first use that it must precede.
static void copies_flush_first(void **state)
{
	u64 a = 1, b;

	this_cpu.flush_due = FLUSH_BEFORE_WRITE;
	assert_int_equal(guest_read(&b, (u64)&a, sizeof(b)), 0);
	assert_int_equal(flushes, 0);
	assert_int_equal(guest_write((u64)&b, &a, sizeof(a)), 0);
	assert_int_equal(flushes, 1);
	this_cpu.flush_due = FLUSH_BEFORE_READ;
	assert_int_equal(guest_read(&b, (u64)&a, sizeof(b)), 0);
	assert_int_equal(flushes, 2);
	assert_int_equal(guest_write((u64)&b, &a, sizeof(a)), 0);
	assert_int_equal(flushes, 2);
	this_cpu.flush_due = FLUSH_BEFORE_READ;
	assert_int_equal(guest_read_word(&b, (u64)&a), 0);
	assert_int_equal(flushes, 3);
}

// A store that faults is tried again after a flush, if one is owed.
static void writes_that_fault(void **state)
{
	u8 a[12] = "hello world", b[12] = {0};

	flushes = 0;
	fake_store_faults = 1;
	assert_int_equal(guest_write((u64)b, a, sizeof(a)), -EFAULT);
	assert_int_equal(flushes, 0);
	this_cpu.flush_owed = true;
	assert_int_equal(guest_write((u64)b, a, sizeof(a)), 0);
	assert_int_equal(flushes, 0); // nothing faulted
	fake_store_faults = 1;
	memset(b, 0, sizeof(b));
	assert_int_equal(guest_write((u64)b, a, sizeof(a)), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(flushes, 1);
	this_cpu.flush_owed = true;
	fake_store_faults = 2;
	assert_int_equal(guest_write((u64)b, a, sizeof(a)), -EFAULT);
	assert_int_equal(flushes, 2);
	fake_store_faults = 0;
}

static void expect_alike(u64 at, u64 bytes, bool alike)
{
	alike_at = at;
	alike_bytes = alike ? bytes : bytes - 1;
	this_cpu.flush_due = FLUSH_WITH_ROOT;
	flushes = 0;
}

// Before another root is loaded, which may wait where both map the same.
static void copies_know_the_next_root(void **state)
{
	u64 a[2] = {1, 2}, b[2];

	for (u32 alike = 0; alike < 2; alike++) {
		expect_alike((u64)a, 15, alike);
		assert_int_equal(guest_read(&b, (u64)a, 15), 0);
		assert_int_equal(flushes, !alike);
		expect_alike((u64)b, 15, alike);
		assert_int_equal(guest_write((u64)b, a, 15), 0);
		assert_int_equal(flushes, !alike);
		expect_alike((u64)a, 8, alike);
		assert_int_equal(guest_read_word(b, (u64)a), 0);
		assert_int_equal(flushes, !alike);
		expect_alike((u64)a, 16, alike);
		assert_int_equal(guest_read_pair(b, (u64)a), 0);
		assert_int_equal(flushes, !alike);
	}
	this_cpu.flush_due = 0;
}

static void copies_refuse_our_addresses(void **state)
{
	u64 value[2] = {1, 1};

	assert_int_equal(guest_read(value, HV_START, 8), -EFAULT);
	assert_int_equal(guest_write(HV_END - 8, value, 8), -EFAULT);
	for (u64 va = HV_START - 7; va <= HV_START; va++)
		assert_int_equal(guest_read_word(value, va), -EFAULT);
	for (u64 va = HV_START - 15; va <= HV_START; va++)
		assert_int_equal(guest_read_pair(value, va), -EFAULT);
	assert_int_equal(guest_read_word(value, HV_END - 1), -EFAULT);
	assert_int_equal(guest_read_pair(value, HV_END - 1), -EFAULT);
	assert_int_equal(guest_read_word(value, ~0ull), -EFAULT);
	assert_int_equal(guest_read_pair(value, ~0ull - 7), -EFAULT);
	assert_int_equal(value[0] & value[1], 1);
}

static void words_and_pairs_come_whole(void **state)
{
	const u64 from[2] = {0x0102030405060708, 0x1112131415161718};
	u64 one = 0, two[2] = {0};

	assert_int_equal(guest_read_word(&one, (u64)from), 0);
	assert_int_equal(one, from[0]);
	assert_int_equal(guest_read_pair(two, (u64)from), 0);
	assert_memory_equal(two, from, sizeof(from));
}

static void breakpoints_may_lie_in_guest_memory_only(void **state)
{
	static const struct {
		u64 address;
		bool ok;
	} table[] = {
		{0, true},
		{0x401000, true},
		{0x00007fffffffffff - 7, true},
		{0x0000800000000000, false},
		{0xffff7fffffffffff, false},
		{HV_START, false},
		{HV_END - 1, false},
		{HV_END, true},
		{0xffffffff81000000, true},
	};

	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		for (u32 n = 0; n < 4; n++) {
			u64 v = table[i].address;

			assert_int_equal(debugreg_check(n, &v, false),
					 table[i].ok);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_stay_out_of_the_hypervisor),
		cmocka_unit_test(copies_move_every_byte_and_no_other),
		cmocka_unit_test(copies_flush_first),
		cmocka_unit_test(writes_that_fault),
		cmocka_unit_test(copies_know_the_next_root),
		cmocka_unit_test(copies_refuse_our_addresses),
		cmocka_unit_test(words_and_pairs_come_whole),
		cmocka_unit_test(breakpoints_may_lie_in_guest_memory_only),
	};

	fake_cpu = &this_cpu;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
