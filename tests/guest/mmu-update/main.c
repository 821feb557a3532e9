// SPDX-License-Identifier: MIT
//
// mmu-update: the call that writes page-table entries.
//
// It is the hottest hypercall of all. Linux uses it for every level, on tables
// and (before they are pinned) on ordinary pages; privcmd counts on the number
// done when an entry in the middle of a batch fails.
//
// Provoked by updates of each type and level, good and bad, single and in
// batches. Expected (abi.md 1, 4.3): type 0 and 3 write the entry; type 2 keeps
// A and D that the CPU has set; type 1 see m2p; an update of an ordinary page
// of ours is a plain write; a failed one changes nothing and gives an error; a
// batch stops there, and the count given by pointer says how many were done; a
// null pointer is fine, an unknown owner is not.

#include "guest.h"

static void *page;

static u64 entry(void)
{
	return test_l1()[2] & ~(PTE_G | 0x7ff0000000000000UL);
}

static long update(u64 type, u64 val)
{
	return mmu_update_type(type, va_maddr(&test_l1()[2]), val);
}

static void types(void)
{
	u64 clean = va_maddr(page) | PTE_P | PTE_RW | PTE_US, val;

	expect_rc("type 0", update(0, clean), 0);
	expect_eq("entry", entry(), clean);
	check(try_read(test_page(2), &val), "read by the new entry");
	expect_eq("A after a read", entry(), clean | PTE_A);
	check(try_write(test_page(2), 1), "write by the new entry");
	expect_eq("A and D after a write", entry(), clean | PTE_A | PTE_D);
	expect_rc("type 2", update(2, (clean & ~PTE_RW)), 0);
	expect_eq("A and D are kept", entry(),
		  (clean & ~PTE_RW) | PTE_A | PTE_D);
	expect_rc("type 0", update(0, clean), 0);
	expect_eq("A and D are cleared", entry(), clean);
	expect_rc("type 3", update(3, clean | PTE_A), 0);
	expect_eq("entry by type 3", entry(), clean | PTE_A);
	expect_rc("type 2 of nothing", update(2, 0), 0);
	expect_eq("entry", entry() & PTE_P, 0);
	expect_rc("type 0 of nothing", update(0, 0), 0);
	expect_eq("entry", test_l1()[2], 0);
}

/* Not a table: stored as it is, whatever it would mean. */
static void ordinary_page(void)
{
	u64 *data = page_alloc(), junk = 0xdeadbeefcafe1231UL;

	expect_rc("update of a data page",
		  mmu_update1(va_maddr(&data[17]), junk), 0);
	expect_eq("its word", data[17], junk);
	page_make_ro(data);
	expect_rc("update of a read-only page",
		  mmu_update1(va_maddr(&data[18]), 0x1230), 0);
	expect_eq("its word", data[18], 0x1230);
	page_make_rw(data);
	expect_rc("unmapped page of ours",
		  mmu_update1(spare_mfn() << 12, 0x1230), 0);
	page_free(data);
}

static void bad_targets(void)
{
	u64 good = va_maddr(page) | PTE_PAGE;

	for (u32 n = 0; n < 1000; n += 19)
		expect_refused("foreign frame",
			       mmu_update1(foreign_mfn(n) << 12, good));
	expect_refused("no such frame", mmu_update1(0xfffffffff000UL, good));
	expect_refused("far away", mmu_update1(~0xfffUL, good));
	expect_refused("VGA memory", mmu_update1(0xb8000, good));
	expect_rc("unknown table owner",
		  mmu_update_dom(&(struct mmu_update){0, 0}, 1, NULL,
				 DOMID_SELF | 1235u << 16),
		  -XEN_ESRCH);
	struct mmu_update req = {va_maddr(&test_l1()[2]), good};
	expect_rc("unknown frame owner", mmu_update_dom(&req, 1, NULL, 1234),
		  -XEN_ESRCH);
	expect_eq("entry", test_l1()[2], 0);
}

/* The whole word is one entry: an address between two is no address. */
static void misaligned(void)
{
	u64 *l1 = test_l1(), before = l1[3];
	long rc = mmu_update1(va_maddr(&l1[2]) + 4, va_maddr(page) | PTE_PAGE);

	check(rc < 0 || (l1[2] & PTE_ADDR) == va_maddr(page) || l1[2] == 0,
	      "a misaligned update made 0x%lx", l1[2]);
	expect_eq("the next entry", l1[3], before);
	test_map(2, 0);
}

static void batches(void)
{
	struct mmu_update req[6];
	u64 base = va_maddr(test_l1()), good = va_maddr(page) | PTE_PAGE;
	u32 done = 77;

	for (u32 i = 0; i < 6; i++)
		req[i] = (struct mmu_update){base + (10 + i) * 8, good};
	expect_rc("batch", mmu_update_dom(req, 6, &done, DOMID_SELF), 0);
	expect_eq("done", done, 6);
	for (u32 i = 0; i < 6; i++)
		expect_eq("entry", test_l1()[10 + i] & PTE_ADDR,
			  good & PTE_ADDR);
	for (u32 i = 0; i < 6; i++)
		req[i].val = 0;
	req[4].val = foreign_mfn(1) << 12 | PTE_PAGE;
	done = 77;
	expect_refused("batch with a bad one",
		       mmu_update_dom(req, 6, &done, DOMID_SELF));
	expect_eq("done before the bad one", done, 4);
	expect_eq("entry before it", test_l1()[13], 0);
	expect_eq("the bad one's", test_l1()[14] & PTE_ADDR, good & PTE_ADDR);
	expect_eq("entry behind it", test_l1()[15] & PTE_ADDR, good & PTE_ADDR);
	done = 77;
	expect_rc("empty batch", mmu_update_dom(req, 0, &done, DOMID_SELF), 0);
	expect_eq("done of nothing", done, 0);
	expect_rc("rest", mmu_update_dom(&req[5], 1, NULL, DOMID_SELF), 0);
	expect_rc("rest", test_map(14, 0), 0);
}

/* Long enough to be preempted; every entry must be there in the end. */
static void long_batch(void)
{
	static struct mmu_update req[512];
	u64 base = va_maddr(test_l1());
	u32 done = 0;

	for (u32 round = 0; round < 40; round++) {
		u64 val = round & 1 ? 0 : va_maddr(page) | PTE_PAGE;
		for (u32 i = 0; i < 512; i++)
			req[i] = (struct mmu_update){base + i * 8, val};
		expect_rc("long batch",
			  mmu_update_dom(req, 512, &done, DOMID_SELF), 0);
		expect_eq("done", done, 512);
	}
	for (u32 i = 0; i < 512; i++)
		expect_eq("entry", test_l1()[i], 0);
}

static void upper_levels(void)
{
	struct va_chain c;
	u64 va = 0x0000030000000000UL, val;
	u64 *other = table_alloc();

	chain_build(&c, va);
	expect_rc("L1 entry",
		  mmu_update1(va_maddr(&c.l1[0]), va_maddr(page) | PTE_PAGE),
		  0);
	check(try_read((void *)va, &val), "not mapped");
	expect_rc("L2 entry to another L1",
		  mmu_update1(va_maddr(&c.l2[0]), va_maddr(other) | PTE_TABLE),
		  0);
	mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0);
	check(!try_read((void *)va, &val), "the old L1 is still used");
	expect_rc("L3 entry off", mmu_update1(va_maddr(&c.l3[0]), 0), 0);
	expect_rc("L4 entry off", mmu_update1(pte_maddr((void *)va, 4), 0), 0);
	page_make_rw(c.l1);
	page_make_rw(c.l2);
	page_make_rw(c.l3);
	page_make_rw(other);
}

TEST("mmu-update")
{
	page = page_alloc();
	test_l1();
	types();
	ordinary_page();
	bad_targets();
	misaligned();
	batches();
	long_batch();
	upper_levels();
}
