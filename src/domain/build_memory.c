// SPDX-License-Identifier: MIT
//
// How much memory dom0 gets: what dom0_mem= asks for, or all but a reserve that
// the hypervisor needs for itself and for DMA buffers below 4 GiB.
#include "domain/build.h"

#define RESERVE_SHARE 16 // of RAM
#define RESERVE_MAX MIB(128)

static u64 all_but(const struct memory_ask *ask, u64 bytes)
{
	u64 pages = PAGES_OF(bytes);

	return ask->free_pages > pages ? ask->free_pages - pages : 0;
}

static u64 reserve(const struct memory_ask *ask)
{
	return min(ask->total_pages / RESERVE_SHARE * PAGE_SIZE, RESERVE_MAX);
}

u64 memory_pages(const struct memory_ask *ask)
{
	u64 pages;

	if (ask->given)
		pages = ask->given >> PAGE_SHIFT;
	else if (ask->less)
		pages = all_but(ask, ask->less);
	else
		pages = all_but(ask, reserve(ask));
	pages = max(pages, ask->least >> PAGE_SHIFT);
	if (ask->most)
		pages = min(pages, ask->most >> PAGE_SHIFT);
	return pages <= ask->free_pages ? pages : 0;
}
