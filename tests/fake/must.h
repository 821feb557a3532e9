// SPDX-License-Identifier: MIT
//
// The one check of fuzzers and of what they share with the unit tests: says
// what does not hold, and aborts.
#pragma once

#include "lib/types.h"

#define must(cond)                                              \
	do {                                                    \
		if (!(cond))                                    \
			must_failed(__FILE__, __LINE__, #cond); \
	} while (0)

// Operations carried out so far, for the message; tests may count here.
extern u32 must_step;

_Noreturn void must_failed(const char *file, int line, const char *what);
