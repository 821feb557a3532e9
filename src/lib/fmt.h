// SPDX-License-Identifier: MIT
//
// printf-style formatting: %c %s %d %i %u %x %X %p %% with flags 0 and -,
// width, precision for %s, and lengths l, ll, z, h, hh. Nothing else.
#pragma once

#include <stdarg.h>

#include "lib/types.h"

// Formats into buf, always terminated when size > 0. Returns the length the
// whole text would have, as C99's snprintf does.
int fmt_vprint(char *buf, size_t size, const char *format, va_list ap)
	printf_like(3, 0);
int fmt_print(char *buf, size_t size, const char *format, ...)
	printf_like(3, 4);
