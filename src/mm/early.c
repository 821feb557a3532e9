// SPDX-License-Identifier: MIT
//
// Memory before there is a heap. Allocations are cut from the top of the
// highest free range that will do, and never given back: they are page tables,
// the frame table and the M2P. What is left goes to the heap.

#include "boot/boot.h"
#include "hw/x86.h"
#include "lib/string.h"
#include "mm/priv.h"

#define MAX_EARLY 512

struct range {
	maddr_t start, end;
};

static struct range ranges[MAX_EARLY]; // rising, whole frames
static u32 range_count;
static bool active;

bool early_active(void)
{
	return active;
}

static void insert(u32 at, maddr_t start, maddr_t end)
{
	if (start >= end || range_count == MAX_EARLY)
		return; // a full table only loses the snippet
	memmove(&ranges[at + 1], &ranges[at],
		(range_count - at) * sizeof(ranges[0]));
	ranges[at] = (struct range){start, end};
	range_count++;
}

// Adds the part of [start, end) that we call RAM as well.
static void add_ram_part(maddr_t start, maddr_t end, void *arg)
{
	const struct ram_range *r;

	(void)arg;
	for (u32 i = 0; (r = ram_range(i)) != NULL; i++) {
		maddr_t from =
			max(ALIGN_UP(start, PAGE_SIZE), r->first << PAGE_SHIFT);
		maddr_t to =
			min(ALIGN_DOWN(end, PAGE_SIZE), r->end << PAGE_SHIFT);

		insert(range_count, from, to);
	}
}

void early_init(const struct boot_info *bi)
{
	range_count = 0;
	bootinfo_free_ram(bi, add_ram_part, NULL);
	active = true;
}

// Where [.., end) of that size and alignment starts in r, or 0.
static maddr_t fit(const struct range *r, u64 bytes, u64 align, maddr_t limit)
{
	maddr_t end = min(r->end, limit);
	maddr_t start;

	if (end < bytes)
		return 0;
	start = ALIGN_DOWN(end - bytes, align);
	return start >= r->start ? start : 0;
}

maddr_t early_alloc(u64 bytes, u64 align, maddr_t limit)
{
	for (u32 i = range_count; i-- > 0;) {
		struct range *r = &ranges[i];
		maddr_t start = fit(r, bytes, align, limit);
		maddr_t old_end = r->end;

		if (!start)
			continue;
		r->end = start;
		insert(i + 1, start + bytes, old_end);
		return start;
	}
	give_up("not enough memory: no %lu KiB of free RAM left while setting "
		"up; give the machine more memory or smaller modules",
		(unsigned long)bytes >> 10);
}

void *early_page(void)
{
	void *p = maddr_virt(early_alloc(PAGE_SIZE, PAGE_SIZE, GIB(4)));

	memset(p, 0, PAGE_SIZE);
	return p;
}

// Frames of [first, end) that are RAM but in no free range are in use.
static void claim_gap(u64 first, u64 end)
{
	const struct ram_range *r;

	for (u32 i = 0; (r = ram_range(i)) != NULL; i++)
		if (max(first, r->first) < min(end, r->end))
			frames_claim(max(first, r->first), min(end, r->end));
}

void early_finish(void)
{
	u64 at = 0;

	active = false;
	for (u32 i = 0; i < range_count; i++) {
		claim_gap(at, ranges[i].start >> PAGE_SHIFT);
		heap_add(ranges[i].start, ranges[i].end);
		at = ranges[i].end >> PAGE_SHIFT;
	}
	claim_gap(at, ~0ull);
	range_count = 0;
}
