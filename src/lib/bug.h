// SPDX-License-Identifier: MIT
//
// What to do about the impossible. bug() stops the machine with a dump because
// going on could leak or escalate; assert() finds our own mistakes sooner in
// debug builds and is never a defence against a guest.
#pragma once

#include "lib/types.h"

#ifndef RF_DEBUG
#define RF_DEBUG 0
#endif

// Use bug(). Prints place and reason with a back trace, and stops the machine
// (boot/machine.c).
cold_code no_return void bug_at(const char *file, int line, const char *what);

#define bug(what) bug_at(__FILE__, __LINE__, (what))
#define bug_on(cond)                \
	do {                        \
		if (unlikely(cond)) \
			bug(#cond); \
	} while (0)
#define assert(cond)                               \
	do {                                       \
		if (RF_DEBUG && unlikely(!(cond))) \
			bug("assert: " #cond);     \
	} while (0)
