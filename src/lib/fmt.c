// SPDX-License-Identifier: MIT
//
// The printf engine: parse one conversion into a struct spec, then emit it.
#include "lib/fmt.h"

#include "lib/string.h"

struct out {
	char *buf;
	size_t size;
	size_t len; // of the whole text, may pass size
};

struct spec {
	bool left, zero, upper;
	u32 width;
	size_t precision; // of %s; SIZE_MAX when not given
	int longs; // l, z = 1; ll = 2; h = -1; hh = -2
};

static void out_char(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void out_fill(struct out *o, char c, size_t n)
{
	while (n--)
		out_char(o, c);
}

// Text of n bytes, padded with blanks to the width.
static void out_text(struct out *o, const struct spec *s, const char *text,
		     size_t n)
{
	size_t pad = s->width > n ? s->width - n : 0;

	if (!s->left)
		out_fill(o, ' ', pad);
	for (size_t i = 0; i < n; i++)
		out_char(o, text[i]);
	if (s->left)
		out_fill(o, ' ', pad);
}

static void out_number(struct out *o, const struct spec *s, u64 v, u32 base,
		       bool negative)
{
	const char *digits = s->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24];
	size_t at = sizeof(text);

	do {
		text[--at] = digits[v % base];
		v /= base;
	} while (v);
	if (s->zero && !s->left) {
		size_t n = sizeof(text) - at + negative;

		if (negative)
			out_char(o, '-');
		out_fill(o, '0', s->width > n ? s->width - n : 0);
		out_text(o, &(struct spec){0}, text + at, sizeof(text) - at);
		return;
	}
	if (negative)
		text[--at] = '-';
	out_text(o, s, text + at, sizeof(text) - at);
}

static u64 arg_unsigned(const struct spec *s, va_list *ap)
{
	if (s->longs > 0)
		return va_arg(*ap, unsigned long);
	switch (s->longs) {
	case -1:
		return (u16)va_arg(*ap, unsigned int);
	case -2:
		return (u8)va_arg(*ap, unsigned int);
	default:
		return va_arg(*ap, unsigned int);
	}
}

static i64 arg_signed(const struct spec *s, va_list *ap)
{
	if (s->longs > 0)
		return va_arg(*ap, long);
	switch (s->longs) {
	case -1:
		return (int16_t)va_arg(*ap, int);
	case -2:
		return (int8_t)va_arg(*ap, int);
	default:
		return va_arg(*ap, int);
	}
}

static const char *parse_number(const char *f, size_t *value)
{
	*value = 0;
	while (*f >= '0' && *f <= '9')
		*value = *value * 10 + (size_t)(*f++ - '0');
	return f;
}

// Parses what stands between '%' and the conversion letter; returns there.
static const char *parse_spec(const char *f, struct spec *s)
{
	size_t width;

	*s = (struct spec){.precision = SIZE_MAX};
	for (; *f == '-' || *f == '0'; f++) {
		s->left |= *f == '-';
		s->zero |= *f == '0';
	}
	f = parse_number(f, &width);
	s->width = (u32)width;
	if (*f == '.')
		f = parse_number(f + 1, &s->precision);
	for (; *f == 'l' || *f == 'h' || *f == 'z'; f++)
		s->longs += *f == 'h' ? -1 : 1;
	return f;
}

static void out_signed(struct out *o, const struct spec *s, i64 v)
{
	out_number(o, s, v < 0 ? -(u64)v : (u64)v, 10, v < 0);
}

static void out_string(struct out *o, const struct spec *s, const char *text)
{
	if (!text)
		text = "(null)";
	out_text(o, s, text, strnlen(text, s->precision));
}

static void out_pointer(struct out *o, const void *p)
{
	struct spec s = {.zero = true, .width = 16};

	out_number(o, &s, (uintptr_t)p, 16, false);
}

static void out_conversion(struct out *o, struct spec *s, char letter,
			   va_list *ap)
{
	char c;

	switch (letter) {
	case 'c':
		c = (char)va_arg(*ap, int);
		out_text(o, s, &c, 1);
		break;
	case 's':
		out_string(o, s, va_arg(*ap, const char *));
		break;
	case 'd':
	case 'i':
		out_signed(o, s, arg_signed(s, ap));
		break;
	case 'u':
		out_number(o, s, arg_unsigned(s, ap), 10, false);
		break;
	case 'x':
	case 'X':
		s->upper = letter == 'X';
		out_number(o, s, arg_unsigned(s, ap), 16, false);
		break;
	case 'p':
		out_pointer(o, va_arg(*ap, const void *));
		break;
	default:
		out_char(o, letter);
		break;
	}
}

int fmt_vprint(char *buf, size_t size, const char *format, va_list ap)
{
	struct out o = {buf, size, 0};
	struct spec s;
	va_list args;

	va_copy(args, ap);
	for (const char *f = format; *f; f++) {
		if (*f != '%') {
			out_char(&o, *f);
			continue;
		}
		f = parse_spec(f + 1, &s);
		if (!*f)
			break;
		out_conversion(&o, &s, *f, &args);
	}
	va_end(args);
	if (size)
		buf[min(o.len, size - 1)] = 0;
	return (int)o.len;
}

int fmt_print(char *buf, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = fmt_vprint(buf, size, format, ap);
	va_end(ap);
	return n;
}
