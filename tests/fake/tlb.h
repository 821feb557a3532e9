// SPDX-License-Identifier: MIT
//
// The worst TLB there may be: from one CR3 write to the next it learns all that
// the root leads to, at each chance, and forgets nothing but by INVLPG.
#pragma once

#include "lib/types.h"

struct fake_translation {
	u64 va;
	u64 entry; // of level 1; PTE_RW: all on the way were writable
};

// Learns what the root in CR3 gives.
void fake_tlb_learn(void);
// Calls fn with each translation that is known.
void fake_tlb_each(void (*fn)(const struct fake_translation *t));
// The i-th of them, i counted round and round; 0 when there is none.
const struct fake_translation *fake_tlb_one(u32 i);
// What va gives by now: entry as above, 0 when it is not mapped.
u64 fake_tlb_walk(u64 va);
// What CR3 and INVLPG do to it.
void fake_tlb_flush(void);
void fake_tlb_invlpg(u64 va);
