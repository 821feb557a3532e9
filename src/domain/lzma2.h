// SPDX-License-Identifier: MIT
//
// LZMA2, the filter inside .xz files that does the packing: chunks of LZMA
// data and of plain bytes, each behind a header of its own.
#pragma once

#include "domain/inflate.h"

// Unpacks the chunks at job->in to job->out, until the mark that ends them.
// dict_bytes is how far back the packer said that it looks. *used is the
// number of bytes of input up to and with the mark.
enum inflate_result must_check lzma2_decode(const struct inflate *job,
					    u32 dict_bytes, size_t *used);
