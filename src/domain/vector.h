// SPDX-License-Identifier: MIT
//
// Running library code that was compiled for ordinary programs.
#pragma once

#include "lib/types.h"

struct vector_state {
	u64 cr0, cr4, fs_base;
};

// Between these two, on the boot processor, code may use vector registers and
// the stack protector. No vCPU's vector state may be in the registers: they are
// overwritten.
void vector_begin(struct vector_state *saved);
void vector_end(const struct vector_state *saved);
