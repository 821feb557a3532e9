// SPDX-License-Identifier: MIT
// uses: src/boot/efi.c
//
// The reader of EFI's system table on tables made here: what it takes from a
// good one, and that nothing is taken from one that makes no sense.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/efi.h"

// Physical memory [0, MEMORY) of the pretended machine.
#define MEMORY 0x2000
#define TABLE_AT 0x100
#define VENDOR_AT 0x300
#define TABLES_AT 0x1000

static u8 memory[MEMORY] __attribute__((aligned(16)));
static struct efi_system_table *const table = (void *)(memory + TABLE_AT);
static struct efi_info info;

static const void *map(maddr_t addr, size_t bytes)
{
	return addr < MEMORY && bytes <= MEMORY - addr ? memory + addr : NULL;
}

static int set_up(void **state)
{
	static const u16 name[] = {'E', 'D', 'K', 0x20ac, 0};

	memset(memory, 0xaa, sizeof(memory));
	memset(&info, 0x55, sizeof(info));
	memcpy(memory + VENDOR_AT, name, sizeof(name));
	*table = (struct efi_system_table){
		.header = {.signature = EFI_SIGNATURE, .revision = 0x20046},
		.vendor = VENDOR_AT,
		.vendor_revision = 7,
		.nr_tables = 3,
		.tables = TABLES_AT,
	};
	return 0;
}

static void a_good_table_is_taken(void **state)
{
	static const u16 name[] = {'E', 'D', 'K', 0x20ac, 0};

	assert_true(efi_read(&info, TABLE_AT, map));
	assert_int_equal(info.revision, 0x20046);
	assert_int_equal(info.vendor_revision, 7);
	assert_memory_equal(info.vendor, name, sizeof(name));
	assert_int_equal(info.tables, TABLES_AT);
	assert_int_equal(info.nr_tables, 3);
}

static void a_long_or_missing_name_does_no_harm(void **state)
{
	for (u32 i = 0; i < EFI_VENDOR_MAX + 5; i++)
		memcpy(memory + VENDOR_AT + 2 * i, "x", 2);
	assert_true(efi_read(&info, TABLE_AT, map));
	assert_int_equal(info.vendor[EFI_VENDOR_MAX - 2], 'x');
	assert_int_equal(info.vendor[EFI_VENDOR_MAX - 1], 0);
	table->vendor = MEMORY - 1;
	assert_true(efi_read(&info, TABLE_AT, map));
	assert_int_equal(info.vendor[0], 0);
	table->vendor = 0;
	assert_true(efi_read(&info, TABLE_AT, map));
	assert_int_equal(info.vendor[0], 0);
}

static void refused(void)
{
	assert_false(efi_read(&info, TABLE_AT, map));
	assert_int_equal(info.revision, 0);
	assert_int_equal(info.tables, 0);
	set_up(NULL);
}

static void nonsense_is_refused(void **state)
{
	table->header.signature++;
	refused();
	table->header.revision = 0;
	refused();
	table->tables = 0;
	refused();
	table->tables = MEMORY - 3 * sizeof(struct efi_configuration_table) + 1;
	refused();
	table->nr_tables = EFI_TABLES_MAX + 1;
	refused();
	table->nr_tables = ~0ull / sizeof(struct efi_configuration_table) + 2;
	refused();
	assert_false(efi_read(&info, MEMORY - sizeof(*table) + 1, map));
	assert_false(efi_read(&info, ~0ull, map));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_good_table_is_taken, set_up),
		cmocka_unit_test_setup(a_long_or_missing_name_does_no_harm,
				       set_up),
		cmocka_unit_test_setup(nonsense_is_refused, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
