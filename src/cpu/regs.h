// SPDX-License-Identifier: MIT
//
// The register frame that every entry pushes, from low address to high. The
// hardware pushes rip..ss; entry code pushes the rest (gate/entry.S). The
// guest's frame always lies at the very top of the processor's main stack.
#pragma once

#include "lib/types.h"

struct regs {
	u64 r15, r14, r13, r12, rbp, rbx;
	u64 r11, r10, r9, r8;
	u64 rax, rcx, rdx, rsi, rdi;
	u32 error; // hardware error code, or 0
	u32 vector; // exception or interrupt vector, or VEC_SYSCALL...
	u64 rip, cs, rflags, rsp, ss;
};

_Static_assert(sizeof(struct regs) == 168, "entry.S pushes this");

// True when the frame was made in ring 1 or 3, that is by a guest.
static inline bool regs_from_guest(const struct regs *r)
{
	return (r->cs & 3) != 0;
}
