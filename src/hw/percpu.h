// SPDX-License-Identifier: MIT
//
// How running code finds its processor's data: from the stack pointer.
#pragma once

#include "config.h"
#include "hw/cpu.h"

struct cpu;

static inline struct cpu *cpu_this(void)
{
	u64 sp;

	asm("mov %%rsp, %0" : "=r"(sp));
	return (struct cpu *)((sp & ~(u64)(PERCPU_SIZE - 1)) + PERCPU_DATA);
}
