// SPDX-License-Identifier: MIT
//
// See ring.h.
#include "console/ring.h"

#include "lib/string.h"

void ring_put(struct ring *r, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		r->data[r->end++ % RING_SIZE] = text[i];
	if (r->end - r->start > RING_SIZE)
		r->start = r->end - RING_SIZE;
}

size_t ring_read(const struct ring *r, u32 *pos, char *buf, size_t max)
{
	u32 at = *pos;
	size_t n, first;

	if (at - r->start > r->end - r->start)
		at = r->start;
	n = min(max, (size_t)(r->end - at));
	first = min(n, (size_t)(RING_SIZE - at % RING_SIZE));
	memcpy(buf, &r->data[at % RING_SIZE], first);
	memcpy(buf + first, r->data, n - first);
	*pos = at + (u32)n;
	return n;
}

void ring_forget(struct ring *r, u32 pos)
{
	if (pos - r->start <= r->end - r->start)
		r->start = pos;
}
