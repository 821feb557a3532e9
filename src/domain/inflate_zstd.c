// SPDX-License-Identifier: MIT
//
// zstd by libzstd. One call from whole input to whole output needs no window,
// which in Debian's kernels would be 128 MiB.
#include "domain/inflate.h"
#include "domain/scratch.h"

#define ZSTD_STATIC_LINKING_ONLY // custom allocator
#include <zstd.h>

static void *zstd_alloc(void *opaque maybe_unused, size_t bytes)
{
	return scratch_alloc(bytes);
}

static void zstd_free(void *opaque maybe_unused, void *block)
{
	scratch_free(block);
}

enum inflate_result inflate_zstd(const struct inflate *job)
{
	const ZSTD_customMem memory = {zstd_alloc, zstd_free, NULL};
	ZSTD_DCtx *context;
	size_t n;

	// Exactly one frame: what follows it could be in an old format.
	if (ZSTD_findFrameCompressedSize(job->in, job->in_bytes) !=
	    job->in_bytes)
		return INFLATE_CORRUPT;
	context = ZSTD_createDCtx_advanced(memory);
	if (!context)
		return INFLATE_NO_MEMORY;
	n = ZSTD_decompressDCtx(context, job->out, job->out_bytes, job->in,
				job->in_bytes);
	ZSTD_freeDCtx(context);
	return n == job->out_bytes ? INFLATE_OK : INFLATE_CORRUPT;
}
