// SPDX-License-Identifier: MIT
//
// xz. The form that kernels come in, one block of x86 code, is unpacked in
// place (domain/lzma2.c); liblzma reads and checks what is around it. Every
// other form is liblzma's alone, and so is the verdict about what fails here.
#include "domain/bcj_x86.h"
#include "domain/inflate_lzma.h"
#include "domain/lzma2.h"

struct xz {
	const struct inflate *job;
	size_t at; // in the input
	lzma_stream_flags stream;
	lzma_block block;
	lzma_filter filters[LZMA_FILTERS_MAX + 1];
};

static bool stream_header(struct xz *x)
{
	if (x->job->in_bytes < LZMA_STREAM_HEADER_SIZE)
		return false;
	x->at = LZMA_STREAM_HEADER_SIZE;
	return lzma_stream_header_decode(&x->stream, x->job->in) == LZMA_OK;
}

// On success x->filters has to be freed.
static bool block_header(struct xz *x)
{
	const u8 *in = x->job->in + x->at;
	size_t left = x->job->in_bytes - x->at;

	if (left == 0 || in[0] == 0) // 0: no block follows
		return false;
	x->block = (lzma_block){
		.header_size = lzma_block_header_size_decode(in[0]),
		.check = x->stream.check,
		.filters = x->filters,
	};
	if (x->block.header_size > left ||
	    lzma_block_header_decode(&x->block, &lzma_memory, in) != LZMA_OK)
		return false;
	x->at += x->block.header_size;
	return true;
}

static bool is_usual(const struct xz *x)
{
	const lzma_filter *f = x->filters;

	return (x->block.check == LZMA_CHECK_CRC32 ||
		x->block.check == LZMA_CHECK_CRC64) &&
	       f[0].id == LZMA_FILTER_X86 && !f[0].options &&
	       f[1].id == LZMA_FILTER_LZMA2 && f[2].id == LZMA_VLI_UNKNOWN;
}

static bool block_data(struct xz *x)
{
	const lzma_options_lzma *options = x->filters[1].options;
	struct inflate rest = *x->job;
	size_t used;

	rest.in += x->at;
	rest.in_bytes -= x->at;
	if (lzma2_decode(&rest, options->dict_size, &used) != INFLATE_OK)
		return false;
	bcj_x86_decode(rest.out, rest.out_bytes);
	x->at += used;
	// Also compares with the size in the header, if one is there.
	return lzma_block_compressed_size(
		       &x->block, x->block.header_size + used +
					  lzma_check_size(x->block.check)) ==
	       LZMA_OK;
}

// Padding to a multiple of four, then the checksum of what came out.
static bool block_check(struct xz *x)
{
	const struct inflate *job = x->job;
	u32 bytes = lzma_check_size(x->block.check);
	u64 stored = 0, sum;

	for (; x->at % 4 && x->at < job->in_bytes; x->at++)
		if (job->in[x->at])
			return false;
	if (job->in_bytes - x->at < bytes)
		return false;
	memcpy(&stored, job->in + x->at, bytes);
	x->at += bytes;
	sum = x->block.check == LZMA_CHECK_CRC32
		      ? lzma_crc32(job->out, job->out_bytes, 0)
		      : lzma_crc64(job->out, job->out_bytes, 0);
	return stored == sum;
}

// The index has the sizes of the one block, and nothing else.
static bool index_agrees(struct xz *x, lzma_index_hash *index)
{
	const struct inflate *job = x->job;

	return lzma_index_hash_append(index,
				      lzma_block_unpadded_size(&x->block),
				      job->out_bytes) == LZMA_OK &&
	       lzma_index_hash_decode(index, job->in, &x->at, job->in_bytes) ==
		       LZMA_STREAM_END;
}

static bool footer_agrees(const struct xz *x, lzma_vli index_bytes)
{
	lzma_stream_flags footer;

	return x->job->in_bytes - x->at >= LZMA_STREAM_HEADER_SIZE &&
	       lzma_stream_footer_decode(&footer, x->job->in + x->at) ==
		       LZMA_OK &&
	       lzma_stream_flags_compare(&x->stream, &footer) == LZMA_OK &&
	       footer.backward_size == index_bytes;
}

static bool index_and_footer(struct xz *x)
{
	lzma_index_hash *index = lzma_index_hash_init(NULL, &lzma_memory);
	bool good;

	if (!index)
		return false;
	good = index_agrees(x, index) &&
	       footer_agrees(x, lzma_index_hash_size(index));
	lzma_index_hash_end(index, &lzma_memory);
	return good;
}

static bool quickly(struct xz *x)
{
	bool good;

	if (!stream_header(x) || !block_header(x))
		return false;
	good = is_usual(x) && block_data(x) && block_check(x) &&
	       index_and_footer(x);
	lzma_filters_free(x->filters, &lzma_memory);
	return good;
}

enum inflate_result inflate_xz(const struct inflate *job)
{
	struct xz x = {.job = job};

	return quickly(&x) ? INFLATE_OK : inflate_any_xz(job);
}
