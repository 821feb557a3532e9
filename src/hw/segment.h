// SPDX-License-Identifier: MIT
//
// Segment registers. Only a guest's selectors are ever loaded (gate.md D5), so
// every load may fault: false then, and the register is null.
#pragma once

#include "hw/extable.h"
#include "lib/types.h"

#define SEGMENT_ACCESS(name)                                            \
	static inline u16 read_##name(void)                             \
	{                                                               \
		u16 sel;                                                \
                                                                        \
		asm volatile("mov %%" #name ", %0" : "=r"(sel));        \
		return sel;                                             \
	}                                                               \
	static inline bool load_##name(u16 sel)                         \
	{                                                               \
		asm goto("1: mov %0, %%" #name                          \
			 "\n" EXTABLE_TEXT("1b", "%l[fault]")           \
			 :                                              \
			 : "r"((u32)sel)                                \
			 : "memory"                                     \
			 : fault);                                      \
		return true;                                            \
	fault:                                                          \
		asm volatile("mov %0, %%" #name : : "r"(0) : "memory"); \
		return false;                                           \
	}
SEGMENT_ACCESS(ds)
SEGMENT_ACCESS(es)
SEGMENT_ACCESS(fs)
SEGMENT_ACCESS(gs)
#undef SEGMENT_ACCESS
