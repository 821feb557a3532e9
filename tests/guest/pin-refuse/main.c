// SPDX-License-Identifier: MIT
//
// pin-refuse: pages that must not become page tables.
//
// A page table that the guest can write, or one entry that leads to memory that
// is not the guest's, is the end of isolation.
//
// Provoked by pinning a page with a writable mapping, with one bad entry at
// each level, of the wrong level, of another type, of another owner. Expected
// (abi.md 4.1): an error each time, nothing changed: the page is an ordinary
// one after the refusal, and pins when the mistake is taken away.

#include "guest.h"

static void writable_mapping(void)
{
	u64 *page = page_alloc();

	for (int level = 1; level <= 4; level++)
		expect_refused("pin of a writable page", pin(level, page));
	check(try_write(page, 1), "the page lost its writable mapping");
	page[0] = 0;
	/* A second, writable mapping of a page that is read-only here. */
	page_make_ro(page);
	expect_rc("second mapping", test_map(3, va_maddr(page) | PTE_PAGE), 0);
	expect_refused("pin with a second writable mapping", pin(1, page));
	expect_rc("its removal", test_map(3, 0), 0);
	expect_rc("pin", pin(1, page), 0);
	expect_rc("unpin", unpin(page), 0);
	page_make_rw(page);
	page_free(page);
}

/* One bad entry, the last one, with good ones before it. */
static void bad_entry(int level, u64 bad, const char *what)
{
	u64 *page = page_alloc(), *good = page_alloc();

	if (level == 1) {
		page[0] = va_maddr(good) | PTE_PAGE;
	} else {
		page_make_ro(good);
		page[0] = va_maddr(good) | PTE_TABLE;
	}
	page[511] = bad;
	page_make_ro(page);
	check(pin(level, page) < 0, "pin of an L%d with %s", level, what);
	page_make_rw(page);
	check(try_write(&page[511], 0), "an L%d with %s after the refusal",
	      level, what);
	page_make_ro(page);
	expect_rc("pin without the bad entry", pin(level, page), 0);
	expect_rc("unpin", unpin(page), 0);
	page_make_rw(page);
	page_make_rw(good);
	page_free(page);
	page_free(good);
}

static void bad_entries(int level)
{
	u64 *writable = page_alloc();
	u64 own_l4 = va_maddr((void *)start_info->pt_base);
	u64 kind = level == 1 ? PTE_PAGE : PTE_TABLE;

	bad_entry(level, foreign_mfn(0) << 12 | kind, "a foreign frame");
	bad_entry(level, foreign_mfn(500) << 12 | kind, "a foreign frame");
	bad_entry(level, 1UL << 51 | kind, "a reserved address bit");
	bad_entry(level, 0xfffffff000000UL | kind, "no such frame");
	if (level == 1)
		bad_entry(level, own_l4 | PTE_PAGE, "a writable L4");
	else
		bad_entry(level, va_maddr(writable) | kind,
			  "a writable page as a table");
	if (level > 1)
		bad_entry(level, va_maddr(writable) | kind | PTE_PSE, "PSE");
	page_free(writable);
}

static void type_conflicts(void)
{
	u64 *page = table_alloc();
	u64 l4 = va_mfn((void *)start_info->pt_base);

	for (int a = 1; a <= 4; a++) {
		expect_rc("pin", pin(a, page), 0);
		for (int b = 1; b <= 4; b++)
			expect_refused("pin as a second type", pin(b, page));
		u64 mfn = va_mfn(page);
		expect_refused("table as a GDT", set_gdt(&mfn, 512));
		expect_rc("unpin", unpin(page), 0);
	}
	expect_refused("the boot L4 as an L3",
		       mmuext1(MMUEXT_PIN_L3_TABLE, l4));
	expect_refused("the boot L4 as an L1",
		       mmuext1(MMUEXT_PIN_L1_TABLE, l4));
	page_make_rw(page);
	page_free(page);
}

/* L3 below L3, L1 below L3, L4 below L4: levels do not skip. */
static void wrong_levels(void)
{
	u64 *inner = table_alloc(), *outer = page_alloc();

	for (int a = 1; a <= 4; a++)
		for (int b = 2; b <= 4; b++) {
			if (a == b - 1 || a == b)
				continue;
			expect_rc("pin", pin(a, inner), 0);
			outer[9] = va_maddr(inner) | PTE_TABLE;
			page_make_ro(outer);
			check(pin(b, outer) < 0, "an L%d below an L%d", a, b);
			page_make_rw(outer);
			expect_rc("unpin", unpin(inner), 0);
		}
}

static void bad_frames(void)
{
	for (u32 cmd = MMUEXT_PIN_L1_TABLE; cmd <= MMUEXT_UNPIN_TABLE; cmd++) {
		expect_refused("foreign frame", mmuext1(cmd, foreign_mfn(3)));
		expect_refused("no such frame", mmuext1(cmd, 0xfffffffff));
		expect_refused("frame -1", mmuext1(cmd, ~0UL));
		expect_refused("VGA memory", mmuext1(cmd, 0xb8));
	}
	struct mmuext_op op = {
		.cmd = MMUEXT_PIN_L1_TABLE,
		.arg1.mfn = va_mfn(table_alloc()),
	};
	expect_refused("own frame as another's",
		       mmuext_op_dom(&op, 1, NULL, 1234));
}

TEST("pin-refuse")
{
	writable_mapping();
	for (int level = 1; level <= 4; level++)
		bad_entries(level);
	type_conflicts();
	wrong_levels();
	bad_frames();
}
