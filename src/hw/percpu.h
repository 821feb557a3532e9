// SPDX-License-Identifier: MIT
//
// How running code finds its processor's data: from the stack pointer.
#pragma once

#include "config.h"
#include "hw/cpu.h"

struct cpu;

static inline u64 stack_pointer(void)
{
	u64 sp;

	asm("mov %%rsp, %0" : "=r"(sp));
	return sp;
}

static inline struct cpu *cpu_this(void)
{
	return (struct cpu *)((stack_pointer() & ~(u64)(PERCPU_SIZE - 1)) +
			      PERCPU_DATA);
}

// Which block its stack lies in: a number that no other processor has, nor is
// it 0.
static inline u32 cpu_block(void)
{
	return (u32)(stack_pointer() / PERCPU_SIZE);
}
