// SPDX-License-Identifier: MIT
//
// Leaves a named constant in the compiler's assembly output, for
// tools/asm-offsets to find. Not code that ever runs.
#pragma once

#define EMIT(name, value) \
	asm volatile("\n.ascii \"->" #name " %c0\"" : : "i"(value))
