// SPDX-License-Identifier: MIT
//
// pt-readonly: no writable mapping of a page table, by any way.
//
// The other half of pin-refuse: once a frame is a table, each call that makes
// or changes a mapping must refuse to make it writable.
//
// Provoked on pinned, linked and loaded tables and on the boot tables, by
// mmu_update, update_va_mapping, a PTE write, a new L1 that holds such an
// entry, and by turning a read-only mapping writable in place. Expected (abi.md
// 4.1): all refused, the entry as before; read-only mappings are fine.

#include "guest.h"

static void by_all_ways(const void *table, const char *what)
{
	u64 maddr = va_maddr(table);
	u64 ro = maddr | PTE_RO, rw = maddr | PTE_PAGE;

	check(test_map(7, ro) == 0, "%s: read-only mapping", what);
	check(*(u64 *)test_page(7) == *(const volatile u64 *)table,
	      "%s: other contents", what);
	check(test_map(7, rw) < 0, "%s: mmu_update made it writable", what);
	check(update_va_mapping(test_page(7), rw, UVMF_INVLPG) < 0,
	      "%s: update_va_mapping made it writable", what);
	check(!try_write(&test_l1()[7], rw),
	      "%s: a PTE write made it "
	      "writable",
	      what);
	check(!try_write8(&test_l1()[7], (u8)(PTE_RO | PTE_RW)),
	      "%s: a byte write made it writable", what);
	check((test_l1()[7] & (PTE_ADDR | PTE_RW)) == maddr,
	      "%s: entry is 0x%lx", what, test_l1()[7]);
	check(test_map(8, rw) < 0 && test_l1()[8] == 0,
	      "%s: a fresh entry made it writable", what);
	u64 *l1 = page_alloc();
	l1[33] = rw;
	page_make_ro(l1);
	check(pin(1, l1) < 0, "%s: an L1 maps it writable", what);
	page_make_rw(l1);
	page_free(l1);
	test_map(7, 0);
}

static void boot_tables(void)
{
	char *va = (char *)start_info->pt_base;

	for (u64 i = 0; i < start_info->nr_pt_frames; i++)
		if (i == 0 || i == start_info->nr_pt_frames - 1)
			by_all_ways(va + i * PAGE_SIZE, "boot table");
}

static void pinned(int level)
{
	u64 *table = table_alloc();

	expect_rc("pin", pin(level, table), 0);
	check(!try_write(table, 0), "a pinned L%d is writable", level);
	by_all_ways(table, "pinned table");
	unpin(table);
	page_make_rw(table);
	page_free(table);
}

TEST("pt-readonly")
{
	test_l1();
	boot_tables();
	for (int level = 2; level <= 4; level++)
		pinned(level);
	by_all_ways((void *)((u64)pte_of(virt_base, 2) & PAGE_MASK),
		    "linked L2");
	user_init();
	by_all_ways(user_l4(), "loaded user root");
}
