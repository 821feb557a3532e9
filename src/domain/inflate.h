// SPDX-License-Identifier: MIT
//
// Unpacking a compressed kernel with the distribution's own libraries (liblzma
// and the LZMA SDK, libzstd, zlib, liblz4, libbz2). Each has one file here that
// knows its interface. All of them write to the output in one go, so that none
// keeps a second window of the data where the format allows it.
#pragma once

#include "domain/bzimage.h"
#include "lib/types.h"

// What an unpacker gets. Input and output do not overlap.
struct inflate {
	const u8 *in;
	size_t in_bytes;
	u8 *out;
	size_t out_bytes; // exactly this much must come out
};

// Unpacks p into out, which has room for p->output_bytes. The caller has made
// the vector unit usable (domain/build_kernel.c). Returns 0, or a sentence
// saying what is wrong with the kernel file.
const char *must_check inflate_payload(const struct payload *p, void *out);

// The results of one unpacker.
enum inflate_result { INFLATE_OK, INFLATE_CORRUPT, INFLATE_NO_MEMORY };

// One file each. CORRUPT also when more or less than out_bytes comes out.
enum inflate_result inflate_gzip(const struct inflate *job);
enum inflate_result inflate_bzip2(const struct inflate *job);
enum inflate_result inflate_xz(const struct inflate *job);
enum inflate_result inflate_lzma(const struct inflate *job);
enum inflate_result inflate_lz4(const struct inflate *job);
enum inflate_result inflate_zstd(const struct inflate *job);
