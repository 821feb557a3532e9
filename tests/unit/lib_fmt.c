// SPDX-License-Identifier: MIT
// uses: src/lib/fmt.c
//
// Formatting: each conversion with its flags, compared with the C library's
// where that agrees, and buffers that are too small.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fmt.h"

#define SAME(...)                                                      \
	do {                                                           \
		char ours[128], theirs[128];                           \
		int n = fmt_print(ours, sizeof(ours), __VA_ARGS__);    \
		int m = snprintf(theirs, sizeof(theirs), __VA_ARGS__); \
		assert_string_equal(ours, theirs);                     \
		assert_int_equal(n, m);                                \
	} while (0)

static void test_numbers(void **state)
{
	SAME("%d %d %d", 0, -1, 2147483647);
	SAME("%d", -2147483647 - 1);
	SAME("%ld %lu", (long)INT64_MIN, UINT64_MAX);
	SAME("%lld %llu %zu", -5ll, 5ull, (size_t)77);
	SAME("%x %X %lx", 0xbeefu, 0xbeefu, 0x123456789abcdefUL);
	SAME("%hu %hhu %hd %hhd", 65537, 258, 65535, 255);
	SAME("[%5d] [%-5d] [%05d] [%05d]", 42, 42, 42, -42);
	SAME("[%8x] [%08x] [%-8x] [%016lx]", 0xau, 0xau, 0xau, 0xabcUL);
	SAME("[%2d] [%02x]", 12345, 0x12345u);
	SAME("%i %u", -3, 3u);
}

static void test_text(void **state)
{
	SAME("%s|%10s|%-10s|%.3s|%10.3s|", "abcdef", "abc", "abc", "abcdef",
	     "abcdef");
	SAME("%c%c %5c|%-5c|", 'a', 'b', 'c', 'd');
	SAME("100%% %s", "done");
	SAME("%s", "");
}

static void test_pointer(void **state)
{
	char buf[32];

	fmt_print(buf, sizeof(buf), "%p", (void *)0x1234);
	assert_string_equal(buf, "0000000000001234");
}

static void test_precision_needs_no_end(void **state)
{
	static const char open_end[3] = {'a', 'b', 'c'};
	char buf[8];

	fmt_print(buf, sizeof(buf), "%.3s", open_end);
	assert_string_equal(buf, "abc");
}

static void test_small_buffers(void **state)
{
	char buf[8] = "#######";

	assert_int_equal(fmt_print(buf, 4, "%d", 123456), 6);
	assert_string_equal(buf, "123");
	assert_int_equal(buf[4], '#');
	assert_int_equal(fmt_print(buf, 1, "xyz"), 3);
	assert_string_equal(buf, "");
	assert_int_equal(fmt_print(NULL, 0, "xyz"), 3);
}

static void test_odd_formats(void **state)
{
	char buf[32];
	const char *cut = "ab%", *unknown = "a%qb", *none = NULL;
	const char *volatile f = cut; // the compiler would warn

	fmt_print(buf, sizeof(buf), f);
	assert_string_equal(buf, "ab");
	f = unknown;
	fmt_print(buf, sizeof(buf), f);
	assert_string_equal(buf, "aqb");
	f = "%s";
	fmt_print(buf, sizeof(buf), f, none);
	assert_string_equal(buf, "(null)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_pointer),
		cmocka_unit_test(test_precision_needs_no_end),
		cmocka_unit_test(test_small_buffers),
		cmocka_unit_test(test_odd_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
