// SPDX-License-Identifier: MIT
//
// Which machine frame each of dom0's pages is. Memory comes in a few large
// pieces, so runs are enough; neighbours are joined.
#include "domain/build.h"

#include "lib/bug.h"
#include "lib/string.h"
#include "mm/mm.h"

#define FIRST_ROOM 128

static bool grow(struct frame_map *m)
{
	u32 room = m->room ? m->room * 2 : FIRST_ROOM;
	struct extent *bigger = kalloc(room * sizeof(*bigger));

	if (!bigger)
		return false;
	if (m->extent)
		memcpy(bigger, m->extent, m->count * sizeof(*bigger));
	kfree(m->extent);
	m->extent = bigger;
	m->room = room;
	return true;
}

bool frame_map_add(struct frame_map *m, mfn_t mfn, u64 count)
{
	struct extent *last = NULL;

	if (m->extent && m->count)
		last = &m->extent[m->count - 1];
	if (last && last->mfn + last->count == mfn.n) {
		last->count += count;
	} else {
		if ((!m->extent || m->count == m->room) && !grow(m))
			return false;
		m->extent[m->count++] = (struct extent){m->pages, mfn.n, count};
	}
	m->pages += count;
	return true;
}

mfn_t frame_map_run(const struct frame_map *m, u64 pfn, u64 *count)
{
	u32 low = 0, high = m->count;
	const struct extent *e;

	bug_on(pfn >= m->pages);
	while (high - low > 1) {
		u32 middle = (low + high) / 2;

		if (m->extent[middle].pfn <= pfn)
			low = middle;
		else
			high = middle;
	}
	e = &m->extent[low];
	*count = e->count - (pfn - e->pfn);
	return MFN(e->mfn + (pfn - e->pfn));
}

mfn_t frame_map_mfn(const struct frame_map *m, u64 pfn)
{
	u64 count;

	return frame_map_run(m, pfn, &count);
}

void frame_map_free(struct frame_map *m)
{
	kfree(m->extent);
	memset(m, 0, sizeof(*m));
}
