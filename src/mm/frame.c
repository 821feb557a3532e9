// SPDX-License-Identifier: MIT
//
// The frame table and references. The table is an array indexed by machine
// frame number, backed only where there is RAM: a bitmap of 128 MiB sections
// tells which entries exist, and within those an owner of OWNER_IO marks the
// holes.
//
// A reference keeps a frame with its owner. Taking one is optimistic: count
// first (only if the count is not zero already), then look at the owner, and
// give the reference back if it was the wrong one. So a frame that changes
// hands in between cannot be taken by mistake.

#include "console/console.h"
#include "lib/string.h"
#include "mm/priv.h"
#include "mm/quick.h"
#include "mm/tlb.h"

#define MAX_SECTIONS \
	(((DIRECT_END - DIRECT_BASE) >> PAGE_SHIFT) >> SECTION_SHIFT)

hot_table u64 section_map[MAX_SECTIONS / 64];
hot_data u64 section_limit, section_run;

u64 frame_limit(void)
{
	return section_limit;
}

bool frame_covered(u64 n)
{
	return quick_covered(n);
}

bool mfn_is_ram(mfn_t mfn)
{
	return quick_is_ram(mfn);
}

// Two frames are three words; with 64 GiB of RAM the difference shows.
static void fill(u64 first, u64 end, struct frame pattern)
{
	union {
		struct frame frame[2];
		u64 word[3];
	} two = {.frame = {pattern, pattern}};
	u64 a = two.word[0], b = two.word[1], c = two.word[2];
	u64 *at;

	for (; first < end && (first & 1); first++)
		frame_table[first] = pattern;
	at = (u64 *)(void *)&frame_table[first];
	for (; first + 1 < end; first += 2, at += 3) {
		at[0] = a;
		at[1] = b;
		at[2] = c;
	}
	if (first < end)
		frame_table[first] = pattern;
}

void frames_claim(u64 first, u64 end)
{
	fill(first, end,
	     (struct frame){.ref = REF_ALLOCATED | 1, .owner = OWNER_HV});
}

// Everything is a hole or free at first; early_finish claims what is in use.
static void fill_section(u64 s)
{
	const struct frame hole = {.owner = OWNER_IO};
	const struct frame unused = {.owner = OWNER_FREE, .type = ~0u};
	u64 at = s << SECTION_SHIFT;
	u64 end = (s + 1) << SECTION_SHIFT;
	const struct ram_range *r;

	for (u32 i = 0; (r = ram_range(i)) != NULL && at < end; i++) {
		u64 first = max(at, r->first);
		u64 last = min(end, r->end);

		if (first >= last)
			continue;
		fill(at, first, hole);
		fill(first, last, unused);
		at = last;
	}
	fill(at, end, hole);
}

static void cover(u64 s)
{
	u64 per_section = sizeof(struct frame) << SECTION_SHIFT;

	if (section_map[s / 64] >> (s % 64) & 1)
		return;
	section_map[s / 64] |= BIT(s % 64);
	hvmap_back(FRAMES_BASE + s * per_section, per_section, NULL);
	fill_section(s);
}

void frames_init(void)
{
	const struct ram_range *r;

	memset(section_map, 0, sizeof(section_map));
	section_limit = section_run = 0;
	for (u32 i = 0; (r = ram_range(i)) != NULL; i++) {
		u64 last = (r->end - 1) >> SECTION_SHIFT;

		for (u64 s = r->first >> SECTION_SHIFT; s <= last; s++)
			cover(s);
		section_limit = r->end;
	}
	while (section_run < section_limit && frame_covered(section_run))
		section_run += BIT(SECTION_SHIFT);
	section_run = min(section_run, section_limit);
}

bool frame_get(mfn_t mfn, u16 owner)
{
	return mfn_is_ram(mfn) && quick_get(mfn, owner);
}

// Between look and reference the grant table may have been freed, and the frame
// be somebody else's: who frees it says first that it is shared no more.
bool frame_get_shared(const struct domain *d, mfn_t mfn)
{
	if (!domain_shares_frame(d, mfn) || !frame_get(mfn, OWNER_HV))
		return false;
	if (domain_shares_frame(d, mfn))
		return true;
	frame_put(mfn);
	return false;
}

void frame_get_more(mfn_t mfn)
{
	struct frame *f = mfn_frame(mfn);
	u32 old = __atomic_fetch_add(&f->ref, 1, __ATOMIC_RELAXED);

	bug_on((old & REF_COUNT_MASK) == 0);
	bug_on((old & REF_COUNT_MASK) == REF_COUNT_MASK);
}

// The reference comes last: who finds one looks at the owner next. While that
// is OWNER_FREE, type is an order of the heap's.
void frame_claim(struct frame *f)
{
	WRITE_ONCE(f->owner, OWNER_HV);
	__atomic_store_n(&f->type, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&f->ref, REF_ALLOCATED | 1, __ATOMIC_RELEASE);
}

void frame_discard(mfn_t mfn)
{
	struct frame *f = mfn_frame(mfn);

	bug_on(f->type & (FT_COUNT_MASK | FT_PARTIAL));
	m2p_set(mfn, M2P_INVALID);
	f->aux = tlb_stamp();
	frame_claim(f);
	heap_free(mfn, 0);
}

// Nobody else can find the frame any more.
void frame_free(mfn_t mfn)
{
	const struct frame *f = mfn_frame(mfn);
	struct domain *d = domain_find(f->owner);

	bug_on(f->ref & REF_COUNT_MASK);
	frame_discard(mfn);
	if (d)
		__atomic_sub_fetch(&d->tot_pages, 1, __ATOMIC_SEQ_CST);
}

bool frame_release(mfn_t mfn)
{
	struct frame *f = mfn_frame(mfn);
	u32 old = __atomic_fetch_and(&f->ref, ~REF_ALLOCATED, __ATOMIC_SEQ_CST);

	if (!(old & REF_ALLOCATED))
		return false;
	quick_put(mfn);
	return true;
}

void frame_put(mfn_t mfn)
{
	quick_put(mfn);
}
