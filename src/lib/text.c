// SPDX-License-Identifier: MIT
//
// What the C library has no good function for.
#include "lib/string.h"

size_t str_copy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src);

	if (size) {
		size_t n = min(len, size - 1);

		memcpy(dst, src, n);
		dst[n] = 0;
	}
	return len;
}

void str_make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static u32 digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (u32)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (u32)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (u32)(c - 'A') + 10;
	return ~0u;
}

u64 str_number(const char *text, const char **end)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') &&
		   digit_value(text[2]) < 16;
	u32 base = hex ? 16 : 10, digit;
	u64 v = 0;

	if (hex)
		text += 2;
	for (; (digit = digit_value(*text)) < base; text++)
		v = v > (UINT64_MAX - digit) / base ? UINT64_MAX
						    : v * base + digit;
	*end = text;
	return v;
}
