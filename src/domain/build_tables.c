// SPDX-License-Identifier: MIT
//
// dom0's first page tables and the two lists between its page numbers and the
// machine's. Plain writes into dom0's memory: nothing is typed yet; build.c has
// the finished root validated like any other that a guest hands in.
#include "domain/build.h"
#include "hw/x86.h"
#include "lib/bug.h"
#include "lib/string.h"
#include "mm/mm.h"

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

// Gives out table pages, one after the other, below one root.
struct builder {
	const struct layout *layout;
	const struct frame_map *map;
	u64 *root;
	u64 next_pfn;
};

static u64 *new_table(struct builder *b, mfn_t *mfn)
{
	u64 *table;

	*mfn = frame_map_mfn(b->map, b->next_pfn++);
	table = mfn_virt(*mfn);
	memset(table, 0, PAGE_SIZE);
	return table;
}

static u32 index_of(u64 va, u32 level)
{
	return va >> (PAGE_SHIFT + 9 * (level - 1)) & 511;
}

// The L1 table for va; makes what is missing on the way.
static u64 *leaf_table(struct builder *b, u64 va)
{
	u64 *table = b->root;
	mfn_t mfn;

	for (u32 level = 4; level > 1; level--) {
		u64 *entry = &table[index_of(va, level)];

		if (*entry & PTE_P) {
			table = maddr_virt(*entry & PTE_ADDR);
		} else {
			table = new_table(b, &mfn);
			*entry = mfn_maddr(mfn) | TABLE_FLAGS;
		}
	}
	return table;
}

static bool is_table(const struct layout *l, u64 pfn)
{
	return pfn - l->tables_pfn < l->tables_pages;
}

// Maps pages [pfn, pfn + pages) at va: page tables read-only, all else
// writable, and everything executable, for Linux patches its text early on.
static void map_pages(struct builder *b, u64 va, u64 pfn, u64 pages)
{
	u64 *leaf = NULL;

	for (u64 end = pfn + pages; pfn < end; pfn++, va += PAGE_SIZE) {
		u64 flags = TABLE_FLAGS;

		if (!leaf || index_of(va, 1) == 0)
			leaf = leaf_table(b, va);
		if (is_table(b->layout, pfn))
			flags &= ~(u64)PTE_RW;
		leaf[index_of(va, 1)] =
			mfn_maddr(frame_map_mfn(b->map, pfn)) | flags;
	}
}

void build_page_tables(const struct layout *l, const struct frame_map *m)
{
	struct builder b = {.layout = l, .map = m, .next_pfn = l->tables_pfn};
	mfn_t root;

	b.root = new_table(&b, &root);
	map_pages(&b, l->base, 0, l->mapped_pages);
	bug_on(b.next_pfn != l->tables_pfn + l->tables_pages);
	if (!l->p2m_tables_pages)
		return;
	b.next_pfn = l->p2m_tables_pfn;
	map_pages(&b, l->p2m_va, l->p2m_pfn, l->p2m_pages);
	bug_on(b.next_pfn != l->p2m_tables_pfn + l->p2m_tables_pages);
}

// The list's word for pfn, in dom0's memory.
static u64 *list_entry(const struct layout *l, const struct frame_map *m,
		       u64 pfn)
{
	const u64 per_page = PAGE_SIZE / sizeof(u64);
	u64 *page = mfn_virt(frame_map_mfn(m, l->p2m_pfn + pfn / per_page));

	return &page[pfn % per_page];
}

void build_frame_lists(const struct layout *l, const struct frame_map *m,
		       u64 nr_pages)
{
	const u64 end = l->p2m_pages * (PAGE_SIZE / sizeof(u64));
	u64 *entry = NULL;
	u64 left = 0;
	mfn_t mfn = MFN_NONE;

	for (u64 pfn = 0; pfn < end; pfn++, entry++) {
		if (pfn * sizeof(u64) % PAGE_SIZE == 0)
			entry = list_entry(l, m, pfn);
		if (pfn >= nr_pages) {
			*entry = M2P_INVALID;
			continue;
		}
		if (left == 0)
			mfn = frame_map_run(m, pfn, &left);
		m2p_set(mfn, pfn);
		*entry = mfn.n;
		mfn.n++;
		left--;
	}
}
