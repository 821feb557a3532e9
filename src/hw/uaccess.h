// SPDX-License-Identifier: MIT
//
// Single loads and stores at a guest's address under the guest's own page
// tables. They return false when the access faults, whatever the exception:
// absent, read-only and non-canonical addresses all end there. The caller has
// checked that the address is not the hypervisor's (cpu/uaccess.c).
#pragma once

#include "hw/extable.h"
#include "lib/types.h"

#define UACCESS(suffix, type)                                          \
	static inline bool uaccess_load##suffix(type *value, u64 va)   \
	{                                                              \
		type v;                                                \
                                                                       \
		asm goto("1: mov" #suffix                              \
			 " (%1), %0\n" EXTABLE_TEXT("1b", "%l[fault]") \
			 : "=r"(v)                                     \
			 : "r"(va)                                     \
			 : "memory"                                    \
			 : fault);                                     \
		*value = v;                                            \
		return true;                                           \
	fault:                                                         \
		return false;                                          \
	}                                                              \
	static inline bool uaccess_store##suffix(u64 va, type value)   \
	{                                                              \
		asm goto("1: mov" #suffix                              \
			 " %0, (%1)\n" EXTABLE_TEXT("1b", "%l[fault]") \
			 :                                             \
			 : "r"(value), "r"(va)                         \
			 : "memory"                                    \
			 : fault);                                     \
		return true;                                           \
	fault:                                                         \
		return false;                                          \
	}
UACCESS(b, u8)
UACCESS(q, u64)
#undef UACCESS
