// SPDX-License-Identifier: MIT
//
// All that a test kernel may use. A test is one main.c that opens with prose
// (behaviour, why, how provoked, what is expected) and one TEST().

#pragma once

#include "types.h"
#include "abi.h"
#include "string.h"
#include "verdict.h"
#include "trap.h"
#include "mm.h"
#include "event.h"
#include "user.h"
#include "clock.h"

#define STR_(x) #x
#define STR(x) STR_(x)

/* Adds an ELF note with one 64-bit value (a number or a symbol). */
#define NOTE_QUAD(type, value)                          \
	asm(".pushsection .note.Xen, \"a\", @note\n"    \
	    ".balign 4\n.long 4, 8, " STR(              \
		    type) "\n"                          \
			  ".asciz \"Xen\"\n.quad " STR( \
				  value) "\n.popsection\n")

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}
