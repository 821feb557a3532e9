// SPDX-License-Identifier: MIT
//
// gzip by zlib.
#include "domain/inflate.h"
#include "domain/scratch.h"

#define ZLIB_CONST
#include <zlib.h>

#define GZIP_ONLY 16 // added to the window size: expect a gzip header

static voidpf zlib_alloc(voidpf opaque maybe_unused, uInt items, uInt size)
{
	return scratch_alloc((size_t)items * size);
}

static void zlib_free(voidpf opaque maybe_unused, voidpf block)
{
	scratch_free(block);
}

enum inflate_result inflate_gzip(const struct inflate *job)
{
	z_stream z = {
		.zalloc = zlib_alloc,
		.zfree = zlib_free,
		.next_in = job->in,
		.avail_in = (uInt)job->in_bytes,
		.next_out = job->out,
		.avail_out = (uInt)job->out_bytes,
	};
	int end;

	if (inflateInit2(&z, GZIP_ONLY + MAX_WBITS) != Z_OK)
		return INFLATE_NO_MEMORY;
	end = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	if (end == Z_MEM_ERROR)
		return INFLATE_NO_MEMORY;
	return end == Z_STREAM_END && z.avail_out == 0 ? INFLATE_OK
						       : INFLATE_CORRUPT;
}
