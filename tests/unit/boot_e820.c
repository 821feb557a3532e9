// SPDX-License-Identifier: MIT
// uses: src/boot/e820.c
//
// The memory map: order, overlaps, nonsense, and the free ranges around the
// image and the modules. Random maps are compared with a byte-wise model.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/priv.h"

static struct boot_info bi;

static void start(void)
{
	memset(&bi, 0, sizeof(bi));
}

static void is(u32 i, u64 addr, u64 end, u32 type)
{
	assert_true(i < bi.e820_count);
	assert_int_equal(bi.e820[i].addr, addr);
	assert_int_equal(bi.e820[i].addr + bi.e820[i].size, end);
	assert_int_equal(bi.e820[i].type, type);
}

static void test_sorts_and_joins(void **state)
{
	start();
	e820_add(&bi, 0x200000, 0x100000, E820_RAM);
	e820_add(&bi, 0x100000, 0x100000, E820_RAM);
	e820_add(&bi, 0, 0x9f000, E820_RAM);
	e820_normalise(&bi);
	assert_int_equal(bi.e820_count, 2);
	is(0, 0, 0x9f000, E820_RAM);
	is(1, 0x100000, 0x300000, E820_RAM);
}

static void test_overlap(void **state)
{
	start();
	e820_add(&bi, 0, 0x10000, E820_RAM);
	e820_add(&bi, 0x4000, 0x2000, E820_RESERVED);
	e820_add(&bi, 0x5000, 0x2000, E820_ACPI);
	e820_normalise(&bi);
	assert_int_equal(bi.e820_count, 4);
	is(0, 0, 0x4000, E820_RAM);
	is(1, 0x4000, 0x6000, E820_RESERVED);
	is(2, 0x6000, 0x7000, E820_ACPI);
	is(3, 0x7000, 0x10000, E820_RAM);
}

static void test_nonsense(void **state)
{
	start();
	e820_add(&bi, 0x1000, 0, E820_RAM); // empty
	e820_add(&bi, ~0ull - 5, 100, E820_RAM); // beyond all memory
	e820_add(&bi, 0x1000, ~0ull, E820_RAM); // wraps
	e820_add(&bi, 0x2000, 0x1000, 77); // unknown types are reserved
	e820_normalise(&bi);
	assert_int_equal(bi.e820_count, 3);
	is(0, 0x1000, 0x2000, E820_RAM);
	is(1, 0x2000, 0x3000, E820_RESERVED);
	is(2, 0x3000, BIT(52), E820_RAM);
}

static void test_too_many(void **state)
{
	start();
	for (u32 i = 0; i < 2 * BOOT_MAX_E820; i++)
		e820_add(&bi, i * 0x2000ull, 0x1000, E820_RAM);
	assert_int_equal(bi.e820_count, BOOT_MAX_E820);
	e820_normalise(&bi);
	assert_int_equal(bi.e820_count, BOOT_MAX_E820);
}

static u32 model_type(const struct boot_info *raw, u64 addr)
{
	static const u8 order[] = {E820_RAM, E820_ACPI, E820_NVS, E820_RESERVED,
				   E820_UNUSABLE};
	u32 best = 0, best_rank = 0;

	for (u32 i = 0; i < raw->e820_count; i++) {
		const struct e820_entry *e = &raw->e820[i];
		u32 rank = 1;

		if (addr < e->addr || addr - e->addr >= e->size)
			continue;
		while (order[rank - 1] != e->type)
			rank++;
		if (rank > best_rank) {
			best_rank = rank;
			best = e->type;
		}
	}
	return best;
}

static void test_random_maps(void **state)
{
	static struct boot_info raw;

	srand(7);
	for (u32 round = 0; round < 300; round++) {
		start();
		for (u32 i = 0; i < 12; i++)
			e820_add(&bi, (u64)(rand() % 64), (u64)(rand() % 20),
				 1 + rand() % 5);
		raw = bi;
		e820_normalise(&bi);
		for (u64 addr = 0; addr < 100; addr++)
			assert_int_equal(model_type(&bi, addr),
					 model_type(&raw, addr));
		for (u32 i = 1; i < bi.e820_count; i++) {
			const struct e820_entry *e = &bi.e820[i];

			assert_true(e[-1].addr + e[-1].size <= e->addr);
			assert_true(e[-1].addr + e[-1].size < e->addr ||
				    e[-1].type != e->type);
		}
	}
}

static struct {
	maddr_t start, end;
} free_ranges[16];
static u32 free_count;

static void note(maddr_t from, maddr_t to, void *arg)
{
	assert_ptr_equal(arg, &bi);
	free_ranges[free_count].start = from;
	free_ranges[free_count++].end = to;
}

static void free_is(u32 i, maddr_t from, maddr_t to)
{
	assert_true(i < free_count);
	assert_int_equal(free_ranges[i].start, from);
	assert_int_equal(free_ranges[i].end, to);
}

static void test_free_ram(void **state)
{
	start();
	e820_add(&bi, 0, 0x9f000, E820_RAM);
	e820_add(&bi, 0x100000, 0x700800, E820_RAM); // ends inside a page
	e820_add(&bi, 0x1000000, 0x100000, E820_RAM);
	e820_normalise(&bi);
	bi.image_start = 0x200000;
	bi.image_end = 0x2c0000;
	bi.module[0] = (struct boot_module){.start = 0x2c0000, .size = 5};
	bi.module[1] = (struct boot_module){.start = 0x400010, .size = 0x1000};
	bi.module[2] =
		(struct boot_module){.start = 0x1000000, .size = 0x100000};
	bi.module_count = 3;
	free_count = 0;
	bootinfo_free_ram(&bi, note, &bi);
	assert_int_equal(free_count, 3);
	free_is(0, 0x100000, 0x200000);
	free_is(1, 0x2c1000, 0x400000);
	free_is(2, 0x402000, 0x800000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorts_and_joins),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_random_maps),
		cmocka_unit_test(test_free_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
