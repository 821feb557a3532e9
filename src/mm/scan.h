// SPDX-License-Identifier: MIT
//
// Going through the present entries of a table.
#pragma once

#include "mm/priv.h"

// Most entries of most tables are empty, and a process has some ten tables:
// these two loops are half of the hypervisor's part of a fork. Those of others
// are full: inlined, they cost little there. Entries that another processor is
// writing (A and D bits) stay present or absent.
#define GROUP 16

static always_inline bool group_empty(const u64 *t)
{
	u64 low = t[0] | t[1] | t[2] | t[3] | t[4] | t[5] | t[6] | t[7];
	u64 high = t[8] | t[9] | t[10] | t[11] | t[12] | t[13] | t[14] | t[15];

	return !((low | high) & PTE_P);
}

static always_inline bool four_empty(const u64 *t)
{
	return !((t[0] | t[1] | t[2] | t[3]) & PTE_P);
}

// The first present entry from i up to end, or end or more. A multiple of GROUP.
static always_inline u32 next_present(const u64 *t, u32 i, u32 end)
{
	while (i < end && !(t[i] & PTE_P))
		if (i % GROUP == 0 && group_empty(t + i))
			i += GROUP;
		else if (i % 4 == 0 && four_empty(t + i))
			i += 4;
		else
			i++;
	return i;
}

// One more than the last present entry below i down to first, or first. A
// multiple of GROUP, too.
static always_inline u32 end_of_present(const u64 *t, u32 i, u32 first)
{
	while (i > first && !(t[i - 1] & PTE_P))
		if (i % GROUP == 0 && group_empty(t + i - GROUP))
			i -= GROUP;
		else if (i % 4 == 0 && four_empty(t + i - 4))
			i -= 4;
		else
			i--;
	return i;
}
