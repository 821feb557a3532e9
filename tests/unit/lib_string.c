// SPDX-License-Identifier: MIT
// uses: src/lib/text.c
//
// The string functions against the C library's, for all small lengths and
// alignments. Ours are compiled here under other names.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define memcpy our_memcpy
#define memmove our_memmove
#define memset our_memset
#define memcmp our_memcmp
#define memchr our_memchr
#define strlen our_strlen
#define strnlen our_strnlen
#define strcmp our_strcmp
#define strncmp our_strncmp
#define strchr our_strchr
#include "../../src/lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

#define MAX 100

static void fill(char *buf, size_t n, char seed)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (char)(seed + 7 * (char)i);
}

static void test_copy(void **state)
{
	char src[MAX + 8], ours[MAX + 16], theirs[MAX + 16];

	fill(src, sizeof(src), 1);
	for (size_t n = 0; n < MAX; n++) {
		for (size_t shift = 0; shift < 8; shift++) {
			fill(ours, sizeof(ours), 2);
			fill(theirs, sizeof(theirs), 2);
			assert_ptr_equal(our_memcpy(ours + shift, src, n),
					 ours + shift);
			memcpy(theirs + shift, src, n);
			assert_memory_equal(ours, theirs, sizeof(ours));
		}
	}
}

static void test_set(void **state)
{
	char ours[MAX + 16], theirs[MAX + 16];

	for (size_t n = 0; n < MAX; n++) {
		fill(ours, sizeof(ours), 2);
		fill(theirs, sizeof(theirs), 2);
		our_memset(ours + n % 8, 0x1a5, n);
		memset(theirs + n % 8, 0x1a5, n);
		assert_memory_equal(ours, theirs, sizeof(ours));
	}
}

static void test_move(void **state)
{
	char ours[MAX], theirs[MAX];

	for (size_t from = 0; from < 40; from++) {
		for (size_t to = 0; to < 40; to++) {
			fill(ours, sizeof(ours), 3);
			fill(theirs, sizeof(theirs), 3);
			our_memmove(ours + to, ours + from, 37);
			memmove(theirs + to, theirs + from, 37);
			assert_memory_equal(ours, theirs, sizeof(ours));
		}
	}
}

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

static void test_compare(void **state)
{
	static const char *const texts[] = {"",    "a", "ab",   "abc",
					    "abd", "b", "\xff", "\x01"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(texts); j++) {
			const char *a = texts[i], *b = texts[j];

			assert_int_equal(sign(our_strcmp(a, b)),
					 sign(strcmp(a, b)));
			for (size_t n = 0; n < 4; n++)
				assert_int_equal(sign(our_strncmp(a, b, n)),
						 sign(strncmp(a, b, n)));
		}
	}
	assert_true(our_memcmp("a\0b", "a\0c", 3) < 0);
	assert_true(our_memcmp("\xff", "\x01", 1) > 0);
	assert_int_equal(our_memcmp("x", "y", 0), 0);
}

static void test_find(void **state)
{
	static const char text[] = "hello\0world";

	assert_int_equal(our_strlen(text), 5);
	assert_int_equal(our_strnlen(text, 3), 3);
	assert_int_equal(our_strnlen(text, 9), 5);
	assert_ptr_equal(our_strchr(text, 'l'), text + 2);
	assert_ptr_equal(our_strchr(text, 0), text + 5);
	assert_null(our_strchr(text, 'w'));
	assert_ptr_equal(our_memchr(text, 'w', sizeof(text)), text + 6);
	assert_null(our_memchr(text, 'w', 6));
}

static void test_str_copy(void **state)
{
	char buf[4] = "###";

	assert_int_equal(str_copy(buf, "hello", sizeof(buf)), 5);
	assert_string_equal(buf, "hel");
	assert_int_equal(str_copy(buf, "h", sizeof(buf)), 1);
	assert_string_equal(buf, "h");
	assert_int_equal(str_copy(buf, "xyz", 0), 3);
	assert_string_equal(buf, "h");
}

static void test_str_number(void **state)
{
	static const struct {
		const char *text;
		u64 value;
		size_t used;
	} cases[] = {
		{"0", 0, 1},
		{"512M", 512, 3},
		{"0x3f8,4", 0x3f8, 5},
		{"0XaBc", 0xabc, 5},
		{"0xg", 0, 1}, // the 0, then an x
		{"", 0, 0},
		{"x", 0, 0},
		{"-1", 0, 0},
		{"18446744073709551615", UINT64_MAX, 20},
		{"18446744073709551616", UINT64_MAX, 20},
		{"99999999999999999999999", UINT64_MAX, 23},
		{"0xffffffffffffffffff", UINT64_MAX, 20},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *end;

		assert_int_equal(str_number(cases[i].text, &end),
				 cases[i].value);
		assert_int_equal(end - cases[i].text, cases[i].used);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_str_copy),
		cmocka_unit_test(test_str_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
