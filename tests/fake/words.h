// SPDX-License-Identifier: MIT
//
// For fuzzers of hypercalls that take a structure: bytes become words that are
// worth trying, and a guest's memory is a small arena, outside of which every
// address faults.
#pragma once

#include "core.h"

#define ARENA_BASE 0x10000ull // the arena's address for the guest
#define ARENA_BYTES 0x8000u

extern u8 arena[ARENA_BYTES];

struct words {
	const u8 *at, *end;
};

// 0 when there are no more.
u8 words_byte(struct words *w);
// Nothing, something small, an address in the arena, all ones, or anything.
u64 words_next(struct words *w);
// Fills a structure, in whole words.
void words_fill(struct words *w, void *to, size_t bytes);
