// SPDX-License-Identifier: MIT
// uses: src/domain/lzma2.c src/domain/lzma_dec.c
// libs: -llzma
//
// LZMA2 chunks: what liblzma packs comes out, with every kind of chunk; cut or
// changed input never writes outside and never passes for whole.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lzma.h>

#include "domain/lzma2.h"
#include "domain/scratch.h"

#define PLAIN_BYTES 300000
#define DICT_BYTES 65536

void *scratch_alloc(size_t bytes)
{
	return malloc(bytes);
}

void scratch_free(void *block)
{
	free(block);
}

static u8 plain[PLAIN_BYTES];

// A third repeats itself, a third is noise (stored in plain chunks).
static void make_plain(void)
{
	srand(1);
	for (size_t i = 0; i < PLAIN_BYTES; i++)
		plain[i] = i / (PLAIN_BYTES / 6) % 3 == 1
				   ? (u8)rand()
				   : (u8)(i % 1000 * i / 7000);
}

static size_t pack(u8 *packed, size_t room)
{
	lzma_options_lzma options;
	lzma_filter filter[] = {{LZMA_FILTER_LZMA2, &options},
				{LZMA_VLI_UNKNOWN, NULL}};
	size_t bytes = 0;

	lzma_lzma_preset(&options, 6);
	options.dict_size = DICT_BYTES;
	assert_int_equal(lzma_raw_buffer_encode(filter, NULL, plain,
						PLAIN_BYTES, packed, &bytes,
						room),
			 LZMA_OK);
	return bytes;
}

// Input and output in blocks of exactly their size, so that ASan sees each
// step outside.
static enum inflate_result unpack(const u8 *packed, size_t bytes,
				  size_t out_bytes, u32 dict_bytes)
{
	u8 *copy = malloc(bytes ? bytes : 1), *out = calloc(1, out_bytes);
	struct inflate job = {copy, bytes, out, out_bytes};
	enum inflate_result result;
	size_t used;

	memcpy(copy, packed, bytes);
	result = lzma2_decode(&job, dict_bytes, &used);
	if (result == INFLATE_OK) {
		assert_int_equal(used, bytes);
		assert_memory_equal(out, plain, out_bytes);
	}
	free(copy);
	free(out);
	return result;
}

static void test_whole(void **state)
{
	u8 *packed = malloc(2 * PLAIN_BYTES);
	size_t n = pack(packed, 2 * PLAIN_BYTES);

	assert_int_equal(unpack(packed, n, PLAIN_BYTES, DICT_BYTES),
			 INFLATE_OK);
	assert_int_equal(unpack(packed, n, PLAIN_BYTES - 1, DICT_BYTES),
			 INFLATE_CORRUPT);
	assert_int_equal(unpack(packed, n, PLAIN_BYTES + 1, DICT_BYTES),
			 INFLATE_CORRUPT);
	free(packed);
}

static void test_cut(void **state)
{
	u8 *packed = malloc(2 * PLAIN_BYTES);
	size_t n = pack(packed, 2 * PLAIN_BYTES);

	for (size_t cut = 0; cut < n; cut += cut < 64 ? 1 : n / 50)
		assert_int_equal(unpack(packed, cut, PLAIN_BYTES, DICT_BYTES),
				 INFLATE_CORRUPT);
	free(packed);
}

// The first chunk's header says that the dictionary begins anew and which
// properties hold; each lie about that is refused.
static void test_first_chunk(void **state)
{
	u8 *packed = malloc(2 * PLAIN_BYTES);
	size_t n = pack(packed, 2 * PLAIN_BYTES);
	u8 first = packed[0];

	assert_true(first >= 0xe0);
	for (u32 control = 0; control < 0xe0; control++) {
		packed[0] = (u8)control;
		assert_int_equal(unpack(packed, n, PLAIN_BYTES, DICT_BYTES),
				 INFLATE_CORRUPT);
	}
	packed[0] = first;
	packed[5] = 225; // of properties the least that is too much
	assert_int_equal(unpack(packed, n, PLAIN_BYTES, DICT_BYTES),
			 INFLATE_CORRUPT);
	free(packed);
}

// No checksum here: damage may give other bytes, but the size is kept.
static void test_damage(void **state)
{
	u8 *packed = malloc(2 * PLAIN_BYTES), *out = malloc(PLAIN_BYTES);
	size_t n = pack(packed, 2 * PLAIN_BYTES), used;
	struct inflate job = {packed, n, out, PLAIN_BYTES};

	srand(2);
	for (int i = 0; i < 300; i++) {
		size_t at = (size_t)rand() % n;
		u8 old = packed[at];

		packed[at] = (u8)rand();
		if (lzma2_decode(&job, DICT_BYTES, &used) == INFLATE_OK)
			assert_true(used <= n);
		packed[at] = old;
	}
	free(packed);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_first_chunk),
		cmocka_unit_test(test_damage),
	};

	make_plain();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
