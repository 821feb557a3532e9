// SPDX-License-Identifier: MIT
//
// See words.h.
#include "words.h"

#include <string.h>

#include "abi/errno.h"

u8 arena[ARENA_BYTES];

static u8 *place(gva_t at, size_t bytes)
{
	if (at < ARENA_BASE || at - ARENA_BASE > ARENA_BYTES ||
	    bytes > ARENA_BYTES - (at - ARENA_BASE))
		return NULL;
	return arena + (at - ARENA_BASE);
}

int guest_read(void *to, gva_t from, size_t bytes)
{
	const u8 *p = place(from, bytes);

	if (!p)
		return -EFAULT;
	memcpy(to, p, bytes);
	return 0;
}

int guest_write(gva_t to, const void *from, size_t bytes)
{
	u8 *p = place(to, bytes);

	if (!p)
		return -EFAULT;
	memcpy(p, from, bytes);
	return 0;
}

u8 words_byte(struct words *w)
{
	return w->at < w->end ? *w->at++ : 0;
}

u64 words_next(struct words *w)
{
	u8 kind = words_byte(w);
	u64 word = 0;

	switch (kind % 8) {
	case 0:
	case 1:
		return 0;
	case 2:
		return words_byte(w);
	case 3:
		return (u64)words_byte(w) << 32 | words_byte(w);
	case 4:
	case 5:
		word = words_byte(w);
		return ARENA_BASE + (word << 8 | words_byte(w)) % ARENA_BYTES;
	case 6:
		return ~0ull;
	default:
		for (u32 i = 0; i < 8; i++)
			word = word << 8 | words_byte(w);
		return word;
	}
}

void words_fill(struct words *w, void *to, size_t bytes)
{
	for (size_t i = 0; i + sizeof(u64) <= bytes; i += sizeof(u64)) {
		u64 word = words_next(w);

		memcpy((u8 *)to + i, &word, sizeof(word));
	}
}
