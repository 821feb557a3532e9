// SPDX-License-Identifier: MIT
//
// The formatter behind say() and the checks.

#include "format.h"

struct out {
	char *buf;
	size_t at, size;
};

static void put_char(struct out *o, char c)
{
	if (o->at + 1 < o->size)
		o->buf[o->at++] = c;
}

static void put_string(struct out *o, const char *s)
{
	while (*s)
		put_char(o, *s++);
}

static void put_number(struct out *o, u64 val, u32 base, u32 width, char pad)
{
	char digits[20];
	u32 n = 0;

	do {
		digits[n++] = "0123456789abcdef"[val % base];
		val /= base;
	} while (val);
	while (width > n) {
		put_char(o, pad);
		width--;
	}
	while (n)
		put_char(o, digits[--n]);
}

static u64 fetch_unsigned(bool is_long, va_list *ap)
{
	return is_long ? va_arg(*ap, u64) : va_arg(*ap, u32);
}

static void put_signed(struct out *o, bool is_long, va_list *ap)
{
	long val = is_long ? va_arg(*ap, long) : va_arg(*ap, int);

	if (val < 0)
		put_char(o, '-');
	put_number(o, val < 0 ? 0 - (u64)val : (u64)val, 10, 0, ' ');
}

/* fmt points behind the '%'; the last character used is returned. */
static const char *put_item(struct out *o, const char *fmt, va_list *ap)
{
	char pad = *fmt == '0' ? '0' : ' ';
	bool is_long = false;
	u32 width = 0;

	while (*fmt >= '0' && *fmt <= '9')
		width = width * 10 + (u32)(*fmt++ - '0');
	while (*fmt == 'l' || *fmt == 'z') {
		is_long = true;
		fmt++;
	}
	switch (*fmt) {
	case 's':
		put_string(o, va_arg(*ap, const char *));
		break;
	case 'c':
		put_char(o, (char)va_arg(*ap, int));
		break;
	case 'd':
		put_signed(o, is_long, ap);
		break;
	case 'u':
		put_number(o, fetch_unsigned(is_long, ap), 10, width, pad);
		break;
	case 'x':
		put_number(o, fetch_unsigned(is_long, ap), 16, width, pad);
		break;
	case 'p':
		put_string(o, "0x");
		put_number(o, (u64)va_arg(*ap, void *), 16, 0, pad);
		break;
	default:
		put_char(o, *fmt);
		break;
	}
	return fmt;
}

void format_v(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = {.buf = buf, .size = size};
	va_list args;

	va_copy(args, ap);
	for (; *fmt; fmt++) {
		if (*fmt == '%')
			fmt = put_item(&o, fmt + 1, &args);
		else
			put_char(&o, *fmt);
	}
	va_end(args);
	buf[o.at] = '\0';
}
