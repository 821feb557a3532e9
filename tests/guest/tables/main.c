// SPDX-License-Identifier: MIT
//
// tables: the page tables that the builder makes.
//
// Linux takes the boot tables over: it walks them, reads them by their
// mappings, pins and links them further. Nothing of a table may be writable,
// else the guest could forge entries; everything else must be writable and
// executable, since Linux patches its own text in its first C function.
//
// Provoked by walking all tables from pt_base. Expected (abi.md 2.2): tables
// are the nr_pt_frames pages at pt_base, each mapped read-only; VAs from
// virt_base to the end map PFN 0, 1, 2 ... with P|RW|US|A|D and no NX; upper
// levels are P|RW|US|A(|D); the rest of the L4 is empty; a write to a table
// above L1 faults with error code 3 (a write to an L1 would be emulated).

#include "guest.h"

/* Software bits are the hypervisor's own: 9-11 and 52-62. */
#define HARD_FLAGS \
	(PTE_P | PTE_RW | PTE_US | PTE_PWT | PTE_PCD | PTE_PSE | PTE_G | PTE_NX)

static bool is_table(const void *va)
{
	u64 off = (u64)va - start_info->pt_base;

	return off < start_info->nr_pt_frames * PAGE_SIZE;
}

static void upper_levels(void)
{
	u64 va = (u64)virt_base;

	for (int level = 4; level > 1; level--) {
		u64 e = *pte_of((void *)va, level);
		u64 expect = PTE_P | PTE_RW | PTE_US;

		/* What keeps users out of a kernel on the same root. */
		if (level == 4 && behind_open_gate())
			expect &= ~PTE_US;
		if (level < 4 || (e & (PTE_A | PTE_D)))
			check(e & PTE_A, "level %d entry lacks A", level);
		expect_eq("upper level flags", e & HARD_FLAGS, expect);
		check(is_table(mfn_va((e & PTE_ADDR) >> 12)),
		      "level %d table is not in pt_base's area", level);
	}
}

static void page(u64 va)
{
	u64 e = *pte_of((void *)va, 1);
	u64 rw = is_table((void *)va) ? 0 : PTE_RW;

	check((e & HARD_FLAGS) == (PTE_P | PTE_US | rw),
	      "entry of 0x%lx is 0x%lx", va, e);
	check((e & PTE_ADDR) >> 12 == va_mfn((void *)va),
	      "0x%lx maps MFN 0x%lx, not 0x%lx", va, (e & PTE_ADDR) >> 12,
	      va_mfn((void *)va));
}

static void empty_slots(void)
{
	const u64 *l4 = (const u64 *)start_info->pt_base;
	u32 own = (u64)virt_base >> 39 & 511;

	for (u32 i = 0; i < 512; i++)
		if (i != own && (i < 256 || i > 271))
			check(l4[i] == 0, "L4[%u] = 0x%lx", i, l4[i]);
}

/* Writes to an L1 would be emulated, so only the levels above are tried. */
static void writes_fault(void)
{
	for (int level = 4; level > 1; level--) {
		u64 table = (u64)pte_of(virt_base, level) & PAGE_MASK;
		char *va = (char *)table + 0xff8;
		if (try_write8(va, 0))
			check_failed("a level %d table is writable", level);
		else
			expect_page_fault("write to a table", PF_P | PF_W, va);
	}
}

TEST("tables")
{
	upper_levels();
	for (u64 va = (u64)virt_base; va < mapped_end(); va += PAGE_SIZE)
		if (va != (u64)&shared_info)
			page(va);
	empty_slots();
	writes_fault();
}
