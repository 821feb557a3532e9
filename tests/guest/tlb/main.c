// SPDX-License-Identifier: MIT
//
// tlb: flushes do flush, and missing ones do no harm.
//
// The guest says when it needs a flush. The hypervisor must carry it out before
// the call returns; and where the guest does not ask, the hypervisor itself
// must flush before a frame changes hands, or a stale translation lets the
// guest write to a page table.
//
// Provoked by changing an entry that has been used, each flush operation, then
// the access; and by a page that was writable through the TLB when it becomes a
// table. Expected (abi.md 4.3): the access goes by the new entry; bad vCPU
// masks are errors; a stale writable translation never reaches a page table,
// nor a frame that was given back and out again (the flush may be put off so
// long); the same where only one translation seems to be stale, and is not.

#include "guest.h"

static u64 *a, *b;
static volatile u64 *window;

/* Uses the mapping of a, changes it to b without a flush. */
static void prepare(void)
{
	expect_rc("map a", test_map(0, va_maddr(a) | PTE_PAGE), 0);
	mmuext_addr(MMUEXT_INVLPG_LOCAL, window);
	expect_eq("word of a", *window, 1);
	*window = 1;
	expect_rc("map b", test_map(0, va_maddr(b) | PTE_PAGE), 0);
}

static long flush(u32 cmd, const void *mask)
{
	struct mmuext_op op = {
		.cmd = cmd,
		.arg1.linear_addr = (u64)window,
	};

	set_xen_guest_handle(op.arg2.vcpumask, mask);
	return mmuext_op_dom(&op, 1, NULL, DOMID_SELF);
}

static void each_flush(void)
{
	static const u64 mask = 1;
	static const struct {
		const char *name;
		u32 cmd;
	} kinds[] = {
		{"TLB_FLUSH_LOCAL", MMUEXT_TLB_FLUSH_LOCAL},
		{"INVLPG_LOCAL", MMUEXT_INVLPG_LOCAL},
		{"TLB_FLUSH_MULTI", MMUEXT_TLB_FLUSH_MULTI},
		{"INVLPG_MULTI", MMUEXT_INVLPG_MULTI},
		{"TLB_FLUSH_ALL", MMUEXT_TLB_FLUSH_ALL},
		{"INVLPG_ALL", MMUEXT_INVLPG_ALL},
	};

	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		prepare();
		expect_rc(kinds[i].name, flush(kinds[i].cmd, &mask), 0);
		check(*window == 2, "%s: stale", kinds[i].name);
	}
	expect_refused("bad mask",
		       flush(MMUEXT_TLB_FLUSH_MULTI, (void *)0x7000));
	expect_refused("bad mask", flush(MMUEXT_INVLPG_MULTI, (void *)0x7000));
}

/* A CR3 load flushes too; Linux relies on it. */
static void by_baseptr(void)
{
	u64 boot = va_mfn((void *)start_info->pt_base);

	prepare();
	expect_rc("NEW_BASEPTR", mmuext1(MMUEXT_NEW_BASEPTR, boot), 0);
	expect_eq("word after NEW_BASEPTR", *window, 2);
	prepare();
	asm volatile("mov %0, %%cr3" : : "r"(boot << 12) : "memory");
	expect_eq("word after a CR3 write", *window, 2);
}

static void odd_addresses(void)
{
	expect_rc("not canonical",
		  mmuext1(MMUEXT_INVLPG_LOCAL, 0x8000000000000000UL), 0);
	expect_rc("hypervisor's",
		  mmuext1(MMUEXT_INVLPG_LOCAL, 0xffff82d040200000UL), 0);
}

/*
 * The page is written through a second mapping, which is taken away without
 * a flush; then it becomes a page table. The write by the old translation
 * must fault, or (where it is emulated) obey the rules.
 */
static void stale_writes(void)
{
	u64 bad = foreign_mfn(6) << 12 | PTE_PAGE;

	for (int level = 1; level <= 4; level++) {
		u64 *page = page_alloc();
		page_make_ro(page);
		expect_rc("map", test_map(1, va_maddr(page) | PTE_PAGE), 0);
		volatile u64 *stale = test_page(1);
		stale[9] = 0;
		expect_rc("unmap without flush", test_map(1, 0), 0);
		expect_rc("pin", pin(level, page), 0);
		bool wrote = try_write(&stale[9], bad);
		check(!wrote && page[9] == 0,
		      "an L%d was written by a stale "
		      "translation",
		      level);
		expect_rc("unpin", unpin(page), 0);
		page_make_rw(page);
		page_free(page);
	}
}

/*
 * The same, but it is the hypervisor that writes by the old translation, in
 * the very call that makes the page a table: the number of operations done.
 */
static void stale_count(void)
{
	u64 *page = page_alloc();
	struct mmuext_op op = {
		.cmd = MMUEXT_PIN_L1_TABLE,
		.arg1.mfn = va_mfn(page),
	};
	struct mmuext_op other = {
		.cmd = MMUEXT_INVLPG_LOCAL,
		.arg1.linear_addr = (u64)window,
	};
	volatile u64 *stale = test_page(1);
	long rc;

	page_make_ro(page);
	expect_rc("map", test_map(1, va_maddr(page) | PTE_PAGE), 0);
	expect_rc("count",
		  mmuext_op_dom(&other, 1, (u32 *)&stale[9], DOMID_SELF), 0);
	stale[9] = 0;
	expect_rc("unmap without flush", test_map(1, 0), 0);
	rc = mmuext_op_dom(&op, 1, (u32 *)&stale[9], DOMID_SELF);
	check(page[9] == 0, "an L1 was written with the count of a call");
	if (!on_stock_xen()) /* which does not tell */
		expect_refused("count", rc);
	expect_rc("unpin", unpin(page), 0);
	page_make_rw(page);
	page_free(page);
}

#define ALIAS_VA 0x0000028000000000UL /* slot 5 of the L4 */

/* A second way to the first word of ALIAS_VA, by the next entry of a table. */
struct alias {
	int level; /* of that table; 0: there is no second way */
	u64 link; /* the entry's machine address */
	const u64 *below; /* what it leads to */
	u64 va; /* where that shows the word */
};

static void link(const struct alias *to, bool on)
{
	if (to->level)
		expect_rc("link",
			  mmu_update1(to->link,
				      on ? va_maddr(to->below) | PTE_TABLE : 0),
			  0);
}

/*
 * The page is writable at ALIAS_VA only, and by the alias, which is used last.
 * It is made read-only there and becomes a table.
 */
static void protect_and_pin(const struct alias *to, u64 *l1, u64 *page,
			    bool stays)
{
	u64 pte = va_maddr(page) | PTE_PAGE;
	volatile u64 *word = (u64 *)to->va;

	link(to, true);
	expect_rc("map", mmu_update1(va_maddr(l1), pte), 0);
	expect_rc("flush", flush(MMUEXT_TLB_FLUSH_LOCAL, NULL), 0);
	*word = 0;
	if (!stays)
		link(to, false);
	expect_rc("protect",
		  update_va_mapping((void *)ALIAS_VA, pte & ~(u64)PTE_RW, 0),
		  0);
	expect_rc("pin", pin(1, page), 0);
	check(!try_write(word, foreign_mfn(6) << 12 | PTE_PAGE) && *page == 0,
	      "an L1 was written by an alias in an L%d%s", to->level,
	      stays ? "" : " that had gone");
	expect_rc("unpin", unpin(page), 0);
	expect_rc("unmap", mmu_update1(va_maddr(l1), 0), 0);
	link(to, false);
}

/* An INVLPG of ALIAS_VA is enough unless there is a second way. */
static void aliases(void)
{
	u64 *page = page_alloc();
	struct va_chain c;

	chain_build(&c, ALIAS_VA);
	page_make_ro(page);
	const struct alias all[] = {
		{0, 0, NULL, ALIAS_VA},
		{2, va_maddr(&c.l2[1]), c.l1, ALIAS_VA + (1UL << 21)},
		{3, va_maddr(&c.l3[1]), c.l2, ALIAS_VA + (1UL << 30)},
		{4, pte_maddr((void *)ALIAS_VA, 4) + 8, c.l3,
		 ALIAS_VA + (1UL << 39)},
	};
	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		protect_and_pin(&all[i], c.l1, page, true);
		protect_and_pin(&all[i], c.l1, page, false);
	}
	page_make_rw(page);
	page_free(page);
}

static long reservation(u32 cmd, u64 *frame)
{
	struct xen_memory_reservation r = {
		.nr_extents = 1,
		.domid = DOMID_SELF,
	};

	set_xen_guest_handle(r.extent_start, frame);
	return memory_op(cmd, &r);
}

/*
 * The same for a frame that is given back and given out again: by then at the
 * latest no old translation may lead to it.
 */
static void stale_freed(void)
{
	u64 pfn = spare_pfn(), mfn = p2m()[pfn], fresh = 0;

	expect_rc("map", test_map(1, mfn << 12 | PTE_PAGE), 0);
	*(volatile u64 *)test_page(1) = 0x77;
	expect_rc("unmap without flush", test_map(1, 0), 0);
	expect_rc("give back", reservation(XENMEM_decrease_reservation, &mfn),
		  1);
	for (u32 i = 0; i < 1000 && fresh != mfn; i++) {
		fresh = pfn;
		if (reservation(XENMEM_populate_physmap, &fresh) != 1)
			break;
	}
	check(!try_write(test_page(1), 1),
	      "a freed frame (%s) is writable by a stale translation",
	      fresh == mfn ? "in use again" : "not yet in use");
}

TEST("tlb")
{
	a = page_alloc();
	b = page_alloc();
	a[0] = 1;
	b[0] = 2;
	window = test_page(0);
	test_l1();
	each_flush();
	by_baseptr();
	odd_addresses();
	stale_writes();
	stale_count();
	aliases();
	stale_freed();
}
