// SPDX-License-Identifier: MIT
//
// Copying to and from the current guest by its own virtual addresses, with the
// access rights of its page tables (CR0.WP is set). Addresses inside the
// hypervisor's slots are refused; faults are caught. Copy each value once.
#pragma once

#include "lib/types.h"

// 0, or -EFAULT (how much was copied is not told).
int must_check guest_read(void *dst, gva_t src, size_t bytes);
int must_check guest_write(gva_t dst, const void *src, size_t bytes);

// guest_read() of one and of two words.
int must_check guest_read_word(u64 *dst, gva_t src);
int must_check guest_read_pair(u64 dst[2], gva_t src);

// True when [va, va+bytes) is outside the hypervisor's slots and does not wrap.
bool guest_range_ok(gva_t va, u64 bytes);

// True for an address whose bits 63..47 are all equal.
static inline bool is_canonical(u64 va)
{
	return (u64)((i64)(va << 16) >> 16) == va;
}
