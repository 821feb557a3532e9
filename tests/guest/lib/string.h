// SPDX-License-Identifier: MIT
//
// The memory functions that compilers call behind our back, and strlen.

#pragma once

#include "types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
