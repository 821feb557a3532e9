// SPDX-License-Identifier: MIT
//
// What the two files that use liblzma share.
#pragma once

#include "domain/inflate.h"
#include "lib/string.h"

#include <lzma.h>

// liblzma's memory comes from scratch_alloc().
extern const lzma_allocator lzma_memory;

// Any .xz stream, by liblzma alone; results as of inflate_xz().
enum inflate_result inflate_any_xz(const struct inflate *job);
