// SPDX-License-Identifier: MIT
//
// Finding the real kernel in the file that the loader gave us: a Linux bzImage
// with a compressed payload, a compressed ELF file, or a plain one. Pure.
#pragma once

#include "lib/types.h"

enum payload_kind {
	PAYLOAD_UNKNOWN,
	PAYLOAD_ELF,
	PAYLOAD_GZIP,
	PAYLOAD_BZIP2,
	PAYLOAD_LZMA,
	PAYLOAD_XZ,
	PAYLOAD_LZO,
	PAYLOAD_LZ4,
	PAYLOAD_ZSTD,
};

struct payload {
	enum payload_kind kind;
	const u8 *data; // inside the file
	u64 bytes; // without the size that Linux puts behind it
	u64 output_bytes; // size when unpacked, as the file claims
	char version[64]; // "6.1.0-56-amd64", or "" when the file does not say
};

// Name of the format for messages: "xz".
const char *payload_name(enum payload_kind kind);

// Finds the payload in a file. Returns 0, or a sentence saying what is wrong
// with the file and what to do about it.
const char *must_check bzimage_parse(struct payload *p, const void *file,
				     u64 bytes);
