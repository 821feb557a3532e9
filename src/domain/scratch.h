// SPDX-License-Identifier: MIT
//
// Large temporary blocks of memory while dom0 is built: the unpacked kernel and
// the tables of the decompressors.
#pragma once

#include "lib/types.h"

// A page-aligned block with any contents, or 0 when there is no memory.
void *must_check scratch_alloc(size_t bytes);
void scratch_free(void *block); // 0 allowed
// Frames that freeing the block will give back.
u64 scratch_pages(const void *block);
