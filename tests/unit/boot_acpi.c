// SPDX-License-Identifier: MIT
// uses: src/boot/acpi.c src/boot/acpi_tables.c
//
// The ACPI reader on tables made here: what it takes from good ones, and that
// it refuses corrupt ones with a warning and goes on.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/acpi.h"
#include "console/console.h"

// Physical memory [0, MEMORY) of the pretended machine.
#define MEMORY 0x110000
#define RSDP_AT 0xf1230
#define RSDT_AT 0x104000
#define XSDT_AT 0x105000
#define MADT_AT 0x100100
#define FADT_AT 0x100400
#define DSDT_AT 0x100800
#define HPET_AT 0x101000
#define MCFG_AT 0x101100

static u8 memory[MEMORY];
static struct machine m;
static u32 warnings;

void log_at(enum log_level level, const char *format, ...)
{
	warnings += level == LOG_WARN;
}

static const void *map(maddr_t addr, size_t bytes)
{
	return addr < MEMORY && bytes <= MEMORY - addr ? memory + addr : NULL;
}

static void put(u32 at, u64 value, u32 bytes)
{
	memcpy(memory + at, &value, bytes);
}

static u8 sum(u32 at, u32 bytes)
{
	u8 s = 0;

	while (bytes--)
		s = (u8)(s + memory[at++]);
	return s;
}

// Makes the sum of a table right.
static void seal(u32 at)
{
	u32 length;

	memcpy(&length, memory + at + 4, 4);
	memory[at + 9] = 0;
	memory[at + 9] = (u8)-sum(at, length);
}

static void table(u32 at, const char *signature, u32 length)
{
	memset(memory + at, 0, length);
	memcpy(memory + at, signature, 4);
	put(at + 4, length, 4);
}

static void make_madt(void)
{
	static const u8 entries[] = {
		0,  8,  0, 0, 1, 0, 0,    0, // processor 0, APIC id 0
		0,  8,  1, 2, 1, 0, 0,    0, // processor 1, APIC id 2
		0,  8,  2, 4, 0, 0, 0,    0, // not enabled
		1,  12, 7, 0, 0, 0, 0xc0, 0xfe, 0,  0, 0, 0, // I/O APIC
		2,  10, 0, 0, 2, 0, 0,    0,    0,  0, // ISA 0 is GSI 2
		2,  10, 0, 9, 9, 0, 0,    0,    13, 0, // ISA 9: level, high
		77, 3,  0, // something new
		9,  16, 0, 0, 2, 0, 0,    0,    1,  0, 0, 0,
		1,  0,  0, 0, // again 2
		9,  16, 0, 0, 0, 1, 0,    0,    1,  0, 0, 0,
		5,  0,  0, 0, // id 256
	};

	table(MADT_AT, "APIC", 44 + sizeof(entries));
	put(MADT_AT + 36, 0xfee00000, 4);
	put(MADT_AT + 40, 1, 4);
	memcpy(memory + MADT_AT + 44, entries, sizeof(entries));
	seal(MADT_AT);
}

static void make_fadt(void)
{
	table(FADT_AT, "FACP", 244);
	put(FADT_AT + 40, DSDT_AT, 4);
	put(FADT_AT + 46, 9, 2);
	put(FADT_AT + 64, 0x604, 4);
	put(FADT_AT + 76, 0x608, 4);
	put(FADT_AT + 91, 4, 1);
	put(FADT_AT + 112, 1 << 8 | 1 << 10, 4);
	put(FADT_AT + 116, 1, 1);
	put(FADT_AT + 120, 0xcf9, 8);
	put(FADT_AT + 128, 0xf, 1);
	seal(FADT_AT);
}

static void make_dsdt(const u8 *aml, u32 bytes)
{
	table(DSDT_AT, "DSDT", 36 + 20 + bytes);
	memcpy(memory + DSDT_AT + 36 + 10, aml, bytes);
	seal(DSDT_AT);
}

static void make_others(void)
{
	table(HPET_AT, "HPET", 56);
	put(HPET_AT + 44, 0xfed00000, 8);
	seal(HPET_AT);
	table(MCFG_AT, "MCFG", 60);
	put(MCFG_AT + 44, 0xb0000000, 8);
	put(MCFG_AT + 55, 255, 1);
	seal(MCFG_AT);
}

static void make_roots(void)
{
	static const u32 tables[] = {FADT_AT, MADT_AT, HPET_AT, MCFG_AT};

	table(RSDT_AT, "RSDT", 36 + 4 * ARRAY_SIZE(tables));
	table(XSDT_AT, "XSDT", 36 + 8 * ARRAY_SIZE(tables));
	for (u32 i = 0; i < ARRAY_SIZE(tables); i++) {
		put(RSDT_AT + 36 + 4 * i, tables[i], 4);
		put(XSDT_AT + 36 + 8 * i, tables[i], 8);
	}
	seal(RSDT_AT);
	seal(XSDT_AT);
}

static void make_rsdp(u32 at, u8 revision)
{
	memset(memory + at, 0, 36);
	memcpy(memory + at, "RSD PTR ", 8);
	memory[at + 15] = revision;
	put(at + 16, RSDT_AT, 4);
	memory[at + 8] = (u8)-sum(at, 20);
	if (revision < 2)
		return;
	put(at + 20, 36, 4);
	put(at + 24, XSDT_AT, 8);
	memory[at + 32] = (u8)-sum(at, 36);
}

static const u8 s5_aml[] = {0x08, '_',  'S',  '5',  '_',  0x12, 0x06,
			    0x04, 0x0a, 0x05, 0x01, 0x00, 0x00};

static int make_all(void **state)
{
	memset(memory, 0, sizeof(memory));
	memset(&m, 0, sizeof(m));
	m.reset_space = 0xff;
	warnings = 0;
	make_madt();
	make_fadt();
	make_dsdt(s5_aml, sizeof(s5_aml));
	make_others();
	make_roots();
	make_rsdp(RSDP_AT, 2);
	return 0;
}

static void check_all(void)
{
	assert_int_equal(m.cpu_count, 3);
	assert_int_equal(m.cpu[1].apic_id, 2);
	assert_int_equal(m.cpu[1].acpi_id, 1);
	assert_int_equal(m.cpu[2].apic_id, 256);
	assert_int_equal(m.cpu[2].acpi_id, 5);
	assert_int_equal(m.ioapic_count, 1);
	assert_int_equal(m.ioapic[0].addr, 0xfec00000);
	assert_int_equal(m.ioapic[0].id, 7);
	assert_int_equal(m.override_count, 2);
	assert_int_equal(m.override[0].gsi, 2);
	assert_int_equal(m.override[1].isa_irq, 9);
	assert_int_equal(m.override[1].flags, 13);
	assert_int_equal(m.lapic, 0xfee00000);
	assert_true(m.has_pics);
	assert_int_equal(m.pm1a_cnt, 0x604);
	assert_int_equal(m.pm1b_cnt, 0);
	assert_int_equal(m.pm_timer_port, 0x608);
	assert_true(m.pm_timer_32bit);
	assert_int_equal(m.sci, 9);
	assert_int_equal(m.reset_space, 1);
	assert_int_equal(m.reset_addr, 0xcf9);
	assert_int_equal(m.reset_value, 0xf);
	assert_int_equal(m.hpet, 0xfed00000);
	assert_int_equal(m.mcfg, 0xb0000000);
	assert_int_equal(m.mcfg_bus_end, 255);
	assert_true(m.has_s5);
	assert_int_equal(m.s5_a, 5);
	assert_int_equal(m.s5_b, 1);
	assert_int_equal(warnings, 0);
}

static void test_given_pointer(void **state)
{
	assert_true(acpi_read(&m, RSDP_AT, map));
	check_all();
}

static void test_search(void **state)
{
	assert_true(acpi_read(&m, 0, map));
	check_all();
}

static void test_ebda(void **state)
{
	memset(memory + RSDP_AT, 0, 36);
	put(0x40e, 0x9fc0, 2);
	make_rsdp(0x9fc00 + 0x30, 0); // old: RSDT only
	assert_true(acpi_read(&m, 0, map));
	check_all();
}

static void test_bad_xsdt_falls_back(void **state)
{
	memory[XSDT_AT + 20] ^= 1;
	assert_true(acpi_read(&m, 0, map));
	assert_int_equal(m.cpu_count, 3);
	assert_int_equal(warnings, 1);
}

static void test_no_rsdp(void **state)
{
	memory[RSDP_AT + 10] ^= 0xff;
	assert_false(acpi_read(&m, 0, map));
	assert_false(acpi_read(&m, RSDP_AT, map));
	assert_false(acpi_read(&m, 0xfffffffffffff000, map));
	assert_int_equal(m.cpu_count, 0);
}

static void test_corrupt_table(void **state)
{
	memory[MADT_AT + 50] ^= 1;
	assert_true(acpi_read(&m, 0, map));
	assert_int_equal(m.cpu_count, 0);
	assert_int_equal(m.hpet, 0xfed00000); // the others are still read
	assert_int_equal(warnings, 1);
}

static void test_absurd_lengths(void **state)
{
	static const u32 lengths[] = {0, 35, 0x7fffffff, 0xffffffff};

	for (u32 i = 0; i < ARRAY_SIZE(lengths); i++) {
		make_all(NULL);
		put(HPET_AT + 4, lengths[i], 4);
		assert_true(acpi_read(&m, 0, map));
		assert_int_equal(m.hpet, 0);
		assert_int_equal(warnings, 1);
	}
}

static void test_table_out_of_reach(void **state)
{
	put(XSDT_AT + 36, 0x123456789a000, 8);
	put(XSDT_AT + 44, MEMORY - 10, 8);
	seal(XSDT_AT);
	assert_true(acpi_read(&m, 0, map));
	assert_int_equal(m.cpu_count, 0);
	assert_int_equal(m.hpet, 0xfed00000);
}

static void test_bad_madt_entries(void **state)
{
	memory[MADT_AT + 44 + 9] = 0; // the second entry has no length
	seal(MADT_AT);
	assert_true(acpi_read(&m, 0, map));
	assert_int_equal(m.cpu_count, 1);
	assert_int_equal(warnings, 1);
	make_all(NULL);
	memory[MADT_AT + 44 + 9] = 255; // or too much
	seal(MADT_AT);
	assert_true(acpi_read(&m, 0, map));
	assert_int_equal(m.cpu_count, 1);
	assert_int_equal(warnings, 1);
}

static void test_short_fadt(void **state)
{
	put(FADT_AT + 4, 80, 4); // ends behind the timer's port
	seal(FADT_AT);
	assert_true(acpi_read(&m, 0, map));
	assert_int_equal(m.pm1a_cnt, 0x604);
	assert_int_equal(m.pm_timer_port, 0); // its length field is missing
	assert_int_equal(m.reset_space, 0xff);
	assert_true(m.has_s5);
}

static void test_s5_forms(void **state)
{
	static const struct {
		u8 aml[16];
		bool found;
		u8 a, b;
	} cases[] = {
		// Name(\_S5, Package(2) { Zero, One })
		{{0x08, '\\', '_', 'S', '5', '_', 0x12, 4, 2, 0, 1},
		 true,
		 0,
		 1},
		// two bytes of package length, word constants
		{{0x08, '_', 'S', '5', '_', 0x12, 0x40, 1, 4, 0x0b, 7, 0, 0x0b,
		  6, 0},
		 true,
		 7,
		 6},
		// not a name but a use
		{{0x70, '_', 'S', '5', '_', 0x12, 4, 2, 0, 1}, false, 0, 0},
		// computed at run time
		{{0x08, '_', 'S', '5', '_', 0x12, 4, 2, 'A', 'B'}, false, 0, 0},
		// one element only
		{{0x08, '_', 'S', '5', '_', 0x12, 3, 1, 5}, false, 0, 0},
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		make_all(NULL);
		make_dsdt(cases[i].aml, sizeof(cases[i].aml));
		assert_true(acpi_read(&m, 0, map));
		assert_int_equal(m.has_s5, cases[i].found);
		if (!cases[i].found)
			continue;
		assert_int_equal(m.s5_a, cases[i].a);
		assert_int_equal(m.s5_b, cases[i].b);
	}
}

static void test_too_many_processors(void **state)
{
	table(MADT_AT, "APIC", 44 + 16 * 30);
	for (u32 i = 0; i < 30; i++) {
		put(MADT_AT + 44 + 16 * i, 0x1009, 2);
		put(MADT_AT + 44 + 16 * i + 4, i, 4);
		put(MADT_AT + 44 + 16 * i + 8, 1, 4);
	}
	seal(MADT_AT);
	m.cpu_count = ARRAY_SIZE(m.cpu) - 10;
	for (u32 i = 0; i < m.cpu_count; i++)
		m.cpu[i].apic_id = 1000 + i;
	acpi_read_madt(&m, (const void *)(memory + MADT_AT));
	assert_int_equal(m.cpu_count, ARRAY_SIZE(m.cpu));
	assert_int_equal(m.ioapic_count, 0);
}

#define TEST(fn) cmocka_unit_test_setup(fn, make_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_given_pointer),
		TEST(test_search),
		TEST(test_ebda),
		TEST(test_bad_xsdt_falls_back),
		TEST(test_no_rsdp),
		TEST(test_corrupt_table),
		TEST(test_absurd_lengths),
		TEST(test_table_out_of_reach),
		TEST(test_bad_madt_entries),
		TEST(test_short_fadt),
		TEST(test_s5_forms),
		TEST(test_too_many_processors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
