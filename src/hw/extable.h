// SPDX-License-Identifier: MIT
//
// The exception table: pairs of an instruction that may fault because of what
// a guest gave us, and the place to go on when it does. Both are stored as
// 32-bit distances from the word itself. cpu/extable.c looks them up.
#pragma once

#ifdef __ASSEMBLY__

// clang-format off: it takes the directives for C
#define EXTABLE(at, to)            \
	.pushsection .extable, "a";\
	.balign 4;                 \
	.long(at) -.;              \
	.long(to) -.;              \
	.popsection
// clang-format on

#else

// For inline assembly: two operands in its own notation, as strings.
#define EXTABLE_TEXT(at, to)             \
	".pushsection .extable, \"a\"\n" \
	".balign 4\n"                    \
	".long (" at ") - .\n"           \
	".long (" to ") - .\n"           \
	".popsection\n"

#endif
