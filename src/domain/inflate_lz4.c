// SPDX-License-Identifier: MIT
//
// The legacy LZ4 frame that Linux uses, by liblz4: after the magic number come
// blocks, each with its packed size in front and 8 MiB when unpacked (the last
// one is smaller).
#include "domain/inflate.h"
#include "lib/string.h"

#include <lz4.h>

#define MAGIC_BYTES 4
#define BLOCK_BYTES MIB(8)

// Unpacks the block at `at`; returns how much came out, 0 on any error.
static size_t unpack_block(const struct inflate *job, size_t at, u32 bytes,
			   size_t done)
{
	size_t room = min(job->out_bytes - done, (size_t)BLOCK_BYTES);
	int n;

	if (bytes > job->in_bytes - at || bytes > LZ4_MAX_INPUT_SIZE)
		return 0;
	n = LZ4_decompress_safe((const char *)job->in + at,
				(char *)job->out + done, (int)bytes, (int)room);
	return n > 0 ? (size_t)n : 0;
}

enum inflate_result inflate_lz4(const struct inflate *job)
{
	size_t at = MAGIC_BYTES, done = 0, n;
	u32 bytes;

	while (done < job->out_bytes) {
		if (job->in_bytes < at + sizeof(bytes))
			return INFLATE_CORRUPT;
		memcpy(&bytes, job->in + at, sizeof(bytes));
		at += sizeof(bytes);
		n = unpack_block(job, at, bytes, done);
		if (n == 0)
			return INFLATE_CORRUPT;
		at += bytes;
		done += n;
	}
	return at == job->in_bytes ? INFLATE_OK : INFLATE_CORRUPT;
}
