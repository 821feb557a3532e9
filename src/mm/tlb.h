// SPDX-License-Identifier: MIT
//
// The TLB clock. It ticks at every full flush. A frame that stops being mapped
// is stamped with the time; before it becomes something else, every processor
// whose last flush is not younger than the stamp is flushed.
//
// Stamps have 16 bits, a round of the clock's low half. At each wrap all
// processors are flushed, so that their own 32-bit stamps stay comparable.
#pragma once

#include "lib/types.h"

extern u32 tlb_clock;

// The stamp for a mapping that went away just now.
static inline u16 tlb_stamp(void)
{
	return (u16)__atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST);
}

// The stamp of what no processor may hold: none is older.
#define TLB_CLEAN 0

// Of two stamps the one since which fewer ticks have passed.
static inline u16 tlb_later(u16 a, u16 b)
{
	u16 now = tlb_stamp();

	return (u16)(now - a) < (u16)(now - b) ? a : b;
}

// Flushes the processors that may hold translations older than the stamp.
void tlb_flush_stale(u16 stamp);
