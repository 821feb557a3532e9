// SPDX-License-Identifier: MIT
// uses: src/cpu/decode.c
//
// Any bytes and registers through the decoder of page-table writes: it must not
// read beyond what there is, and what it accepts must make sense.

#include <stdlib.h>
#include <string.h>

#include "cpu/decode.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct regs r = {0}, after;
	struct write_insn w;
	u64 old = 0x8000000000000067, limit, new;
	u8 *code;

	if (size < sizeof(r))
		return 0;
	memcpy(&r, data, sizeof(r));
	size -= sizeof(r);
	code = malloc(size + 1); // of its exact size, for the sanitizer
	memcpy(code + 1, data + sizeof(r), size);
	if (decode_write(&w, code + 1, size, &r)) {
		must(w.length > 0 && w.length <= INSN_MAX && w.length <= size);
		must(w.size == 1 || w.size == 2 || w.size == 4 || w.size == 8);
		must(w.reg < 16);
		limit = w.size == 8 ? ~0ull : BIT(8 * w.size) - 1;
		must(w.source <= limit);
		after = r;
		new = decode_execute(&w, old & limit, &after);
		must(new <= limit);
		must(after.rip == r.rip + w.length);
		must(after.cs == r.cs && after.ss == r.ss);
		must(w.op == WRITE_XCHG || after.rsp == r.rsp);
	}
	free(code);
	return 0;
}
