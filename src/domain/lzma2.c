// SPDX-License-Identifier: MIT
//
// The chunks of LZMA2 (the .xz format's liblzma/lzma/lzma2_decoder has the
// same rules), around the LZMA SDK's decoder. The output is the dictionary.
#include "domain/lzma2.h"
#include "domain/scratch.h"
#include "lib/string.h"

#include <lzma/LzmaDec.h>

// There for LZMA2, but not in the SDK's header.
void LzmaDec_InitDicAndState(CLzmaDec *p, Bool new_dict, Bool new_state);

// A chunk's first byte. With PACKED, RESET says what begins anew, and the low
// bits belong to the unpacked size.
#define END 0x00
#define PLAIN_NEW_DICT 0x01
#define PLAIN 0x02
#define PACKED 0x80
#define RESET(control) ((control) >> 5 & 3)
#define SIZE_BITS 0x1f

enum { RESET_NOTHING, RESET_STATE, RESET_PROPERTIES, RESET_DICT };

#define LCLP_MAX 4 // of lc + lp, in LZMA2
#define PB_MAX 4

struct reader {
	CLzmaDec lzma;
	const u8 *in, *end;
	bool any_dict, any_properties; // reset at least once
};

static void *probs_alloc(void *self maybe_unused, size_t bytes)
{
	return scratch_alloc(bytes);
}

static void probs_free(void *self maybe_unused, void *block)
{
	scratch_free(block);
}

static ISzAlloc allocator = {probs_alloc, probs_free};

static size_t left(const struct reader *r)
{
	return (size_t)(r->end - r->in);
}

// Sizes are stored less one, the high byte first.
static size_t take_size(struct reader *r)
{
	size_t bytes = (size_t)(r->in[0] << 8 | r->in[1]) + 1;

	r->in += 2;
	return bytes;
}

static bool plain_chunk(struct reader *r, u8 control)
{
	CLzmaDec *d = &r->lzma;
	size_t bytes;

	if (left(r) < 2 || control > PLAIN ||
	    (control == PLAIN && !r->any_dict))
		return false;
	bytes = take_size(r);
	if (bytes > left(r) || bytes > d->dicBufSize - d->dicPos)
		return false;
	r->any_dict = true;
	LzmaDec_InitDicAndState(d, control == PLAIN_NEW_DICT, 0);
	memcpy(d->dic + d->dicPos, r->in, bytes);
	r->in += bytes;
	d->dicPos += bytes;
	// Matches may now reach this far back; at most over one dictionary.
	if (d->checkDicSize == 0 && d->prop.dicSize - d->processedPos <= bytes)
		d->checkDicSize = d->prop.dicSize;
	d->processedPos += (u32)bytes;
	return true;
}

// (pb * 5 + lp) * 9 + lc
static bool take_properties(struct reader *r)
{
	u8 packed = *r->in++;
	CLzmaProps *p = &r->lzma.prop;

	p->lc = packed % 9;
	p->lp = packed / 9 % 5;
	p->pb = packed / 45;
	r->any_properties = true;
	return p->lc + p->lp <= LCLP_MAX && p->pb <= PB_MAX;
}

static bool begin_packed(struct reader *r, u32 reset)
{
	if (reset == RESET_DICT)
		r->any_dict = true;
	if (reset >= RESET_PROPERTIES && !take_properties(r))
		return false;
	if (!r->any_dict || !r->any_properties)
		return false;
	LzmaDec_InitDicAndState(&r->lzma, reset == RESET_DICT,
				reset >= RESET_STATE);
	return true;
}

static bool unpack(struct reader *r, size_t packed, size_t bytes)
{
	CLzmaDec *d = &r->lzma;
	size_t limit = d->dicPos + bytes, used = packed;
	ELzmaStatus status;

	if (packed > left(r) || bytes > d->dicBufSize - d->dicPos)
		return false;
	if (LzmaDec_DecodeToDic(d, limit, r->in, &used, LZMA_FINISH_ANY,
				&status) != SZ_OK)
		return false;
	r->in += packed;
	return used == packed && d->dicPos == limit &&
	       status == LZMA_STATUS_MAYBE_FINISHED_WITHOUT_MARK;
}

static bool packed_chunk(struct reader *r, u8 control)
{
	size_t bytes, packed;

	// Two sizes, and room for the properties: data follows in any case.
	if (left(r) < 5)
		return false;
	bytes = take_size(r) + ((size_t)(control & SIZE_BITS) << 16);
	packed = take_size(r);
	return begin_packed(r, RESET(control)) && unpack(r, packed, bytes);
}

// All chunks: true when the end mark was met with the output full.
static bool chunks(struct reader *r)
{
	while (left(r)) {
		u8 control = *r->in++;

		if (control == END)
			return r->lzma.dicPos == r->lzma.dicBufSize;
		if (!(control & PACKED ? packed_chunk(r, control)
				       : plain_chunk(r, control)))
			return false;
	}
	return false;
}

enum inflate_result lzma2_decode(const struct inflate *job, u32 dict_bytes,
				 size_t *used)
{
	const u8 most[LZMA_PROPS_SIZE] = {LCLP_MAX}; // room for any properties
	struct reader r = {
		.in = job->in,
		.end = job->in + job->in_bytes,
	};
	bool good;

	if (LzmaDec_AllocateProbs(&r.lzma, most, sizeof(most), &allocator))
		return INFLATE_NO_MEMORY;
	r.lzma.prop.dicSize = dict_bytes;
	r.lzma.dic = job->out;
	r.lzma.dicBufSize = job->out_bytes;
	LzmaDec_Init(&r.lzma);
	good = chunks(&r);
	*used = (size_t)(r.in - job->in);
	LzmaDec_FreeProbs(&r.lzma, &allocator);
	return good ? INFLATE_OK : INFLATE_CORRUPT;
}
