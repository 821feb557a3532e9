// SPDX-License-Identifier: MIT
//
// The few string functions the hypervisor (and the compiler) needs.
#pragma once

#include "lib/types.h"

// As in C17 and POSIX.
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

// Copies at most size-1 bytes and always terminates. Returns strlen(src).
size_t str_copy(char *dst, const char *src, size_t size);

// Replaces what is not printable ASCII by '?': for text of unknown origin.
void str_make_printable(char *text);

// Number at the start of text: decimal, or hexadecimal behind 0x; *end moves
// behind it, and is text itself when there is none. Saturates at UINT64_MAX.
u64 str_number(const char *text, const char **end);
