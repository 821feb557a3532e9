// SPDX-License-Identifier: MIT
// uses: src/domain/inflate.c src/domain/inflate_gzip.c src/domain/inflate_bzip2.c src/domain/inflate_lzma.c src/domain/inflate_xz.c src/domain/lzma2.c src/domain/lzma_dec.c src/domain/bcj_x86.c src/domain/inflate_lz4.c src/domain/inflate_zstd.c
// libs: -llzma -lzstd -lz -llz4 -lbz2
//
// Each unpacker on what the real tool packs, given the options of the Linux
// build: the right bytes come out; with damaged, cut or lying input an error
// does, and all scratch memory is given back either way.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "domain/inflate.h"
#include "domain/scratch.h"

#define PLAIN_BYTES (MIB(9) + 12345) // more than one LZ4 block
#define SOME_BYTES (KIB(700) + 123) // enough for the others

static const struct tool {
	enum payload_kind kind;
	const char *command;
	size_t plain; // how much of the text to pack
	bool checked; // the format has a checksum: no damage passes
} tools[] = {
	{PAYLOAD_GZIP, "gzip -n -9 -c", SOME_BYTES, true},
	{PAYLOAD_BZIP2, "bzip2 -9 -c", SOME_BYTES, true},
	{PAYLOAD_XZ, "xz --check=crc32 --x86 --lzma2=,dict=32MiB -c",
	 SOME_BYTES, true},
	{PAYLOAD_XZ, "xz --x86 --lzma2=preset=1,lc=1,lp=3,pb=0 -c", SOME_BYTES,
	 true},
	{PAYLOAD_XZ, "xz --check=sha256 --x86 --lzma2 -c", SOME_BYTES, true},
	{PAYLOAD_XZ, "xz --check=crc64 -1 -c", SOME_BYTES, true},
	{PAYLOAD_XZ, "xz --block-size=200000 --x86 --lzma2 -c", SOME_BYTES,
	 true},
	{PAYLOAD_LZMA, "xz --format=lzma -9 -c", SOME_BYTES, false},
	{PAYLOAD_LZ4, "lz4 -l -9 -c", PLAIN_BYTES, false},
	{PAYLOAD_ZSTD, "zstd -q -22 --ultra -c", SOME_BYTES, true},
	{PAYLOAD_ZSTD, "zstd -q --no-check -3 -c", SOME_BYTES, false},
};

static u8 *plain;
static int live_blocks;
static int blocks_left = -1; // allocations until memory runs out; -1: never

void *scratch_alloc(size_t bytes)
{
	if (blocks_left == 0)
		return NULL;
	if (blocks_left > 0)
		blocks_left--;
	live_blocks++;
	return malloc(bytes);
}

void scratch_free(void *block)
{
	if (!block)
		return;
	live_blocks--;
	free(block);
}

// Text that is neither trivial nor random: packs to about a fifth.
static void make_plain(void)
{
	u32 seed = 1;
	size_t n = 0;

	plain = malloc(PLAIN_BYTES);
	while (n < PLAIN_BYTES) {
		size_t length = 4 + (seed >> 8) % 60, back;

		seed = seed * 1664525 + 1013904223;
		back = 1 + (seed >> 4) % 40000;
		for (; length && n < PLAIN_BYTES; length--, n++)
			plain[n] = back <= n && seed % 8
					   ? plain[n - back]
					   : (u8)(seed >> length % 24);
	}
}

static u8 *pack(const struct tool *t, size_t *bytes)
{
	char name[] = "/tmp/ringfort-inflate-XXXXXX";
	char command[256];
	int fd = mkstemp(name);
	u8 *packed = malloc(t->plain);
	FILE *f;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, plain, t->plain), t->plain);
	close(fd);
	snprintf(command, sizeof(command), "%s <%s", t->command, name);
	f = popen(command, "r");
	assert_non_null(f);
	*bytes = fread(packed, 1, t->plain, f);
	assert_int_equal(pclose(f), 0);
	unlink(name);
	return packed;
}

// Unpacks a copy in a block of exactly its size, so that ASan sees every step
// outside. out is cleared first.
static const char *unpack(const struct tool *t, const u8 *packed, size_t bytes,
			  u8 *out, size_t out_bytes)
{
	struct payload p = {
		.kind = t->kind, .bytes = bytes, .output_bytes = out_bytes};
	u8 *copy = malloc(bytes ? bytes : 1);
	const char *error;

	memcpy(copy, packed, bytes);
	p.data = copy;
	error = inflate_payload(&p, out);
	free(copy);
	assert_int_equal(live_blocks, 0);
	return error;
}

static void check_good(const struct tool *t, const u8 *packed, size_t bytes,
		       u8 *out)
{
	const char *error = unpack(t, packed, bytes, out, t->plain);

	if (error)
		fail_msg("%s: %s", t->command, error);
	assert_memory_equal(out, plain, t->plain);
}

static void check_size_lies(const struct tool *t, const u8 *packed,
			    size_t bytes)
{
	u8 *out = malloc(t->plain + 1);

	assert_non_null(unpack(t, packed, bytes, out, t->plain + 1));
	free(out);
	out = malloc(t->plain - 1);
	assert_non_null(unpack(t, packed, bytes, out, t->plain - 1));
	free(out);
}

static void check_cuts(const struct tool *t, const u8 *packed, size_t bytes,
		       u8 *out)
{
	for (size_t n = 3; n < 40; n += 3)
		assert_non_null(unpack(t, packed, n, out, t->plain));
	assert_non_null(unpack(t, packed, bytes / 2, out, t->plain));
	assert_non_null(unpack(t, packed, bytes - 1, out, t->plain));
}

static void check_damage(const struct tool *t, u8 *packed, size_t bytes,
			 u8 *out)
{
	for (size_t i = 0; i < 12; i++) {
		size_t at = i < 6 ? 4 + i * 3 : bytes / 13 * i;

		packed[at] ^= 0x40;
		if (!unpack(t, packed, bytes, out, t->plain) && t->checked)
			assert_memory_equal(out, plain, t->plain);
		packed[at] ^= 0x40;
	}
}

// Memory that runs out at the first, second... allocation is an error too.
static void check_no_memory(const struct tool *t, const u8 *packed,
			    size_t bytes, u8 *out)
{
	const char *error = "";
	int most = 0;

	for (; error; most++) {
		blocks_left = most;
		error = unpack(t, packed, bytes, out, t->plain);
		if (error)
			assert_non_null(strstr(error, "memory"));
	}
	blocks_left = -1;
}

static void test_tool(void **state)
{
	const struct tool *t = *state;
	u8 *out = malloc(t->plain);
	size_t bytes;
	u8 *packed = pack(t, &bytes);

	check_good(t, packed, bytes, out);
	check_size_lies(t, packed, bytes);
	check_cuts(t, packed, bytes, out);
	check_damage(t, packed, bytes, out);
	check_no_memory(t, packed, bytes, out);
	check_good(t, packed, bytes, out);
	free(packed);
	free(out);
}

// What follows a zstd frame could be in a format from before 1.0.
static void test_second_frame(void **state)
{
	const struct tool *t = &tools[ARRAY_SIZE(tools) - 1];
	u8 *out = malloc(t->plain);
	size_t bytes;
	u8 *packed = pack(t, &bytes);

	memcpy(packed + bytes, "\x27\xb5\x2f\xfd", 4);
	assert_non_null(unpack(t, packed, bytes + 40, out, t->plain));
	free(packed);
	free(out);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(tools) + 1] = {0};

	make_plain();
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		tests[i].name = tools[i].command;
		tests[i].test_func = test_tool;
		tests[i].initial_state = (void *)&tools[i];
	}
	tests[ARRAY_SIZE(tools)] =
		(struct CMUnitTest)cmocka_unit_test(test_second_frame);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
