// SPDX-License-Identifier: MIT
//
// l4-slots: the hypervisor's part of every L4.
//
// Slots 256 to 271 of each root belong to the hypervisor. A guest that could
// put a table there would be the hypervisor.
//
// Provoked by mmu_update of each such slot of the loaded root and of a pinned
// one; by pinning an L4 that has entries of the guest's there; by loading it.
// Expected (abi.md 4.1): updates are refused and change nothing; at validation
// what the guest left there is ignored, so the pin succeeds, and no address in
// the range leads to the guest's table; neighbours 255 and 272 are the guest's.

#include "guest.h"

static void refused_in(u64 *l4)
{
	u64 *l3 = table_alloc();

	expect_rc("pin L3", pin(3, l3), 0);
	for (u32 slot = 256; slot <= 271; slot++) {
		u64 before = *(volatile u64 *)&l4[slot];
		u64 ptr = va_maddr(&l4[slot]);
		check(mmu_update1(ptr, va_maddr(l3) | PTE_TABLE) < 0,
		      "slot %u was set", slot);
		check(mmu_update1(ptr, 0) < 0, "slot %u was cleared", slot);
		check(mmu_update_type(MMU_PT_UPDATE_PRESERVE_AD, ptr, 0) < 0,
		      "slot %u was cleared by type 2", slot);
		check(!try_write(&l4[slot], 0), "slot %u is writable", slot);
		check(*(volatile u64 *)&l4[slot] == before, "slot %u changed",
		      slot);
	}
	for (u32 slot = 255; slot <= 272; slot += 17) {
		u64 ptr = va_maddr(&l4[slot]);
		expect_rc("neighbour",
			  mmu_update1(ptr, va_maddr(l3) | PTE_TABLE), 0);
		expect_rc("neighbour", mmu_update1(ptr, 0), 0);
	}
	expect_rc("unpin L3", unpin(l3), 0);
	page_make_rw(l3);
	page_free(l3);
}

/* A root whose reserved slots the guest has filled with an L3 of its own. */
static void left_behind(void)
{
	u64 *l4 = page_alloc(), *l3 = table_alloc();
	u64 boot = va_mfn((void *)start_info->pt_base), val;

	boot_root_copy(l4);
	for (u32 slot = 256; slot <= 271; slot++)
		l4[slot] = va_maddr(l3) | PTE_TABLE;
	page_make_ro(l4);
	if (!expect_rc("pin with filled slots", pin(4, l4), 0))
		return;
	expect_rc("load", mmuext1(MMUEXT_NEW_BASEPTR, va_mfn(l4)), 0);
	check(!try_read((void *)0xffff878000000000UL, &val),
	      "slot 271 is readable");
	check(m2p()[va_mfn(l4)] == va_pfn(l4), "the M2P moved");
	page_make_rw(l3);
	check(try_write(l3, 0), "the L3 was taken as a table");
	expect_rc("load back", mmuext1(MMUEXT_NEW_BASEPTR, boot), 0);
	refused_in(l4);
	expect_rc("unpin", unpin(l4), 0);
	page_make_rw(l4);
}

/* By address: nothing in the range can be mapped. */
static void by_address(void)
{
	for (u64 slot = 256; slot <= 271; slot++) {
		u64 va = 0xffff000000000000UL | slot << 39;
		expect_refused("update_va_mapping in the range",
			       update_va_mapping((void *)va, 0, 0));
		va += (1UL << 39) - PAGE_SIZE;
		expect_refused("update_va_mapping in the range",
			       update_va_mapping((void *)va, 0, UVMF_INVLPG));
	}
}

TEST("l4-slots")
{
	refused_in((u64 *)start_info->pt_base);
	left_behind();
	by_address();
	hypercall_poke();
}
