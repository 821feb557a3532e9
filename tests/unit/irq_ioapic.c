// SPDX-License-Identifier: MIT
// uses: src/irq/ioapic.c
//
// The IO-APIC on a chip of 24 lines: how entries are put together, what ACPI's
// overrides do to them, who may change them, and that the chip always holds
// what we think it does.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "boot/boot.h"
#include "irq/priv.h"
#include "mm/mm.h"

#define LINES 24
#define CHIP 0xfec00000ull

struct machine machine = {
	.ioapic_count = 1,
	.ioapic = {{.id = 0, .gsi_base = 0, .addr = CHIP}},
	.sci = 9,
	.override_count = 3,
	.override =
		{
			{.isa_irq = 0, .gsi = 2, .flags = 0},
			{.isa_irq = 9, .gsi = 9, .flags = 0xd}, // high, level
			{.isa_irq = 10, .gsi = 20, .flags = 0x7}, // low, edge
		},
};

struct lock irq_lock = LOCK_INIT(LOCK_IRQ);
static u32 page[PAGE_SIZE / 4];
static bool restricted;

volatile void *mmio_map(maddr_t addr, size_t bytes)
{
	assert_int_equal(addr, CHIP);
	return page;
}

void iomem_restrict(mfn_t first, u64 frames, enum iomem_rule rule)
{
	restricted = frames == 1 && first.n == CHIP >> PAGE_SHIFT &&
		     rule == IOMEM_NEVER;
}

u32 apic_boot_id(void)
{
	return 3;
}

static u64 entry(u32 gsi)
{
	u32 low, high;

	assert_int_equal(ioapic_guest_read(CHIP, 0x10 + 2 * gsi, &low), 0);
	assert_int_equal(ioapic_guest_read(CHIP, 0x11 + 2 * gsi, &high), 0);
	return (u64)high << 32 | low;
}

// Plain memory stands for the chip: the register selected last, at 0, and what
// was written to it last, at 0x10.
static void last_write_was(u32 reg, u32 value)
{
	assert_int_equal(page[0], reg);
	assert_int_equal(page[4], value);
}

static void entries_are_composed_as_the_chip_wants_them(void **state)
{
	struct gsi_mode isa = {false, false}, pci = {true, true};

	assert_int_equal(rte_compose(0x31, isa, 0, false), 0x31);
	assert_int_equal(rte_compose(0x31, isa, 0, true), 0x10031);
	assert_int_equal(rte_compose(0xdf, pci, 0, false), 0xa0df);
	assert_int_equal(rte_compose(0x40, pci, 5, true),
			 0x050000000001a040ull);
}

static void all_lines_start_masked_and_as_acpi_says(void **state)
{
	page[4] = (LINES - 1) << 16 | 0x20;
	ioapic_init();
	assert_true(restricted);
	assert_int_equal(ioapic_gsi_count(), LINES);
	assert_true(gsi_exists(LINES - 1));
	assert_false(gsi_exists(LINES));
	assert_int_equal(entry(1), 0x0300000000010000ull); // ISA
	assert_int_equal(entry(2), 0x0300000000010000ull); // conforming
	assert_int_equal(entry(9), 0x0300000000018000ull); // SCI
	assert_int_equal(entry(16), 0x030000000001a000ull); // PCI
	assert_int_equal(entry(20), 0x0300000000012000ull);
}

static void a_line_is_taken_once(void **state)
{
	assert_int_equal(gsi_take(4, 0x55, 3), 0);
	last_write_was(0x10 + 2 * 4, 0x55);
	assert_int_equal(gsi_take(4, 0x56, 3), -EBUSY);
	assert_int_equal(irq_route_gsi_hv(4, 0xe0), -EBUSY);
	gsi_release(4);
	last_write_was(0x10 + 2 * 4, 0x10055);
	assert_int_equal(irq_route_gsi_hv(4, 0xe0), 0);
	last_write_was(0x10 + 2 * 4, 0xe0);
	assert_int_equal(irq_route_gsi_hv(LINES, 0xe0), -EINVAL);
}

static void masking_writes_once_and_keeps_the_rest(void **state)
{
	assert_int_equal(gsi_take(17, 0x66, 3), 0);
	gsi_mask(17);
	last_write_was(0x10 + 2 * 17, 0x1a066);
	page[0] = page[4] = 0x77;
	gsi_mask(17); // is masked: nothing to write
	last_write_was(0x77, 0x77);
	gsi_unmask(17);
	last_write_was(0x10 + 2 * 17, 0xa066);
}

// Edges are lost while an entry is masked, so it is not; nor is one unmasked
// that waits for its guest.
static void a_line_changes_its_target_by_one_write(void **state)
{
	gsi_aim(17, 1);
	last_write_was(0x11 + 2 * 17, 0x01000000);
	assert_int_equal(entry(17), 0x010000000000a066ull);
	page[0] = page[4] = 0x77;
	gsi_aim(17, 1); // is there: nothing to write
	last_write_was(0x77, 0x77);
	gsi_mask(17);
	gsi_aim(17, 254);
	last_write_was(0x11 + 2 * 17, 0xfe000000);
	assert_int_equal(entry(17), 0xfe0000000001a066ull);
	gsi_unmask(17);
	last_write_was(0x10 + 2 * 17, 0xa066);
}

static void wiring_is_told_once_and_not_while_in_use(void **state)
{
	struct gsi_mode level_high = {true, false};

	assert_int_equal(gsi_setup(11, level_high), 0);
	assert_int_equal(entry(11), 0x0300000000018000ull);
	assert_true(gsi_is_level(11));
	assert_int_equal(gsi_setup(11, level_high), -EEXIST);
	assert_int_equal(gsi_setup(17, level_high), -EEXIST); // taken
}

static void guests_see_the_chip_and_change_only_free_wiring(void **state)
{
	u32 v;

	assert_int_equal(ioapic_guest_read(CHIP, 1, &v), 0);
	assert_int_equal(v, (LINES - 1) << 16 | 0x20);
	assert_int_equal(ioapic_guest_read(CHIP, 3, &v), -EINVAL);
	assert_int_equal(ioapic_guest_read(CHIP, 0x10 + 2 * LINES, &v),
			 -EINVAL);
	assert_int_equal(ioapic_guest_read(CHIP + 0x1000, 1, &v), -EINVAL);

	// Vector, target and mask of the guest's value are not taken.
	assert_int_equal(ioapic_guest_write(CHIP, 0x10 + 2 * 5, 0xa0ff), 0);
	assert_int_equal(entry(5), 0x030000000001a000ull);
	assert_int_equal(ioapic_guest_write(CHIP, 0x11 + 2 * 5, ~0u), 0);
	assert_int_equal(entry(5), 0x030000000001a000ull);
	assert_int_equal(ioapic_guest_write(CHIP, 0x10 + 2 * 5, 0x400),
			 -EPERM); // NMI
	assert_int_equal(ioapic_guest_write(CHIP, 0x10 + 2 * 17, 0), -EPERM);
	assert_int_equal(ioapic_guest_write(CHIP, 0, 0), -EINVAL);
	assert_int_equal(ioapic_guest_write(CHIP, 0x10 + 2 * LINES, 0),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_composed_as_the_chip_wants_them),
		cmocka_unit_test(all_lines_start_masked_and_as_acpi_says),
		cmocka_unit_test(a_line_is_taken_once),
		cmocka_unit_test(masking_writes_once_and_keeps_the_rest),
		cmocka_unit_test(a_line_changes_its_target_by_one_write),
		cmocka_unit_test(wiring_is_told_once_and_not_while_in_use),
		cmocka_unit_test(
			guests_see_the_chip_and_change_only_free_wiring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
