// SPDX-License-Identifier: MIT
//
// map-io: which frames outside of its RAM dom0 may map.
//
// dom0 drives the devices, so their memory is its to map: frames that are not
// RAM, as its own or under DOMID_IO. The interrupt controllers are the
// hypervisor's, and so is all RAM that dom0 was not given, above all the
// hypervisor's own.
//
// Provoked by mapping VGA memory, a BIOS page, a PCI hole, the local APIC, the
// IO-APIC, and each RAM frame of the machine that is not ours. Expected (abi.md
// 4.1): device memory maps with either owner, and works; APIC and IO-APIC are
// refused, or read-only; no RAM frame of others maps under any owner, writable
// or not; the unknown owner is an error.

#include "guest.h"

static long map_as(u32 dom, u64 mfn, u64 flags)
{
	struct mmu_update req = {
		va_maddr(&test_l1()[0]),
		mfn << 12 | flags,
	};

	return mmu_update_dom(&req, 1, NULL, dom);
}

static void unmap(void)
{
	expect_rc("unmap", test_map(0, 0), 0);
	mmuext_addr(MMUEXT_INVLPG_LOCAL, test_page(0));
}

#define VGA_MFN 0xb8
#define BIOS_MFN 0xff
#define HOLE_MFN 0xe0000 /* 3.5 GiB: PCI space on QEMU's PC */

static void device_memory(void)
{
	static const u32 owners[] = {DOMID_SELF, DOMID_IO};
	volatile u16 *text = test_page(0);

	for (u32 i = 0; i < 2; i++) {
		expect_rc("VGA", map_as(owners[i], VGA_MFN, PTE_PAGE | PTE_PCD),
			  0);
		text[0] = 0x0741 + i;
		expect_eq("character", text[0], 0x0741 + i);
		unmap();
		expect_rc("BIOS", map_as(owners[i], BIOS_MFN, PTE_RO), 0);
		u64 val;
		check(try_read(test_page(0), &val), "the BIOS is unreadable");
		unmap();
		expect_rc("PCI hole",
			  map_as(owners[i], HOLE_MFN,
				 PTE_PAGE | PTE_PCD | PTE_PWT),
			  0);
		unmap();
	}
}

static void interrupt_controllers(u64 mfn, const char *what)
{
	static const u32 owners[] = {DOMID_SELF, DOMID_IO};

	for (u32 i = 0; i < 2; i++) {
		if (map_as(owners[i], mfn, PTE_PAGE | PTE_PCD) < 0) {
			expect_eq("entry", test_l1()[0], 0);
			continue;
		}
		check(!(test_l1()[0] & PTE_RW) ||
			      !try_write((char *)test_page(0) + 0x10, 0),
		      "%s is writable", what);
		unmap();
	}
}

/* Many of the machine's other frames, the hypervisor's among them. */
static void other_ram(void)
{
	for (u32 n = 0; n < 2000; n += 3) {
		u64 mfn = foreign_mfn(n);
		bool ok = map_as(DOMID_SELF, mfn, PTE_PAGE) < 0 &&
			  map_as(DOMID_SELF, mfn, PTE_RO) < 0 &&
			  map_as(DOMID_IO, mfn, PTE_PAGE) < 0 &&
			  map_as(DOMID_XEN, mfn, PTE_PAGE) < 0;
		check(ok, "frame 0x%lx was mapped", mfn);
		if (!ok)
			unmap();
	}
}

static void own_ram_as_io(void)
{
	u64 mfn = va_mfn(page_alloc());

	expect_refused("own RAM as DOMID_IO's",
		       map_as(DOMID_IO, mfn, PTE_PAGE));
	expect_refused("own RAM as DOMID_XEN's",
		       map_as(DOMID_XEN, mfn, PTE_PAGE));
	expect_rc("nobody's", map_as(1234, mfn, PTE_PAGE), -XEN_ESRCH);
	expect_rc("idle domain's", map_as(DOMID_IDLE, mfn, PTE_PAGE) < 0, 1);
}

/* I/O memory is no place for tables, descriptors or shared records. */
static void not_a_table(void)
{
	u64 mfn = VGA_MFN;

	expect_refused("pin of VGA memory",
		       mmuext1(MMUEXT_PIN_L1_TABLE, VGA_MFN));
	expect_refused("GDT in VGA memory", set_gdt(&mfn, 512));
	expect_refused("L2 entry to VGA memory",
		       mmu_update1(pte_maddr(test_page(0), 2) + 8,
				   VGA_MFN << 12 | PTE_TABLE));
}

TEST("map-io")
{
	test_l1();
	device_memory();
	interrupt_controllers(0xfee00, "the local APIC");
	interrupt_controllers(0xfec00, "the IO-APIC");
	other_ram();
	own_ram_as_io();
	not_a_table();
}
