// SPDX-License-Identifier: MIT
//
// The steps that every change of a level 1 entry takes, inline: is it RAM, one
// reference more or less, one more or less of a type in use. frame.c and type.c
// have the functions for all others, made of these.
#pragma once

#include "lib/bug.h"
#include "mm/mm.h"

// The frame table has entries for the sections of 2^SECTION_SHIFT frames that
// are in this map, below the limit (frame.c).
#define SECTION_SHIFT 15 // 128 MiB
extern u64 section_map[];
extern u64 section_limit;
extern u64 section_run; // below this frame all sections are in it

static inline bool quick_covered(u64 n)
{
	u64 s = n >> SECTION_SHIFT;

	if (likely(n < section_run))
		return true;
	return n < section_limit && (section_map[s / 64] >> (s % 64) & 1);
}

static inline bool quick_is_ram(mfn_t mfn)
{
	return quick_covered(mfn.n) && mfn_frame(mfn)->owner != OWNER_IO;
}

// Neither 0 nor the most that fits.
static always_inline bool count_is_usual(u32 n, u32 max)
{
	return n - 1 < max - 1;
}

// The last reference is gone. (That there was none is found out there.)
void frame_free(mfn_t mfn);

static inline void quick_put(mfn_t mfn)
{
	struct frame *f = mfn_frame(mfn);
	u32 left = __atomic_sub_fetch(&f->ref, 1, __ATOMIC_SEQ_CST);

	if (unlikely(!count_is_usual(left & REF_COUNT_MASK, REF_COUNT_MASK)))
		frame_free(mfn);
}

// frame_get() for a frame that is RAM.
static inline bool quick_get(mfn_t mfn, u16 owner)
{
	struct frame *f = mfn_frame(mfn);
	u32 old = READ_ONCE(f->ref);

	do {
		if (!count_is_usual(old & REF_COUNT_MASK, REF_COUNT_MASK) ||
		    READ_ONCE(f->owner) != owner)
			return false;
	} while (!__atomic_compare_exchange_n(&f->ref, &old, old + 1, false,
					      __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	if (likely(READ_ONCE(f->owner) == owner))
		return true;
	quick_put(mfn); // it changed hands between the two looks
	return false;
}

#define TYPE_STATE (~FT_COUNT_MASK & ~FT_PINNED)

// One more of type t, if it is in use as that already and nothing is special.
static inline bool quick_type_get(mfn_t mfn, enum frame_type t)
{
	struct frame *f = mfn_frame(mfn);
	u32 old = READ_ONCE(f->type);

	return (old & TYPE_STATE) == ((u32)t << FT_TYPE_SHIFT | FT_VALID) &&
	       count_is_usual(old & FT_COUNT_MASK, FT_COUNT_MASK) &&
	       __atomic_compare_exchange_n(&f->type, &old, old + 1, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

// One less, if it is not the last.
static inline bool quick_type_put(mfn_t mfn)
{
	struct frame *f = mfn_frame(mfn);
	u32 old = READ_ONCE(f->type);

	return (old & FT_COUNT_MASK) > 1 &&
	       __atomic_compare_exchange_n(&f->type, &old, old - 1, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

// True for a validated level 1 table of the domain with that id.
static inline bool quick_is_l1(mfn_t mfn, u16 owner)
{
	const u32 want = (u32)TYPE_L1 << FT_TYPE_SHIFT | FT_VALID;
	const struct frame *f = mfn_frame(mfn);

	return quick_is_ram(mfn) && f->owner == owner &&
	       (READ_ONCE(f->type) & (FT_TYPE_MASK | FT_VALID)) == want;
}
