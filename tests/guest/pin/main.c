// SPDX-License-Identifier: MIT
//
// pin: page tables become and cease to be page tables.
//
// Before a table is used, its frame changes type from "writable" to "L1-L4
// table", which the hypervisor grants after looking at each entry, and which
// holds as long as the table is pinned, linked or loaded. Linux pins the L4 of
// each process, and turns the pages back into ordinary ones when it ends.
//
// Provoked by pinning chains of tables from each level, linking and unlinking.
// Expected (abi.md 4.1, 4.3): a read-only page with good entries pins, and then
// validates all below it; it pins once and unpins once; while pinned or linked
// below a pinned table no page of the chain may be mapped writable; afterwards
// each may, at once; a table that is pinned itself stays a table when its
// parents go.

#include "guest.h"

static bool can_be_writable(const void *va)
{
	long rc = update_va_mapping(va, va_maddr(va) | PTE_PAGE, UVMF_INVLPG);

	if (rc == 0)
		page_make_ro(va);
	return rc == 0;
}

static void one_level(int level)
{
	u64 *table = table_alloc();

	for (u32 i = 0; i < 3; i++) {
		expect_rc("pin", pin(level, table), 0);
		check(!can_be_writable(table), "a pinned L%d is writable",
		      level);
		expect_refused("second pin", pin(level, table));
		expect_rc("unpin", unpin(table), 0);
		expect_refused("second unpin", unpin(table));
		check(can_be_writable(table),
		      "an unpinned L%d stays "
		      "read-only",
		      level);
	}
	page_make_rw(table);
	page_free(table);
}

/* A chain L4 > L3 > L2 > L1 > data, made while all are ordinary pages. */
struct chain {
	u64 *table[5];
	u64 *data;
};

static void chain_make(struct chain *c)
{
	c->data = page_alloc();
	for (int level = 1; level <= 4; level++) {
		u64 below = level == 1
				    ? va_maddr(c->data) | PTE_PAGE
				    : va_maddr(c->table[level - 1]) | PTE_TABLE;
		c->table[level] = page_alloc();
		c->table[level][0] = below;
	}
	for (int level = 1; level <= 4; level++)
		page_make_ro(c->table[level]);
}

static void chain_free(struct chain *c)
{
	for (int level = 1; level <= 4; level++) {
		page_make_rw(c->table[level]);
		page_free(c->table[level]);
	}
	page_free(c->data);
}

static void chain_from(int top)
{
	struct chain c;

	chain_make(&c);
	expect_rc("pin of a chain", pin(top, c.table[top]), 0);
	for (int level = 1; level <= 4; level++)
		check(can_be_writable(c.table[level]) == (level > top),
		      "L%d below a pinned L%d", level, top);
	check(update_va_mapping(c.data, va_maddr(c.data) | PTE_RO,
				UVMF_INVLPG) == 0,
	      "data page");
	expect_refused("pin of a page that a table maps writable",
		       pin(1, c.data));
	page_make_rw(c.data);
	expect_rc("unpin of a chain", unpin(c.table[top]), 0);
	for (int level = 1; level <= 4; level++)
		check(can_be_writable(c.table[level]), "L%d after the unpin",
		      level);
	chain_free(&c);
}

static void inner_pin_stays(void)
{
	struct chain c;

	chain_make(&c);
	expect_rc("pin L1", pin(1, c.table[1]), 0);
	expect_rc("pin L4", pin(4, c.table[4]), 0);
	expect_rc("unpin L4", unpin(c.table[4]), 0);
	check(!can_be_writable(c.table[1]), "the L1 lost its own pin");
	check(can_be_writable(c.table[2]), "the L2 is still a table");
	expect_rc("unpin L1", unpin(c.table[1]), 0);
	check(can_be_writable(c.table[1]), "the L1 is still a table");
	chain_free(&c);
}

/* Unlinking from a live table releases what hung below. */
static void unlinked(void)
{
	struct chain c;

	chain_make(&c);
	expect_rc("pin L4", pin(4, c.table[4]), 0);
	expect_rc("unlink L2", mmu_update1(va_maddr(&c.table[3][0]), 0), 0);
	check(can_be_writable(c.table[2]), "an unlinked L2 is a table");
	check(can_be_writable(c.table[1]), "its L1 is a table");
	check(!can_be_writable(c.table[3]), "the linked L3 is not a table");
	expect_rc("link again",
		  mmu_update1(va_maddr(&c.table[3][0]),
			      va_maddr(c.table[2]) | PTE_TABLE),
		  0);
	check(!can_be_writable(c.table[1]), "the L1 is not a table again");
	expect_rc("unpin L4", unpin(c.table[4]), 0);
	chain_free(&c);
}

/* One L1 below two L2s, and twice below one. */
static void shared_tables(void)
{
	struct chain a, b;

	chain_make(&a);
	chain_make(&b);
	page_make_rw(b.table[2]);
	b.table[2][0] = b.table[2][511] = va_maddr(a.table[1]) | PTE_TABLE;
	page_make_ro(b.table[2]);
	expect_rc("pin", pin(4, a.table[4]), 0);
	expect_rc("pin of a second user", pin(3, b.table[3]), 0);
	expect_rc("unpin", unpin(a.table[4]), 0);
	check(!can_be_writable(a.table[1]), "the shared L1 was released");
	expect_rc("one of two links", mmu_update1(va_maddr(b.table[2]), 0), 0);
	check(!can_be_writable(a.table[1]), "the shared L1 was released");
	expect_rc("unpin", unpin(b.table[3]), 0);
	check(can_be_writable(a.table[1]), "the shared L1 is still a table");
	chain_free(&a);
	chain_free(&b);
}

TEST("pin")
{
	for (int level = 1; level <= 4; level++)
		one_level(level);
	for (int level = 1; level <= 4; level++)
		chain_from(level);
	inner_pin_stays();
	unlinked();
	shared_tables();
}
