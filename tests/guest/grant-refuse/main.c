// SPDX-License-Identifier: MIT
//
// grant-refuse: maps that must not be, and unmapping of what is not there.
//
// Provoked by entries that do not permit, name somebody else or frames that
// are not ours, by addresses without a page table, by bad handles, and by a
// guest that clears or changes the page-table entry behind the interface's
// back. Expected (abi.md 5.4): the status of each that stock Xen gives; nothing
// is mapped and nothing marked as used; a map once cleared otherwise keeps the
// grant in use but not the frame mapped.

#include "guest.h"
#include "grant.h"

#define PERMIT GTF_permit_access
#define HOST GNTMAP_host_map

static u64 *page;

static u64 at(u32 n)
{
	return (u64)test_page(n);
}

static void maps(void)
{
	u64 mine = va_mfn(page), pte = va_maddr(&test_l1()[0]);
	const struct {
		const char *what;
		u16 flags;
		domid_t user;
		u64 mfn, addr;
		u32 how;
		int status;
	} bad[] = {
		{"nothing granted", 0, SELF, mine, at(0), HOST,
		 GNTST_general_error},
		{"transfer", GTF_accept_transfer, SELF, mine, at(0), HOST,
		 GNTST_general_error},
		{"for another", PERMIT, 77, mine, at(0), HOST,
		 GNTST_general_error},
		{"read-only", PERMIT | GTF_readonly, SELF, mine, at(0), HOST,
		 GNTST_general_error},
		{"foreign frame", PERMIT, SELF, foreign_mfn(7), at(0), HOST,
		 GNTST_bad_page},
		{"no frame", PERMIT, SELF, 0xfffffff0, at(0), HOST,
		 GNTST_bad_page},
		{"no table", PERMIT, SELF, mine, 0x0000500000000000, HOST,
		 GNTST_general_error},
		{"reserved address", PERMIT, SELF, mine, 0xffff820000000000,
		 HOST, GNTST_general_error},
		{"odd entry", PERMIT, SELF, mine, pte + 4,
		 HOST | GNTMAP_contains_pte, GNTST_general_error},
		{"entry in a page", PERMIT, SELF, mine, va_maddr(page),
		 HOST | GNTMAP_contains_pte, GNTST_general_error},
		{"no way", PERMIT, SELF, mine, at(0), GNTMAP_readonly,
		 GNTST_bad_gntref},
	};
	struct gnttab_map_grant_ref op;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		grant_set(20, bad[i].flags, bad[i].user, bad[i].mfn);
		expect_rc(bad[i].what,
			  grant_map(&op, 20, bad[i].addr, bad[i].how),
			  bad[i].status);
		expect_eq(bad[i].what, grant_entry(20)->flags, bad[i].flags);
		expect_eq("entry", test_l1()[0], 0);
	}
	expect_rc("no such entry", grant_map(&op, 0x7fffffff, at(0), HOST),
		  GNTST_bad_gntref);
	op.ref = 20;
	op.dom = 1234;
	grant_table_op(GNTTABOP_map_grant_ref, &op, 1);
	expect_rc("nobody", op.status, GNTST_bad_domain);
	op.dom = DOMID_SELF;
	grant_table_op(GNTTABOP_map_grant_ref, &op, 1);
	expect_rc("DOMID_SELF", op.status, GNTST_bad_domain);
	expect_rc("a bad list",
		  grant_table_op(GNTTABOP_map_grant_ref, (void *)0x7000, 1),
		  -XEN_EFAULT);
	expect_rc("no list", grant_table_op(GNTTABOP_map_grant_ref, &op, 0), 0);
	expect_rc("a huge list",
		  grant_table_op(GNTTABOP_map_grant_ref, &op, 0x80000000),
		  -XEN_EINVAL);
}

static void unmaps(void)
{
	struct gnttab_map_grant_ref op;

	grant_page(21, PERMIT, page);
	expect_rc("no such handle", grant_unmap(12345, at(0), 0),
		  GNTST_bad_handle);
	expect_rc("no such handle", grant_unmap(~0u, at(0), 0),
		  GNTST_bad_handle);
	expect_rc("map", grant_map(&op, 21, at(0), HOST), 0);
	expect_rc("elsewhere", grant_unmap(op.handle, at(1), 0),
		  GNTST_general_error);
	expect_rc("nothing", grant_unmap(op.handle, 0, 0), 0);
	*(volatile u64 *)test_page(0) = 5;
	expect_rc("unmap, no device", grant_unmap(op.handle, at(0), 0x1000), 0);
	expect_rc("map", grant_map(&op, 21, at(0), HOST | GNTMAP_device_map),
		  0);
	expect_rc("wrong bus address", grant_unmap(op.handle, at(0), 0x1000),
		  GNTST_bad_dev_addr);
	*(volatile u64 *)test_page(0) = 5;
	expect_rc("unmap", grant_unmap(op.handle, at(0), op.dev_bus_addr), 0);
	expect_eq("flags", grant_entry(21)->flags, PERMIT);
}

/* The granter goes back on it: old maps stay, new ones are refused. */
static void taken_back(void)
{
	struct gnttab_map_grant_ref op, two;

	grant_page(22, PERMIT, page);
	expect_rc("map", grant_map(&op, 22, at(0), HOST), 0);
	grant_set(22, 0, SELF, va_mfn(page));
	int status = grant_map(&two, 22, at(1), HOST);
	/* Stock Xen looks at the entry for the first map only. */
	if (on_stock_xen() && status == 0)
		grant_unmap(two.handle, at(1), 0);
	else
		expect_rc("another map", status, GNTST_general_error);
	*(volatile u64 *)test_page(0) = 7;
	expect_eq("the page", page[0], 7);
	expect_rc("unmap", grant_unmap(op.handle, at(0), 0), 0);
	expect_eq("flags", grant_entry(22)->flags, 0);
}

/* Without asking: the mapping goes, the use of the grant stays. */
static void cleared(void)
{
	u64 *frame = page_alloc();
	struct gnttab_map_grant_ref op;

	page_make_ro(frame);
	grant_page(23, PERMIT, frame);
	expect_rc("map", grant_map(&op, 23, at(2), HOST), 0);
	expect_rc("clear", test_map(2, 0), 0);
	mmuext_addr(MMUEXT_INVLPG_LOCAL, test_page(2));
	expect_rc("unmap", grant_unmap(op.handle, at(2), 0),
		  GNTST_general_error);
	expect_eq("flags", grant_entry(23)->flags,
		  PERMIT | GTF_reading | GTF_writing);
	expect_rc("the frame is free to be a table", pin(1, frame), 0);
	expect_rc("unpin", unpin(frame), 0);
}

static void other_operations(void)
{
	struct gnttab_set_version v = {.version = 1};
	struct gnttab_get_version g = {.dom = DOMID_SELF};

	expect_rc("set_version 1", grant_table_op(GNTTABOP_set_version, &v, 1),
		  0);
	expect_rc("get_version", grant_table_op(GNTTABOP_get_version, &g, 1),
		  0);
	expect_eq("version", g.version, 1);
	expect_rc("no such operation", grant_table_op(99, &v, 1), -XEN_ENOSYS);
}

TEST("grant-refuse")
{
	page = page_alloc();
	test_l1();
	maps();
	unmaps();
	taken_back();
	cleared();
	other_operations();
}
