// SPDX-License-Identifier: MIT
//
// grant-map: mapping and unmapping one's own frames by grant.
//
// It is how back ends reach the pages of their front ends. The granter must be
// able to see in the entry that its page is in use, and take it back only when
// no translation is left.
//
// Provoked by maps of a page by address and by entry, read-only and writable,
// for a device, several at once, and in a list; then unmapped. Expected (abi.md
// 5.4): the page-table entry leads to the frame, with the rights and the spare
// bits asked for; reading and writing show in the granter's entry while, and
// only while, there is such a map; after unmapping the entry is zero and the
// old translation is gone; a frame mapped writable cannot become a table.

#include "guest.h"
#include "grant.h"

#define PERMIT GTF_permit_access
#define IN_USE (GTF_reading | GTF_writing)
#define AVAIL(bits) ((u32)(bits) << _GNTMAP_guest_avail0)

static u64 *page;

static u64 at(u32 n)
{
	return (u64)test_page(n);
}

static void expect_flags(const char *what, u32 ref, u16 want)
{
	expect_eq(what, grant_entry(ref)->flags, want);
}

static void expect_gone(u32 n)
{
	u64 val;

	expect_eq("entry", test_l1()[n], 0);
	check(!try_read(test_page(n), &val), "readable after the unmap");
}

static void by_address(void)
{
	struct gnttab_map_grant_ref op;
	volatile u64 *window = test_page(0);

	page[1] = 0x11;
	grant_page(20, PERMIT, page);
	expect_rc("map", grant_map(&op, 20, at(0), GNTMAP_host_map), 0);
	expect_eq("bus address", op.dev_bus_addr, va_maddr(page));
	expect_eq("entry", test_l1()[0] & (PTE_ADDR | PTE_P | PTE_RW),
		  va_maddr(page) | PTE_P | PTE_RW);
	expect_eq("word", window[1], 0x11);
	window[2] = 0x22;
	expect_eq("word", page[2], 0x22);
	expect_flags("mapped", 20, PERMIT | IN_USE);
	expect_rc("unmap", grant_unmap(op.handle, at(0), 0), 0);
	expect_gone(0);
	expect_flags("unmapped", 20, PERMIT);
	expect_rc("again", grant_unmap(op.handle, at(0), 0), GNTST_bad_handle);
}

static void by_entry(void)
{
	u64 pte = va_maddr(&test_l1()[1]), val;
	u32 how = GNTMAP_host_map | GNTMAP_contains_pte | GNTMAP_readonly |
		  GNTMAP_application_map | AVAIL(5);
	struct gnttab_map_grant_ref op;

	grant_page(21, PERMIT | GTF_readonly, page);
	expect_rc("map", grant_map(&op, 21, pte, how), 0);
	expect_eq("entry", test_l1()[1] & (PTE_ADDR | PTE_P | PTE_RW | 0xe00),
		  va_maddr(page) | PTE_P | 5 << 9);
	check(try_read(test_page(1), &val) && val == page[0], "not readable");
	check(!try_write(test_page(1), 1), "a read-only map was written to");
	expect_flags("mapped", 21, PERMIT | GTF_readonly | GTF_reading);
	expect_rc("unmap", grant_unmap(op.handle, pte, 0), 0);
	expect_gone(1);
	expect_flags("unmapped", 21, PERMIT | GTF_readonly);
}

static void several(void)
{
	struct gnttab_map_grant_ref a, b, c;

	grant_page(22, PERMIT, page);
	expect_rc("a",
		  grant_map(&a, 22, at(0), GNTMAP_host_map | GNTMAP_readonly),
		  0);
	expect_flags("one reader", 22, PERMIT | GTF_reading);
	expect_rc("b", grant_map(&b, 22, at(1), GNTMAP_host_map), 0);
	expect_rc("c", grant_map(&c, 22, at(2), GNTMAP_host_map), 0);
	expect_flags("writers too", 22, PERMIT | IN_USE);
	expect_rc("unmap b", grant_unmap(b.handle, at(1), 0), 0);
	expect_flags("one writer left", 22, PERMIT | IN_USE);
	expect_rc("unmap c", grant_unmap(c.handle, at(2), 0), 0);
	expect_flags("no writer left", 22, PERMIT | GTF_reading);
	expect_rc("unmap a", grant_unmap(a.handle, at(0), 0), 0);
	expect_flags("nobody left", 22, PERMIT);
}

static void for_a_device(void)
{
	struct gnttab_map_grant_ref op;

	grant_page(23, PERMIT, page);
	expect_rc(
		"map",
		grant_map(&op, 23, at(0), GNTMAP_host_map | GNTMAP_device_map),
		0);
	expect_eq("bus address", op.dev_bus_addr, va_maddr(page));
	expect_rc("host part", grant_unmap(op.handle, at(0), 0), 0);
	expect_gone(0);
	expect_flags("device part left", 23, PERMIT | IN_USE);
	expect_rc("device part", grant_unmap(op.handle, 0, op.dev_bus_addr), 0);
	expect_flags("unmapped", 23, PERMIT);
}

/* While somebody can write to it, no page becomes a page table. */
static void no_table_meanwhile(void)
{
	u64 *frame = page_alloc();
	struct gnttab_map_grant_ref op;

	page_make_ro(frame);
	grant_page(24, PERMIT, frame);
	expect_rc("map", grant_map(&op, 24, at(0), GNTMAP_host_map), 0);
	expect_refused("pin", pin(1, frame));
	expect_rc("unmap", grant_unmap(op.handle, at(0), 0), 0);
	expect_rc("pin", pin(1, frame), 0);
	expect_rc("map of a table", grant_map(&op, 24, at(0), GNTMAP_host_map),
		  GNTST_general_error);
	expect_flags("refused", 24, PERMIT);
	expect_rc("read-only map of a table",
		  grant_map(&op, 24, at(0), GNTMAP_host_map | GNTMAP_readonly),
		  0);
	expect_rc("unmap", grant_unmap(op.handle, at(0), 0), 0);
	expect_rc("unpin", unpin(frame), 0);
	page_make_rw(frame);
}

#define LIST 100

static void list(void)
{
	static struct gnttab_map_grant_ref m[LIST];
	static struct gnttab_unmap_grant_ref u[LIST];

	for (u32 i = 0; i < LIST; i++) {
		grant_page(30 + i, PERMIT, page);
		m[i] = (struct gnttab_map_grant_ref){
			.dom = SELF,
			.ref = 30 + i,
			.host_addr = at(i),
			.flags = GNTMAP_host_map,
		};
	}
	m[50].ref = 0x7fffffff;
	expect_rc("map", grant_table_op(GNTTABOP_map_grant_ref, m, LIST), 0);
	for (u32 i = 0; i < LIST; i++) {
		expect_rc("status", m[i].status,
			  i == 50 ? GNTST_bad_gntref : 0);
		if (i != 50)
			*(volatile u64 *)test_page(i) = i;
		u[i] = (struct gnttab_unmap_grant_ref){
			.handle = i == 50 ? 0x7fffffff : m[i].handle,
			.host_addr = at(i),
		};
	}
	expect_eq("the page", page[0], LIST - 1);
	expect_rc("unmap", grant_table_op(GNTTABOP_unmap_grant_ref, u, LIST),
		  0);
	for (u32 i = 0; i < LIST; i++) {
		expect_rc("status", u[i].status,
			  i == 50 ? GNTST_bad_handle : 0);
		expect_gone(i);
		expect_flags("unmapped", 30 + i, PERMIT);
	}
}

TEST("grant-map")
{
	page = page_alloc();
	test_l1();
	by_address();
	by_entry();
	several();
	for_a_device();
	no_table_meanwhile();
	list();
}
