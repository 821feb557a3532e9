// SPDX-License-Identifier: MIT
//
// small-machine: the smallest memory that is supported.
//
// A machine of 64 MiB has room for the hypervisor and a dom0 of a third of it.
// Provoked by the folder's config: 64 MiB, dom0_mem=20M. Expected: start_info
// tells 20 MiB, and its P2M list is there from the first entry to the last.

#include "guest.h"

#define MEMORY (20UL << 20)

TEST("small-machine")
{
	u64 last = start_info->nr_pages - 1;
	volatile u64 *word = (volatile u64 *)start_info->mfn_list;

	expect_eq("nr_pages", start_info->nr_pages, MEMORY / PAGE_SIZE);
	check(word[0] != word[last], "two pages in one frame");
	word[last] = word[last];
}
