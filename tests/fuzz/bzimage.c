// SPDX-License-Identifier: MIT
// uses: src/domain/bzimage.c
//
// bzimage_parse on any bytes: the payload it finds lies inside of the file.
#include <stdlib.h>

#include "domain/bzimage.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);
int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
	struct payload p;

	if (bzimage_parse(&p, data, bytes))
		return 0;
	if (p.kind == PAYLOAD_UNKNOWN || p.data < data ||
	    (size_t)(p.data - data) > bytes ||
	    p.bytes > bytes - (size_t)(p.data - data))
		abort();
	if (p.version[sizeof(p.version) - 1] != '\0')
		abort();
	return 0;
}
