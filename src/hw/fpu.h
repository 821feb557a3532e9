// SPDX-License-Identifier: MIT
//
// Saving and restoring the x87, SSE and AVX registers. Images are 64-byte
// aligned. CR0.TS must be clear.
#pragma once

#include "hw/extable.h"
#include "lib/types.h"

static inline void fpu_fxsave(void *image)
{
	asm volatile("fxsave64 (%0)" : : "r"(image) : "memory");
}

static inline void fpu_xsave(void *image, u64 mask)
{
	asm volatile("xsave64 (%0)"
		     :
		     : "r"(image), "a"((u32)mask), "d"((u32)(mask >> 32))
		     : "memory");
}

// Writes only what changed since the image was loaded from.
static inline void fpu_xsaveopt(void *image, u64 mask)
{
	asm volatile("xsaveopt64 (%0)"
		     :
		     : "r"(image), "a"((u32)mask), "d"((u32)(mask >> 32))
		     : "memory");
}

// The restores return false when the image is not one that the processor
// takes; the registers are unchanged or partly changed then.
static inline bool fpu_fxrstor(const void *image)
{
	asm goto("1: fxrstor64 (%0)\n" EXTABLE_TEXT("1b", "%l[fault]")
		 :
		 : "r"(image)
		 : "memory"
		 : fault);
	return true;
fault:
	return false;
}

static inline bool fpu_xrstor(const void *image, u64 mask)
{
	asm goto("1: xrstor64 (%0)\n" EXTABLE_TEXT("1b", "%l[fault]")
		 :
		 : "r"(image), "a"((u32)mask), "d"((u32)(mask >> 32))
		 : "memory"
		 : fault);
	return true;
fault:
	return false;
}

// AMD processors restore the last x87 instruction's addresses only when an
// exception is pending; this replaces them by an address of ours that is no
// secret, so that one guest does not see another's.
static inline void fpu_forget_pointers(void)
{
	static const u32 zero;

	asm volatile("fnclex; emms; fildl %0" : : "m"(zero));
}
