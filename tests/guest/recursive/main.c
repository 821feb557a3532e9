// SPDX-License-Identifier: MIT
//
// recursive: an L4 that maps itself.
//
// Some kernels see their page tables through a slot of the L4 that points to
// the L4 itself. Read-only that is harmless; writable it would hand out all
// tables. It is also the case in which a table holds a reference to itself,
// which must not keep it from ever being freed.
//
// Provoked by entries to itself in the loaded root and in one that is pinned
// and dropped. Expected: the read-only form is accepted (or refused as a whole,
// which a hypervisor is free to do), shows the tables at their computed
// addresses and faults on writes; the writable form is refused; after the entry
// is gone, or the table unpinned with it, the page can be reused.

#include "guest.h"

#define SLOT 300UL
#define L4_VA                                                          \
	(0xffff000000000000UL | SLOT << 39 | SLOT << 30 | SLOT << 21 | \
	 SLOT << 12)

static void writable_refused(u64 *l4)
{
	u64 ptr = va_maddr(&l4[SLOT]);

	expect_refused("writable self-map",
		       mmu_update1(ptr, va_maddr(l4) | PTE_TABLE));
	expect_refused("writable self-map without A",
		       mmu_update1(ptr, va_maddr(l4) | PTE_P | PTE_RW));
	expect_eq("entry", l4[SLOT], 0);
}

static bool self_map(u64 *l4)
{
	u64 pte = va_maddr(l4) | PTE_P | PTE_US | PTE_A;

	return mmu_update1(va_maddr(&l4[SLOT]), pte) == 0;
}

static void loaded_root(u64 *l4)
{
	const volatile u64 *window = (const u64 *)L4_VA;
	u32 own = (u64)virt_base >> 39 & 511;

	if (!self_map(l4)) {
		say("recursive: self-maps are refused as a whole");
		return;
	}
	expect_eq("L4 by the window", window[own] & PTE_ADDR,
		  l4[own] & PTE_ADDR);
	check(!try_write((void *)&window[0], 0), "the window is writable");
	check(fault.vector == X86_PF && (fault.error & PF_W), "its fault");
	check(!try_write((void *)&window[SLOT], 0), "the slot is writable");
	expect_rc("removal", mmu_update1(va_maddr(&l4[SLOT]), 0), 0);
	mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0);
	u64 val;
	check(!try_read((void *)&window[own], &val), "the window stays");
}

static void pinned_root(void)
{
	u64 *l4 = table_alloc();

	for (u32 i = 0; i < 3; i++) {
		expect_rc("pin", pin(4, l4), 0);
		writable_refused(l4);
		if (i != 1)
			self_map(l4);
		expect_rc("unpin", unpin(l4), 0);
		expect_rc("pin again", pin(4, l4), 0);
		mmu_update1(va_maddr(&l4[SLOT]), 0);
		expect_rc("unpin again", unpin(l4), 0);
		page_make_rw(l4);
		check(try_write(&l4[SLOT], 0), "the page stays a table");
		page_make_ro(l4);
	}
}

/* Present at validation rather than put in later. */
static void at_validation(void)
{
	u64 *l4 = page_alloc();

	l4[SLOT] = va_maddr(l4) | PTE_TABLE;
	page_make_ro(l4);
	expect_refused("pin with a writable self-map", pin(4, l4));
	page_make_rw(l4);
	l4[SLOT] = va_maddr(l4) | PTE_P | PTE_US | PTE_A;
	page_make_ro(l4);
	if (pin(4, l4) == 0)
		expect_rc("unpin", unpin(l4), 0);
	page_make_rw(l4);
	check(try_write(l4, 0), "the page stays a table");
}

TEST("recursive")
{
	u64 *boot = (u64 *)start_info->pt_base;

	writable_refused(boot);
	loaded_root(boot);
	pinned_root();
	at_validation();
}
