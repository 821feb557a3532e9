// SPDX-License-Identifier: MIT
//
// bzip2 by libbz2.
#include "domain/inflate.h"
#include "domain/scratch.h"

#define BZ_NO_STDIO
#include <bzlib.h>

static void *bzip2_alloc(void *opaque maybe_unused, int items, int size)
{
	return scratch_alloc((size_t)items * (size_t)size);
}

static void bzip2_free(void *opaque maybe_unused, void *block)
{
	scratch_free(block);
}

enum inflate_result inflate_bzip2(const struct inflate *job)
{
	bz_stream bz = {
		.bzalloc = bzip2_alloc,
		.bzfree = bzip2_free,
		.next_in = (char *)(uintptr_t)job->in, // it only reads
		.avail_in = (u32)job->in_bytes,
		.next_out = (char *)job->out,
		.avail_out = (u32)job->out_bytes,
	};
	int end;

	if (BZ2_bzDecompressInit(&bz, 0, 0) != BZ_OK)
		return INFLATE_NO_MEMORY;
	end = BZ2_bzDecompress(&bz);
	BZ2_bzDecompressEnd(&bz);
	if (end == BZ_MEM_ERROR)
		return INFLATE_NO_MEMORY;
	return end == BZ_STREAM_END && bz.avail_out == 0 ? INFLATE_OK
							 : INFLATE_CORRUPT;
}
