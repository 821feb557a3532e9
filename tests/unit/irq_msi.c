// SPDX-License-Identifier: MIT
// uses: src/irq/msi.c src/irq/device.c tests/fake/core.c
//
// Message-signalled interrupts on a device whose config space and table are
// plain memory: the walk through its capabilities, what is programmed where,
// and which of a guest's writes are kept away from it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "core.h"
#include "cpu/cpu.h"
#include "irq/priv.h"
#include "mm/mm.h"

#define BDF 0x0018
#define ABSENT 0x0020
#define MSI 0x50
#define MSIX 0x70
#define BAR 0x1234500000ull // 64-bit, in BAR 2
#define TABLE_OFFSET 0x2000
#define ENTRIES 8

struct cpu_features cpu_features = {.phys_bits = 40};

static u8 space[256];
static u32 table[ENTRIES * 4];
static u64 ram_mfn; // the one frame that is RAM
static u32 restricted;

u32 pci_conf_read(u16 bdf, u32 reg, u32 bytes)
{
	u32 v = 0;

	assert_true(reg + bytes <= sizeof(space));
	if (bdf == ABSENT)
		return 0xffffffff >> (32 - 8 * bytes);
	memcpy(&v, space + reg, bytes);
	return v;
}

void pci_conf_write(u16 bdf, u32 reg, u32 bytes, u32 value)
{
	assert_int_equal(bdf, BDF);
	assert_true(reg + bytes <= sizeof(space));
	memcpy(space + reg, &value, bytes);
}

volatile void *mmio_map(maddr_t addr, size_t bytes)
{
	assert_int_equal(addr, BAR + TABLE_OFFSET);
	assert_int_equal(bytes, sizeof(table));
	return table;
}

bool mfn_is_ram(mfn_t mfn)
{
	return mfn.n == ram_mfn;
}

void iomem_restrict(mfn_t first, u64 frames, enum iomem_rule rule)
{
	assert_int_equal(first.n, (BAR + TABLE_OFFSET) >> PAGE_SHIFT);
	assert_int_equal(rule, IOMEM_READ_ONLY);
	restricted++;
}

static void put(u32 reg, u32 bytes, u32 value)
{
	memcpy(space + reg, &value, bytes);
}

static u32 get(u32 reg, u32 bytes)
{
	u32 v = 0;

	memcpy(&v, space + reg, bytes);
	return v;
}

// A device with MSI (control as given) and then MSI-X.
static struct pci_device *device(u32 msi_control)
{
	memset(space, 0, sizeof(space));
	memset(table, 0, sizeof(table));
	put(0x00, 4, 0x00101b36);
	put(0x04, 2, 0x0006); // memory, bus master
	put(0x06, 2, 0x0010); // has capabilities
	put(0x18, 4, (u32)BAR | 4);
	put(0x1c, 4, BAR >> 32);
	put(0x34, 1, MSI);
	put(MSI, 2, MSIX << 8 | PCI_CAP_MSI);
	put(MSI + 2, 2, msi_control);
	put(MSIX, 2, PCI_CAP_MSIX);
	put(MSIX + 2, 2, ENTRIES - 1);
	put(MSIX + 4, 4, TABLE_OFFSET | 2);
	assert_int_equal(pci_device_add(0, BDF, false), 0);
	return pci_device_find(0, BDF);
}

static int gone(void **state)
{
	return pci_device_remove(0, BDF);
}

static void capabilities_are_found_in_the_list(void **state)
{
	device(0);
	assert_int_equal(pci_find_capability(BDF, PCI_CAP_MSI), MSI);
	assert_int_equal(pci_find_capability(BDF, PCI_CAP_MSIX), MSIX);
	assert_int_equal(pci_find_capability(BDF, 0x10), 0);
	assert_int_equal(pci_find_capability(ABSENT, PCI_CAP_MSI), 0);
	put(0x06, 2, 0);
	assert_int_equal(pci_find_capability(BDF, PCI_CAP_MSI), 0);
}

static void a_list_that_is_a_circle_ends(void **state)
{
	device(0);
	put(MSIX + 1, 1, MSI);
	assert_int_equal(pci_find_capability(BDF, 0x10), 0);
	put(MSI + 1, 1, 0x14); // into the header
	assert_int_equal(pci_find_capability(BDF, PCI_CAP_MSIX), 0);
}

static void devices_come_and_go(void **state)
{
	struct pci_device *dev = device(0);

	assert_int_equal(pci_device_add(0, BDF, false), 0); // once more
	assert_ptr_equal(pci_device_find(0, BDF), dev);
	assert_null(pci_device_find(1, BDF));
	assert_int_equal(pci_device_remove(1, BDF), -ENODEV);
	fake_alloc_fails = 1;
	assert_int_equal(pci_device_add(1, BDF, false), -ENOMEM);
	assert_int_equal(pci_device_add(1, BDF, false), 0);
	assert_int_equal(pci_device_find(1, BDF)->msi_pos, 0);
	assert_int_equal(pci_device_remove(1, BDF), 0);
}

static void plain_msi_gets_address_and_data(void **state)
{
	struct msi m = {.dev = device(0x0030), .apic_id = 2, .vector = 0x41};

	assert_int_equal(msi_program(&m, 0), 0);
	assert_int_equal(get(MSI + 4, 4), 0xfee02000);
	assert_int_equal(get(MSI + 8, 2), 0x41);
	assert_int_equal(get(MSI + 2, 2), 0); // one message
	assert_int_equal(msi_program(&m, 0), -EBUSY);
	assert_int_equal(pci_device_remove(0, BDF), -EBUSY);
	msi_release(&m);
}

static void wide_maskable_msi_is_masked_until_bound(void **state)
{
	struct msi m = {.dev = device(0x0180), .apic_id = 2, .vector = 0x42};

	put(MSI + 8, 4, 0xdeadbeef);
	assert_int_equal(msi_program(&m, 0), 0);
	assert_int_equal(get(MSI + 4, 4), 0xfee02000);
	assert_int_equal(get(MSI + 8, 4), 0);
	assert_int_equal(get(MSI + 12, 2), 0x42);
	assert_int_equal(get(MSI + 16, 4), 0xffffffff);
	msi_set_mask(&m, false);
	assert_int_equal(get(MSI + 16, 4), 0xfffffffe);
	msi_aim(&m, 254, false);
	assert_int_equal(get(MSI + 4, 4), 0xfeefe000);
	assert_int_equal(get(MSI + 12, 2), 0x42);
	assert_int_equal(get(MSI + 16, 4), 0xfffffffe);
	msi_release(&m);
	assert_int_equal(get(MSI + 16, 4), 0xffffffff);
}

static void msix_entry_is_written_and_its_table_made_read_only(void **state)
{
	struct msi m = {.dev = device(0),
			.is_x = true,
			.apic_id = 2,
			.vector = 0x43,
			.entry = 3};
	struct msi same = m;

	restricted = 0;
	fake_alloc_fails = 1;
	assert_int_equal(msi_program(&m, 0), -ENOMEM);
	assert_int_equal(msi_program(&m, 0), 0);
	assert_int_equal(restricted, 1);
	assert_int_equal(table[12], 0xfee02000);
	assert_int_equal(table[13], 0);
	assert_int_equal(table[14], 0x43);
	assert_int_equal(table[15], 1);
	msi_set_mask(&m, false);
	assert_int_equal(table[15], 0);
	assert_int_equal(msi_program(&same, 0), -EBUSY);

	memset(table, 0xff, sizeof(table)); // as a reset of the device does
	msi_restore(&m, false);
	assert_int_equal(table[12], 0xfee02000);
	assert_int_equal(table[15], 0);

	msi_aim(&m, 7, false);
	assert_int_equal(table[12], 0xfee07000);
	assert_int_equal(table[14], 0x43);
	assert_int_equal(table[15], 0);
	msi_aim(&m, 2, true);
	assert_int_equal(table[15], 1);
	msi_restore(&m, false); // to where it was aimed last
	assert_int_equal(table[12], 0xfee02000);
	msi_release(&m);
	assert_int_equal(table[15], 1);

	assert_int_equal(msi_program(&same, 0), 0); // mapped already
	assert_int_equal(restricted, 1);
	msi_release(&same);
}

static void msix_mistakes_have_their_errors(void **state)
{
	struct msi m = {.dev = device(0),
			.is_x = true,
			.apic_id = 2,
			.vector = 0x43,
			.entry = ENTRIES};

	assert_int_equal(msi_program(&m, 0), -EINVAL);
	m.entry = 0;
	put(0x04, 2, 0);
	assert_int_equal(msi_program(&m, 0), -ENXIO);
	put(0x04, 2, 2);
	put(MSIX + 4, 4, TABLE_OFFSET | 3); // upper half of BAR 2: an I/O BAR
	put(0x1c, 4, 0xc001);
	assert_int_equal(msi_program(&m, 0), -ENXIO);
	put(MSIX + 4, 4, 0x3000 | 2);
	put(0x1c, 4, 0x12);
	ram_mfn = (BAR + 0x3000) >> PAGE_SHIFT;
	assert_int_equal(msi_program(&m, 0), -EINVAL);
	ram_mfn = 0;
	put(0x1c, 4, 0x812); // beyond the processor's addresses
	assert_int_equal(msi_program(&m, 0), -EINVAL);
	m.dev->msix_pos = 0;
	assert_int_equal(msi_program(&m, 0), -ENODEV);
}

static void a_virtual_function_has_its_bar_elsewhere(void **state)
{
	struct pci_device *dev = device(0);
	struct msi m = {.dev = dev, .is_x = true, .apic_id = 2, .vector = 0x44};

	put(0x04, 2, 0);
	put(0x18, 4, 0);
	put(0x1c, 4, 0);
	assert_int_equal(msi_program(&m, BAR), -ENXIO);
	dev->is_virtfn = true;
	assert_int_equal(msi_program(&m, BAR), 0);
	assert_int_equal(table[2], 0x44);
	msi_release(&m);
}

static void guest_may_enable_but_not_aim(void **state)
{
	const struct pci_device *dev = device(0x0180); // wide, maskable
	u32 v = 0x0001;

	assert_true(msi_filter_write(dev, MSI + 2, 2, &v));
	assert_int_equal(v, 0x0001);
	v = 0x0051; // enabled, with 32 messages
	assert_true(msi_filter_write(dev, MSI + 2, 2, &v));
	assert_int_equal(v, 0x0001);
	v = 0x00510005;
	assert_true(msi_filter_write(dev, MSI, 4, &v));
	assert_int_equal(v, 0x00010005);
	v = 0x51;
	assert_true(msi_filter_write(dev, MSI + 2, 1, &v));
	assert_int_equal(v, 0x01);

	for (u32 reg = MSI + 4; reg < MSI + 24; reg++)
		assert_false(msi_filter_write(dev, reg, 1, &v));
	assert_false(msi_filter_write(dev, MSI + 4, 4, &v));
	assert_true(msi_filter_write(dev, MSI + 24, 4, &v));
	assert_true(msi_filter_write(dev, 0x04, 2, &v));
	assert_true(msi_filter_write(dev, MSIX + 2, 2, &v));
	assert_true(msi_filter_write(dev, 0xfc, 4, &v));
}

static void short_capability_is_guarded_to_its_end_only(void **state)
{
	const struct pci_device *dev = device(0);
	u32 v = 0;

	assert_false(msi_filter_write(dev, MSI + 8, 2, &v));
	assert_true(msi_filter_write(dev, MSI + 10, 2, &v));
	assert_true(msi_filter_write(dev, MSI + 12, 4, &v));
}

#define TEST(name) cmocka_unit_test_teardown(name, gone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(capabilities_are_found_in_the_list),
		TEST(a_list_that_is_a_circle_ends),
		TEST(devices_come_and_go),
		TEST(plain_msi_gets_address_and_data),
		TEST(wide_maskable_msi_is_masked_until_bound),
		TEST(msix_entry_is_written_and_its_table_made_read_only),
		TEST(msix_mistakes_have_their_errors),
		TEST(a_virtual_function_has_its_bar_elsewhere),
		TEST(guest_may_enable_but_not_aim),
		TEST(short_capability_is_guarded_to_its_end_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
