// SPDX-License-Identifier: MIT
//
// Large temporary blocks of memory while dom0 is built: the unpacked kernel and
// the tables of the decompressors.
#pragma once

#include "lib/types.h"

// A page-aligned block with any contents, or 0 when there is no memory.
void *must_check scratch_alloc(size_t bytes);
void scratch_free(void *block); // 0 allowed
// Frames that the block has: at least its size.
u64 scratch_pages(const void *block);
// Hands the block's frames over to the caller, who frees or keeps each: as
// order 0. Returns how many they are.
u64 scratch_forget(void *block);
