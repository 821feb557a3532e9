// SPDX-License-Identifier: MIT
//
// xz in all its forms and its predecessor lzma, by liblzma.
#include "domain/inflate_lzma.h"
#include "domain/scratch.h"

// Enough for the largest preset (xz -9e: 64 MiB window) twice over; more than
// that a kernel's header has no reason to ask for.
#define MEMORY_LIMIT MIB(192)

static void *lzma_alloc(void *opaque maybe_unused, size_t items, size_t size)
{
	return scratch_alloc(items * size);
}

static void lzma_free(void *opaque maybe_unused, void *block)
{
	scratch_free(block);
}

const lzma_allocator lzma_memory = {
	.alloc = lzma_alloc,
	.free = lzma_free,
};

static enum inflate_result run(lzma_stream *s, lzma_ret ready,
			       const struct inflate *job)
{
	lzma_ret end = ready;

	s->next_in = job->in;
	s->avail_in = job->in_bytes;
	s->next_out = job->out;
	s->avail_out = job->out_bytes;
	// A call without progress is an error, so this ends.
	while (end == LZMA_OK)
		end = lzma_code(s, LZMA_FINISH);
	lzma_end(s);
	if (end == LZMA_MEM_ERROR || end == LZMA_MEMLIMIT_ERROR)
		return INFLATE_NO_MEMORY;
	return end == LZMA_STREAM_END && s->avail_out == 0 ? INFLATE_OK
							   : INFLATE_CORRUPT;
}

enum inflate_result inflate_any_xz(const struct inflate *job)
{
	lzma_stream s = {.allocator = &lzma_memory};

	return run(&s, lzma_stream_decoder(&s, MEMORY_LIMIT, 0), job);
}

enum inflate_result inflate_lzma(const struct inflate *job)
{
	lzma_stream s = {.allocator = &lzma_memory};

	return run(&s, lzma_alone_decoder(&s, MEMORY_LIMIT), job);
}
