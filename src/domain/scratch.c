// SPDX-License-Identifier: MIT
//
// Scratch blocks come straight from the page heap, a power of two each. Only
// the boot processor builds, so there is no lock.
#include "domain/scratch.h"

#include "mm/mm.h"

#define SCRATCH_MAX 32 // liblzma takes eleven at a time, the most of all

static struct block {
	void *start; // 0: unused
	u32 order;
} blocks[SCRATCH_MAX];

static struct block *find(const void *start)
{
	for (u32 i = 0; i < SCRATCH_MAX; i++)
		if (blocks[i].start == start)
			return &blocks[i];
	return NULL;
}

static u32 order_of(u64 pages)
{
	u32 order = 0;

	while (1ull << order < pages)
		order++;
	return order;
}

void *scratch_alloc(size_t bytes)
{
	struct block *b = find(NULL);
	u32 order = order_of(PAGES_OF(bytes));
	mfn_t mfn;

	if (!b || order > HEAP_MAX_ORDER)
		return NULL;
	mfn = heap_alloc(order, 0);
	if (mfn_is_none(mfn))
		return NULL;
	b->start = mfn_virt(mfn);
	b->order = order;
	return b->start;
}

void scratch_free(void *start)
{
	struct block *b = start ? find(start) : NULL;

	if (!b)
		return;
	b->start = NULL;
	heap_free(virt_mfn(start), b->order);
}

u64 scratch_pages(const void *start)
{
	const struct block *b = find(start);

	return b ? 1ull << b->order : 0;
}

u64 scratch_forget(void *start)
{
	u64 pages = scratch_pages(start);

	if (pages)
		find(start)->start = NULL;
	return pages;
}
