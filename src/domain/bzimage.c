// SPDX-License-Identifier: MIT
//
// Linux' x86 boot protocol (Documentation/arch/x86/boot.rst): since version
// 2.08 the setup header says where in the file the compressed vmlinux lies. The
// build appends the unpacked size to it, except to gzip, which ends so anyway.
#include "domain/bzimage.h"

#include "domain/elf.h"
#include "lib/string.h"

// Offsets in the file.
#define SETUP_SECTS 0x1f1
#define BOOT_FLAG 0x1fe
#define HEADER_MAGIC 0x202
#define PROTOCOL 0x206
#define KERNEL_VERSION 0x20e // of a string, less 0x200
#define LOADFLAGS 0x211
#define PAYLOAD_OFFSET 0x248 // from the end of the setup sectors
#define PAYLOAD_LENGTH 0x24c
#define HEADER_END 0x250

#define MAGIC_HDRS 0x53726448
#define LOADED_HIGH 0x1
#define SECTOR 512u

struct format {
	enum payload_kind kind;
	const char *name;
	u8 magic_bytes;
	u8 magic[6];
};

static const struct format formats[] = {
	{PAYLOAD_UNKNOWN, "unknown", 0, {0}},
	{PAYLOAD_ELF, "uncompressed", 4, {0x7f, 'E', 'L', 'F'}},
	{PAYLOAD_GZIP, "gzip", 2, {0x1f, 0x8b}},
	{PAYLOAD_BZIP2, "bzip2", 3, {'B', 'Z', 'h'}},
	{PAYLOAD_LZMA, "lzma", 3, {0x5d, 0x00, 0x00}},
	{PAYLOAD_XZ, "xz", 6, {0xfd, '7', 'z', 'X', 'Z', 0x00}},
	{PAYLOAD_LZO, "lzo", 4, {0x89, 'L', 'Z', 'O'}},
	{PAYLOAD_LZ4, "lz4", 4, {0x02, 0x21, 0x4c, 0x18}},
	{PAYLOAD_ZSTD, "zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}},
};

_Static_assert(ARRAY_SIZE(formats) == PAYLOAD_ZSTD + 1, "a row per kind");

const char *payload_name(enum payload_kind kind)
{
	return formats[kind].name;
}

static u32 load(const u8 *file, u64 offset, u32 bytes)
{
	u32 value = 0;

	memcpy(&value, file + offset, bytes);
	return value;
}

static enum payload_kind kind_of(const u8 *data, u64 bytes)
{
	for (u32 i = PAYLOAD_ELF; i < ARRAY_SIZE(formats); i++) {
		const struct format *f = &formats[i];

		if (bytes >= f->magic_bytes &&
		    memcmp(data, f->magic, f->magic_bytes) == 0)
			return f->kind;
	}
	return PAYLOAD_UNKNOWN;
}

// Fills p for the compressed or plain file at data.
static const char *find_payload(struct payload *p, const u8 *data, u64 bytes)
{
	p->kind = kind_of(data, bytes);
	p->data = data;
	p->bytes = p->output_bytes = bytes;
	if (p->kind == PAYLOAD_UNKNOWN)
		return "is packed in a way we do not know; use a kernel packed "
		       "with gzip, xz, zstd, lz4, lzma or bzip2";
	if (p->kind == PAYLOAD_LZO)
		return "is packed with lzo; use a kernel packed with gzip, xz, "
		       "zstd, lz4, lzma or bzip2";
	if (p->kind == PAYLOAD_ELF)
		return NULL;
	if (bytes < 8)
		return "is truncated: nothing is left of its payload";
	if (bytes > UINT32_MAX)
		return "is too large: a packed kernel is below 4 GiB";
	p->output_bytes = load(data, bytes - 4, 4);
	if (p->kind != PAYLOAD_GZIP)
		p->bytes -= 4;
	return NULL;
}

// The version string's first word.
static void read_version(struct payload *p, const u8 *file, u64 bytes)
{
	u64 at = load(file, KERNEL_VERSION, 2) + 0x200ull;
	size_t n = 0;

	if (at == 0x200)
		return;
	while (at + n < bytes && n < sizeof(p->version) - 1 &&
	       file[at + n] > ' ' && file[at + n] < 0x7f) {
		p->version[n] = (char)file[at + n];
		n++;
	}
	p->version[n] = '\0';
}

static const char *parse_linux(struct payload *p, const u8 *file, u64 bytes)
{
	u64 sectors = load(file, SETUP_SECTS, 1);
	u64 offset, length;

	if (load(file, PROTOCOL, 2) < 0x208)
		return "is a Linux kernel older than 2.6.26; use a newer one";
	if (!(load(file, LOADFLAGS, 1) & LOADED_HIGH))
		return "is a zImage; use a bzImage";
	read_version(p, file, bytes);
	// Zero stands for four, from the days of floppy disks.
	offset = ((sectors ? sectors : 4) + 1) * SECTOR +
		 load(file, PAYLOAD_OFFSET, 4);
	length = load(file, PAYLOAD_LENGTH, 4);
	if (length == 0)
		return "is damaged: its header names an empty payload";
	if (offset + length > bytes)
		return "is truncated: it is shorter than its header says; "
		       "copy it again";
	return find_payload(p, file + offset, length);
}

const char *bzimage_parse(struct payload *p, const void *file, u64 bytes)
{
	const u8 *f = file;

	memset(p, 0, sizeof(*p));
	if (bytes >= HEADER_END && load(f, BOOT_FLAG, 2) == 0xaa55 &&
	    load(f, HEADER_MAGIC, 4) == MAGIC_HDRS)
		return parse_linux(p, f, bytes);
	switch (kind_of(f, bytes)) {
	case PAYLOAD_ELF:
	case PAYLOAD_GZIP:
		return find_payload(p, f, bytes);
	default:
		return "is neither a Linux bzImage nor an ELF file, or is "
		       "truncated; give a kernel as the first module";
	}
}
