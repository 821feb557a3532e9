// SPDX-License-Identifier: MIT
//
// Where things go in dom0 (abi.md 2.2). One area is mapped, upwards from the
// kernel's base address, page after page of PFN 0, 1, 2...:
//
//   kernel | initrd? | frame list? | start_info | page tables | stack | spare
//
// The initrd and the list of frames go behind it, unmapped and mapped
// elsewhere, when the kernel says that it can take that. Page tables cover
// themselves, so their number is found by trying again until it fits.
#include "domain/build.h"

#include "config.h"

#define ENTRIES 512
#define AREA_ALIGN MIB(4)
#define AREA_SPARE KIB(512)
#define LOW_HALF_END 0x0000800000000000
#define HIGH_END 0xffffffffffe00000 // keeps clear of the end of numbers

// Bytes that one table of level 1..3 maps.
static u64 table_span(u32 level)
{
	return PAGE_SIZE << (9 * level);
}

// Counts the tables that map [start, end).
static void count_tables(struct tables *t, u64 start, u64 end)
{
	t->start = start;
	t->end = end;
	for (u32 level = 1; level <= 3; level++) {
		u64 span = table_span(level);

		t->count[level - 1] = (end - 1) / span - start / span + 1;
	}
}

static u64 all_tables(const struct tables *t)
{
	return t->count[0] + t->count[1] + t->count[2];
}

// True when a guest may have [start, start + bytes): canonical and not ours.
static bool area_ok(u64 start, u64 bytes)
{
	if (start < LOW_HALF_END)
		return bytes <= LOW_HALF_END - start;
	return start >= HV_END && start < HIGH_END && bytes < HIGH_END - start;
}

static u64 slot(u64 va)
{
	return va / table_span(3) % ENTRIES;
}

static u64 take(u64 *va, u64 pages)
{
	u64 at = *va;

	*va += pages * PAGE_SIZE;
	return at;
}

// Places what is mapped, with room for tables_pages tables. Returns the end.
static u64 place_mapped(struct layout *l, const struct layout_ask *ask,
			u64 tables_pages)
{
	u64 va = ALIGN_UP(ask->kernel_end, PAGE_SIZE);
	u64 end;

	l->initrd_va = 0;
	if (ask->initrd_mapped && ask->initrd_pages)
		l->initrd_va = take(&va, ask->initrd_pages);
	if (!ask->init_p2m)
		l->p2m_va = take(&va, l->p2m_pages);
	l->info_va = take(&va, 1);
	l->tables_va = take(&va, tables_pages);
	l->stack_va = take(&va, 1);
	end = ALIGN_UP(va, AREA_ALIGN);
	return end - va < AREA_SPARE ? end + AREA_ALIGN : end;
}

static u64 pfn_of(const struct layout *l, u64 va)
{
	return (va - l->base) >> PAGE_SHIFT;
}

// Numbers the pages that are not in the mapped area.
static void place_unmapped(struct layout *l, const struct layout_ask *ask)
{
	u64 pfn = l->mapped_pages;

	l->initrd_pages = ask->initrd_pages;
	if (l->initrd_va) {
		l->initrd_pfn = pfn_of(l, l->initrd_va);
	} else {
		l->initrd_pfn = pfn;
		pfn += l->initrd_pages;
	}
	if (ask->init_p2m) {
		l->p2m_va = ask->init_p2m;
		l->p2m_pfn = pfn;
		pfn += l->p2m_pages;
		count_tables(&l->p2m_tables, l->p2m_va,
			     l->p2m_va + l->p2m_pages * PAGE_SIZE);
		l->p2m_tables_pfn = pfn;
		l->p2m_tables_pages = all_tables(&l->p2m_tables);
		pfn += l->p2m_tables_pages;
	} else {
		l->p2m_pfn = pfn_of(l, l->p2m_va);
	}
	l->used_pages = pfn;
}

// Most that the mapped area can need: its parts, and plenty for tables.
static u64 mapped_bound(const struct layout *l, const struct layout_ask *ask)
{
	u64 pages = 0;

	if (ask->initrd_mapped)
		pages += ask->initrd_pages;
	if (!ask->init_p2m)
		pages += l->p2m_pages;
	return ask->kernel_end - ask->base + pages * PAGE_SIZE + MIB(16);
}

static const char *check_areas(const struct layout *l,
			       const struct layout_ask *ask)
{
	u64 bytes = ask->kernel_end - ask->base;
	u64 p2m_bytes = l->p2m_pages * PAGE_SIZE;

	if (!area_ok(ask->base, bytes))
		return "asks for addresses that no guest can have";
	bytes = mapped_bound(l, ask);
	if (!area_ok(ask->base, bytes))
		return "has no room for its initrd and tables behind it; use a "
		       "smaller initrd or less memory (dom0_mem=)";
	// The list's own tables hang in L4 slots of their own.
	if (ask->init_p2m &&
	    (!area_ok(ask->init_p2m, p2m_bytes) ||
	     (slot(ask->init_p2m + p2m_bytes - 1) >= slot(ask->base) &&
	      slot(ask->init_p2m) <= slot(ask->base + bytes))))
		return "asks for its list of frames at an address that no "
		       "guest can have (note INIT_P2M)";
	return NULL;
}

const char *layout_compute(struct layout *l, const struct layout_ask *ask)
{
	const char *error;
	u64 pages;

	*l = (struct layout){.base = ask->base, .tables_pages = 4};
	l->p2m_pages = PAGES_OF(ask->nr_pages * sizeof(u64));
	error = check_areas(l, ask);
	if (error)
		return error;
	do {
		pages = l->tables_pages;
		l->end = place_mapped(l, ask, pages);
		count_tables(&l->tables, l->base, l->end);
		l->tables_pages = 1 + all_tables(&l->tables);
	} while (l->tables_pages > pages);
	l->tables_pfn = pfn_of(l, l->tables_va);
	l->mapped_pages = pfn_of(l, l->end);
	place_unmapped(l, ask);
	return NULL;
}
