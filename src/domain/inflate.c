// SPDX-License-Identifier: MIT
//
// Chooses the unpacker and turns its result into words.
#include "domain/inflate.h"

typedef enum inflate_result inflate_fn(const struct inflate *job);

static inflate_fn *const inflate_table[] = {
	[PAYLOAD_GZIP] = inflate_gzip, [PAYLOAD_BZIP2] = inflate_bzip2,
	[PAYLOAD_LZMA] = inflate_lzma, [PAYLOAD_XZ] = inflate_xz,
	[PAYLOAD_LZ4] = inflate_lz4,   [PAYLOAD_ZSTD] = inflate_zstd,
};

const char *inflate_payload(const struct payload *p, void *out)
{
	const struct inflate job = {
		.in = p->data,
		.in_bytes = p->bytes,
		.out = out,
		.out_bytes = p->output_bytes,
	};

	switch (inflate_table[p->kind](&job)) {
	case INFLATE_OK:
		return NULL;
	case INFLATE_NO_MEMORY:
		return "cannot be unpacked: too little memory; give "
		       "the machine more";
	default:
		return "is damaged: its payload does not unpack; copy it again";
	}
}
