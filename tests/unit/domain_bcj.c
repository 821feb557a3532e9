// SPDX-License-Identifier: MIT
// uses: src/domain/bcj_x86.c
// libs: -llzma
//
// The x86 filter undone: what liblzma's filter makes of random bytes rich in
// opcodes and signs, of real code and of lengths down to nothing comes out as
// it went in.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lzma.h>

#include "domain/bcj_x86.h"

#define ROUNDS 3000
#define MOST 200

// Packs with both filters and unpacks with LZMA2 alone: leaves what the x86
// filter made of it.
static void filter(u8 *bytes, size_t n)
{
	lzma_options_lzma options;
	lzma_filter both[] = {{LZMA_FILTER_X86, NULL},
			      {LZMA_FILTER_LZMA2, &options},
			      {LZMA_VLI_UNKNOWN, NULL}};
	size_t room = n + 4096, packed = 0, at = 0, out = 0;
	u8 *buffer = malloc(room);

	lzma_lzma_preset(&options, 0);
	options.dict_size = LZMA_DICT_SIZE_MIN;
	assert_int_equal(lzma_raw_buffer_encode(both, NULL, bytes, n, buffer,
						&packed, room),
			 LZMA_OK);
	assert_int_equal(lzma_raw_buffer_decode(both + 1, NULL, buffer, &at,
						packed, bytes, &out, n),
			 LZMA_OK);
	assert_int_equal(out, n);
	free(buffer);
}

static void check(const u8 *plain, size_t n)
{
	u8 *copy = malloc(n ? n : 1);

	memcpy(copy, plain, n);
	filter(copy, n);
	bcj_x86_decode(copy, n);
	assert_memory_equal(copy, plain, n);
	free(copy);
}

static u8 biased(void)
{
	static const u8 likely_bytes[] = {0xe8, 0xe9, 0x00, 0xff};
	u32 r = (u32)rand();

	return r % 8 ? likely_bytes[r / 8 % 4] : (u8)(r >> 8);
}

static void test_random(void **state)
{
	u8 bytes[MOST];

	srand(1);
	for (int round = 0; round < ROUNDS; round++) {
		size_t n = (size_t)round % MOST;

		for (size_t i = 0; i < n; i++)
			bytes[i] = biased();
		check(bytes, n);
	}
}

// Far enough that positions have more than two bytes.
static void test_long(void **state)
{
	size_t n = 300000;
	u8 *bytes = malloc(n);

	srand(2);
	for (size_t i = 0; i < n; i++)
		bytes[i] = biased();
	check(bytes, n);
	free(bytes);
}

static void test_code(void **state)
{
	FILE *f = fopen("/proc/self/exe", "rb");
	size_t n = 500000;
	u8 *bytes = malloc(n);

	assert_non_null(f);
	n = fread(bytes, 1, n, f);
	assert_true(n > 10000);
	fclose(f);
	check(bytes, n);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
