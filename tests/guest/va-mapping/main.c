// SPDX-License-Identifier: MIT
//
// va-mapping: update_va_mapping, one L1 entry by its address.
//
// Linux's second way to set an entry, and with multicalls the way it maps
// kernel pages. The flush flags come with the update; what they name must see
// the new entry.
//
// Provoked with each flag, on addresses with and without an L1, in the
// hypervisor's range, with bad frames, and with a vCPU mask. Expected (abi.md
// 4.3): the entry of the loaded root changes; no L1 or a reserved address gives
// -EINVAL; bad frames are refused and the entry stays; the flush happens.

#include "guest.h"

static u64 *a, *b;

static void expect_word(const char *what, u64 want)
{
	u64 got = 0;

	check(try_read(test_page(0), &got) && got == want,
	      "%s: read %lu, want %lu", what, got, want);
}

/* Both pages in turn, so that a stale translation shows. */
static void flags(void)
{
	static u64 mask = 1;
	const u64 kinds[] = {
		UVMF_INVLPG | UVMF_LOCAL, UVMF_TLB_FLUSH | UVMF_LOCAL,
		UVMF_INVLPG | UVMF_ALL,   UVMF_TLB_FLUSH | UVMF_ALL,
		UVMF_INVLPG | (u64)&mask, UVMF_TLB_FLUSH | (u64)&mask,
	};

	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		expect_rc("map a",
			  update_va_mapping(test_page(0),
					    va_maddr(a) | PTE_PAGE, kinds[i]),
			  0);
		expect_word("a", 1);
		expect_rc("map b",
			  update_va_mapping(test_page(0),
					    va_maddr(b) | PTE_PAGE, kinds[i]),
			  0);
		expect_word("b", 2);
	}
	expect_rc("unmap", update_va_mapping(test_page(0), 0, UVMF_INVLPG), 0);
	u64 val;
	check(!try_read(test_page(0), &val), "readable after the unmap");
}

static void refused(void)
{
	u64 pte = va_maddr(a) | PTE_PAGE;
	void *hole = (void *)0x0000500000000000UL;

	expect_rc("no L1", update_va_mapping(hole, pte, 0), -XEN_EINVAL);
	expect_rc("not canonical",
		  update_va_mapping((void *)0x0000800000000000UL, pte, 0),
		  -XEN_EINVAL);
	expect_refused("foreign frame",
		       update_va_mapping(test_page(0),
					 foreign_mfn(9) << 12 | PTE_PAGE, 0));
	expect_refused(
		"reserved bits",
		update_va_mapping(test_page(0), 1UL << 51 | PTE_PAGE, 0));
	expect_eq("entry", test_l1()[0], 0);
	expect_refused(
		"bad mask pointer",
		update_va_mapping(test_page(0), 0, UVMF_INVLPG | 0x7000));
}

/* The low bits of the address do not matter. */
static void any_byte_of_the_page(void)
{
	expect_rc("map",
		  update_va_mapping((char *)test_page(0) + 0xabc,
				    va_maddr(a) | PTE_PAGE, UVMF_INVLPG),
		  0);
	expect_word("a", 1);
	expect_rc("for another domain",
		  HCALL(update_va_mapping_otherdomain, test_page(0), 0, 0,
			1234) < 0,
		  1);
}

/* A kernel page of the boot area, back and forth. */
static void boot_area(void)
{
	u64 *page = page_alloc(), val;

	page[0] = 5;
	expect_rc("off", update_va_mapping(page, 0, UVMF_INVLPG), 0);
	check(!try_read(page, &val), "readable when off");
	expect_page_fault("read", 0, page);
	expect_rc(
		"on",
		update_va_mapping(page, va_maddr(page) | PTE_PAGE, UVMF_INVLPG),
		0);
	expect_eq("contents", page[0], 5);
}

TEST("va-mapping")
{
	a = page_alloc();
	b = page_alloc();
	a[0] = 1;
	b[0] = 2;
	test_l1();
	flags();
	refused();
	any_byte_of_the_page();
	boot_area();
}
