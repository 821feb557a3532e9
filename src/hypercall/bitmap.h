// SPDX-License-Identifier: MIT
//
// Bitmaps of processors and nodes as the tools pass them: bytes at a guest
// address, with a length of their own choice.
#pragma once

#include "abi/xen.h"
#include "lib/types.h"

// Longest bitmap of the tools', in bits.
#define BITMAP_BITS_MAX 8192

// Writes `bits` bits to the tools' bitmap; what it has room for beyond them is
// cleared. -EINVAL longer than BITMAP_BITS_MAX, -EFAULT.
int must_check bitmap_write(const struct xenctl_bitmap *to, const u64 *from,
			    u32 bits);
// Reads up to `bits` bits; those that the tools do not give are clear. Errors
// as above.
int must_check bitmap_read(u64 *to, u32 bits, const struct xenctl_bitmap *from);
// Sets bit n for each processor that is online. map has CPU_WORDS words.
void bitmap_online(u64 *map);
