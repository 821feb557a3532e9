// SPDX-License-Identifier: MIT
//
// Guest memory is the test's own, and does not fault but for stores when the
// test says so.
#pragma once

#include <string.h>

#include "lib/types.h"

extern u32 fake_store_faults; // so many of the next stores

#define UACCESS(suffix, type)                                        \
	static inline bool uaccess_load##suffix(type *value, u64 va) \
	{                                                            \
		memcpy(value, (const void *)va, sizeof(type));       \
		return true;                                         \
	}                                                            \
	static inline bool uaccess_store##suffix(u64 va, type value) \
	{                                                            \
		if (fake_store_faults && fake_store_faults--)        \
			return false;                                \
		memcpy((void *)va, &value, sizeof(type));            \
		return true;                                         \
	}
UACCESS(b, u8)
UACCESS(q, u64)
#undef UACCESS
