// SPDX-License-Identifier: MIT
//
// Plain C versions. The copying loops move four words a round, which is within
// a small factor of the best instruction sequence on real processors and
// several times faster than REP forms under emulation. The byte loops go
// through volatile so that no compiler turns them into calls of themselves.
#include "lib/string.h"

// May alias anything and lie at any address.
typedef u64 __attribute__((may_alias, aligned(1))) word_t;
typedef volatile u8 byte_t;
typedef const volatile u8 cbyte_t;

#define ROUND (4 * sizeof(word_t))

static void copy_bytes(void *dst, const void *src, size_t n)
{
	byte_t *d = dst;
	cbyte_t *s = src;

	for (; n; n--)
		*d++ = *s++;
}

// The last word of n bytes, which may lie over bytes that were copied already.
static word_t *last_word(const void *p, size_t n)
{
	return (word_t *)((uintptr_t)p + n - sizeof(word_t));
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	word_t *d = dst;
	const word_t *s = src;
	size_t left = n;

	if (n < sizeof(*d)) {
		copy_bytes(dst, src, n);
		return dst;
	}
	for (; left >= ROUND; left -= ROUND, d += 4, s += 4) {
		u64 a = s[0], b = s[1], c = s[2], e = s[3];

		d[0] = a;
		d[1] = b;
		d[2] = c;
		d[3] = e;
	}
	for (; left >= sizeof(*d); left -= sizeof(*d))
		*d++ = *s++;
	if (left)
		*last_word(dst, n) = *last_word(src, n);
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	byte_t *d = dst;
	cbyte_t *s = src;

	if ((uintptr_t)dst - (uintptr_t)src >= n) {
		for (; n; n--)
			*d++ = *s++;
	} else {
		while (n--)
			d[n] = s[n];
	}
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	word_t *d = dst;
	u64 v = 0x0101010101010101u * (u8)c;
	byte_t *db;

	for (; n >= ROUND; n -= ROUND, d += 4) {
		d[0] = v;
		d[1] = v;
		d[2] = v;
		d[3] = v;
	}
	for (db = (byte_t *)d; n; n--)
		*db++ = (u8)c;
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	for (const u8 *p = s; n; n--, p++)
		if (*p == (u8)c)
			return (void *)(uintptr_t)p;
	return NULL;
}

size_t strlen(const char *s)
{
	cbyte_t *p = (cbyte_t *)s;

	while (*p)
		p++;
	return (size_t)((const char *)(uintptr_t)p - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return (u8)*a < (u8)*b ? -1 : 1;
		if (!*a)
			break;
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}
