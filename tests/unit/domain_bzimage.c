// SPDX-License-Identifier: MIT
// uses: src/domain/bzimage.c
//
// Finding the payload: in a bzImage made here byte by byte, in plain and
// gzipped ELF files, and in files that are none of these or lie.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "domain/bzimage.h"

#define SETUP 512 // one setup sector behind the boot sector: file offset 1024
#define PAYLOAD_AT 2048
#define PAYLOAD_BYTES 300
#define FILE_BYTES 4096

static void put(u8 *file, u32 at, u32 value, u32 bytes)
{
	memcpy(file + at, &value, bytes);
}

static u8 *bzimage(const char *magic, size_t magic_bytes)
{
	u8 *file = calloc(1, FILE_BYTES);

	put(file, 0x1f1, 1, 1); // setup sectors
	put(file, 0x1fe, 0xaa55, 2);
	put(file, 0x202, 0x53726448, 4);
	put(file, 0x206, 0x20f, 2); // protocol
	put(file, 0x20e, 0x100, 2); // version string at 0x300
	put(file, 0x211, 1, 1); // loaded high
	put(file, 0x248, PAYLOAD_AT - 1024, 4);
	put(file, 0x24c, PAYLOAD_BYTES, 4);
	strcpy((char *)file + 0x300, "6.1.0-99-amd64 (somebody) #1");
	memcpy(file + PAYLOAD_AT, magic, magic_bytes);
	put(file, PAYLOAD_AT + PAYLOAD_BYTES - 4, 0x12345, 4);
	return file;
}

static void refused(u8 *file, u64 bytes, const char *why)
{
	struct payload p;
	const char *error = bzimage_parse(&p, file, bytes);

	assert_non_null(error);
	if (!strstr(error, why))
		fail_msg("got \"%s\", wanted \"%s\"", error, why);
	free(file);
}

static void test_kinds(void **state)
{
	static const struct {
		enum payload_kind kind;
		const char *name, *magic;
		size_t bytes;
	} kinds[] = {
		{PAYLOAD_BZIP2, "bzip2", "BZh9", 4},
		{PAYLOAD_LZMA, "lzma", "\x5d\0\0", 3},
		{PAYLOAD_XZ, "xz",
		 "\xfd"
		 "7zXZ",
		 6},
		{PAYLOAD_LZ4, "lz4", "\x02\x21\x4c\x18", 4},
		{PAYLOAD_ZSTD, "zstd", "\x28\xb5\x2f\xfd", 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		u8 *file = bzimage(kinds[i].magic, kinds[i].bytes);
		struct payload p;

		assert_null(bzimage_parse(&p, file, FILE_BYTES));
		assert_int_equal(p.kind, kinds[i].kind);
		assert_string_equal(payload_name(p.kind), kinds[i].name);
		assert_ptr_equal(p.data, file + PAYLOAD_AT);
		assert_int_equal(p.bytes, PAYLOAD_BYTES - 4);
		assert_int_equal(p.output_bytes, 0x12345);
		assert_string_equal(p.version, "6.1.0-99-amd64");
		free(file);
	}
}

// gzip's own last word is the size, and stays part of the payload.
static void test_gzip(void **state)
{
	u8 *file = bzimage("\x1f\x8b", 2);
	struct payload p;

	assert_null(bzimage_parse(&p, file, FILE_BYTES));
	assert_int_equal(p.kind, PAYLOAD_GZIP);
	assert_int_equal(p.bytes, PAYLOAD_BYTES);
	assert_int_equal(p.output_bytes, 0x12345);
	free(file);
}

static void test_elf_payload(void **state)
{
	u8 *file = bzimage("\x7f"
			   "ELF",
			   4);
	struct payload p;

	assert_null(bzimage_parse(&p, file, FILE_BYTES));
	assert_int_equal(p.kind, PAYLOAD_ELF);
	assert_int_equal(p.output_bytes, PAYLOAD_BYTES);
	free(file);
}

static void test_plain_files(void **state)
{
	u8 file[32] = "\x7f"
		      "ELF";
	struct payload p;

	assert_null(bzimage_parse(&p, file, sizeof(file)));
	assert_int_equal(p.kind, PAYLOAD_ELF);
	assert_ptr_equal(p.data, file);
	assert_int_equal(p.output_bytes, sizeof(file));

	memcpy(file, "\x1f\x8b", 2);
	put(file, 28, 777, 4);
	assert_null(bzimage_parse(&p, file, sizeof(file)));
	assert_int_equal(p.kind, PAYLOAD_GZIP);
	assert_int_equal(p.bytes, sizeof(file));
	assert_int_equal(p.output_bytes, 777);
	assert_string_equal(p.version, "");
}

static void test_neither(void **state)
{
	refused(calloc(1, FILE_BYTES), FILE_BYTES, "neither");
	refused(calloc(1, 1), 0, "neither");
	refused(memcpy(calloc(1, 8),
		       "\xfd"
		       "7zXZ\0\0",
		       8),
		8, "neither");
}

static void test_unsupported(void **state)
{
	u8 *file = bzimage("\x89LZO", 4);

	refused(file, FILE_BYTES, "lzo");
	refused(bzimage("?", 1), FILE_BYTES, "do not know");
	file = bzimage("\x28\xb5\x2f\xfd", 4);
	put(file, 0x206, 0x207, 2);
	refused(file, FILE_BYTES, "older");
	file = bzimage("\x28\xb5\x2f\xfd", 4);
	put(file, 0x211, 0, 1);
	refused(file, FILE_BYTES, "zImage");
}

static void test_lies(void **state)
{
	u8 *file = bzimage("\x28\xb5\x2f\xfd", 4);

	put(file, 0x24c, FILE_BYTES - PAYLOAD_AT + 1, 4);
	refused(file, FILE_BYTES, "truncated");
	file = bzimage("\x28\xb5\x2f\xfd", 4);
	put(file, 0x248, 0xffffffff, 4);
	put(file, 0x24c, 0xffffffff, 4);
	refused(file, FILE_BYTES, "truncated");
	file = bzimage("\x28\xb5\x2f\xfd", 4);
	put(file, 0x24c, 0, 4);
	refused(file, FILE_BYTES, "empty");
	file = bzimage("\x28\xb5\x2f\xfd", 4);
	put(file, 0x24c, 6, 4);
	refused(file, FILE_BYTES, "truncated");
}

// Four setup sectors when the header says none.
static void test_zero_sectors(void **state)
{
	u8 *file = bzimage("\x28\xb5\x2f\xfd", 4);
	struct payload p;

	put(file, 0x1f1, 0, 1);
	memmove(file + 5 * 512, file + PAYLOAD_AT, PAYLOAD_BYTES);
	put(file, 0x248, 0, 4);
	assert_null(bzimage_parse(&p, file, FILE_BYTES));
	assert_ptr_equal(p.data, file + 5 * 512);
	free(file);
}

// A version string without an end, or outside of the file, is cut or left out.
static void test_version(void **state)
{
	u8 *file = bzimage("\x28\xb5\x2f\xfd", 4);
	struct payload p;

	put(file, 0x20e, 0xffff, 2);
	assert_null(bzimage_parse(&p, file, FILE_BYTES));
	assert_string_equal(p.version, "");
	memset(file + 0x300, 'x', 200);
	put(file, 0x20e, 0x100, 2);
	assert_null(bzimage_parse(&p, file, FILE_BYTES));
	assert_int_equal(strlen(p.version), sizeof(p.version) - 1);
	free(file);
}

static void test_every_cut(void **state)
{
	u8 *file = bzimage("\x28\xb5\x2f\xfd", 4);
	struct payload p;

	for (u64 n = 0; n < PAYLOAD_AT + PAYLOAD_BYTES; n++) {
		u8 *cut = malloc(n ? n : 1);

		memcpy(cut, file, n);
		assert_non_null(bzimage_parse(&p, cut, n));
		free(cut);
	}
	free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_elf_payload),
		cmocka_unit_test(test_plain_files),
		cmocka_unit_test(test_neither),
		cmocka_unit_test(test_unsupported),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_zero_sectors),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
