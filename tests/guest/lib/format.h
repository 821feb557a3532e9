// SPDX-License-Identifier: MIT
//
// A small printf: %s %c %d %u %x with l, zero padding and width, and %%.

#pragma once

#include <stdarg.h>

#include "types.h"

/* Formats at most size - 1 bytes and always terminates. */
void format_v(char *buf, size_t size, const char *fmt, va_list ap);
