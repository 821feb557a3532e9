// SPDX-License-Identifier: MIT
//
// Processors on the host: the test says which one it is on. Their blocks lie
// at an address that a process can map (fake_cpus_init).
#pragma once

#include "config.h"
#include "hw/cpu.h"

#undef PERCPU_BASE
#define PERCPU_BASE 0x7d0000000000

struct cpu;
extern struct cpu *fake_cpu; // 0 until the test sets it

static inline struct cpu *cpu_this(void)
{
	return fake_cpu;
}

u32 fake_block(void);

static inline u32 cpu_block(void)
{
	return fake_block();
}
