// SPDX-License-Identifier: MIT
//
// The page heap: a binary buddy allocator over all RAM, in two zones so that
// memory below 4 GiB lasts for those who need it. Free lists are threaded
// through the first bytes of the free blocks, by frame number.
//
// What is in the heap is clean: heap_free clears it. (RAM that was never used
// since power-on is as the firmware left it.) A frame may still be in some
// processor's TLB from its former life; the stamp taken when it was freed
// tells, and heap_alloc flushes who needs it.
//
// Other processors look at free frames and at those that change hands: the
// order in which owner, type and references are written matters. Without a
// reference a frame cannot get one (quick_get); at all other times its count
// must not simply be written, for somebody may hold one more for an instant.

#include "console/console.h"
#include "hw/cpu.h"
#include "lib/string.h"
#include "mm/priv.h"
#include "mm/tlb.h"

enum zone { ZONE_LOW, ZONE_HIGH, ZONES };

#define ORDERS (HEAP_MAX_ORDER + 1)
#define NONE (~0u) // all ones: see heap_init
#define PATIENCE (1u << 26) // seconds: then it is a reference of somebody's
#define NOT_HEAD (~0u) // struct frame.type of a free frame inside a block

struct links {
	u32 next, prev; // frame numbers, or NONE
};

static struct lock heap_lock = LOCK_INIT(LOCK_HEAP);
static u32 heads[ZONES][ORDERS];
static u64 free_frames, total_frames;

static enum zone zone_of(u32 n)
{
	return n < GIB(4) >> PAGE_SHIFT ? ZONE_LOW : ZONE_HIGH;
}

static struct links *links_of(u32 n)
{
	return mfn_virt(MFN(n));
}

static void push(u32 n, u32 order)
{
	u32 *head = &heads[zone_of(n)][order];

	*links_of(n) = (struct links){.next = *head, .prev = NONE};
	if (*head != NONE)
		links_of(*head)->prev = n;
	*head = n;
	frame_table[n].type = order;
}

static void unlink(u32 n, u32 order)
{
	struct links *l = links_of(n);

	if (l->prev != NONE)
		links_of(l->prev)->next = l->next;
	else
		heads[zone_of(n)][order] = l->next;
	if (l->next != NONE)
		links_of(l->next)->prev = l->prev;
	*l = (struct links){0, 0};
	frame_table[n].type = NOT_HEAD;
}

static bool is_free_block(u64 n, u32 order)
{
	return frame_covered(n) && frame_table[n].owner == OWNER_FREE &&
	       frame_table[n].type == order;
}

// Puts a block on its list, merged with its free buddies. All its frames are
// marked free and NOT_HEAD.
static void give_block(u32 n, u32 order)
{
	free_frames += BIT(order);
	while (order < HEAP_MAX_ORDER && is_free_block(n ^ BIT(order), order)) {
		unlink(n ^ (u32)BIT(order), order);
		n &= ~(u32)BIT(order);
		order++;
	}
	push(n, order);
}

void heap_init(void)
{
	memset(heads, 0xff, sizeof(heads));
	free_frames = total_frames = 0;
}

void heap_add(maddr_t start, maddr_t end)
{
	u64 n = PAGES_OF(start);
	u64 stop = end >> PAGE_SHIFT;

	lock_get(&heap_lock);
	total_frames += stop > n ? stop - n : 0;
	while (n < stop) {
		u32 order = n ? min((u32)__builtin_ctzl(n), ORDERS - 1u)
			      : ORDERS - 1u;

		while (BIT(order) > stop - n)
			order--;
		give_block((u32)n, order);
		n += BIT(order);
	}
	lock_put(&heap_lock);
}

static u32 take_block(u32 n, u32 have, u32 want)
{
	unlink(n, have);
	while (have > want) {
		have--;
		push(n + (u32)BIT(have), have);
	}
	free_frames -= BIT(want);
	return n;
}

static u32 take_from_zone(enum zone z, u32 order)
{
	for (u32 o = order; o < ORDERS; o++)
		if (heads[z][o] != NONE)
			return take_block(heads[z][o], o, order);
	return NONE;
}

// The rare case of a device that cannot even reach 4 GiB: a search.
static u32 take_below(u64 limit, u32 order)
{
	for (u32 o = order; o < ORDERS; o++)
		for (u32 n = heads[ZONE_LOW][o]; n != NONE;
		     n = links_of(n)->next)
			if (n + BIT(order) <= limit)
				return take_block(n, o, order);
	return NONE;
}

static u32 take(u32 order, u64 limit)
{
	u32 n = NONE;

	if (limit > GIB(4) >> PAGE_SHIFT)
		n = take_from_zone(ZONE_HIGH, order);
	if (n == NONE && limit >= GIB(4) >> PAGE_SHIFT)
		n = take_from_zone(ZONE_LOW, order);
	else if (n == NONE)
		n = take_below(limit, order);
	return n;
}

mfn_t heap_alloc_below(u32 order, u64 limit)
{
	u32 n = NONE;

	lock_get(&heap_lock);
	if (order < ORDERS)
		n = take(order, limit);
	lock_put(&heap_lock);
	if (n == NONE)
		return MFN_NONE;
	for (u64 i = n; i < n + BIT(order); i++) {
		struct frame *f = &frame_table[i];

		tlb_flush_stale(f->aux);
		frame_claim(f);
	}
	return MFN(n);
}

mfn_t heap_alloc(u32 order, u32 flags)
{
	u64 limit = flags & HEAP_BELOW_4G ? GIB(4) >> PAGE_SHIFT : ~0ull;
	mfn_t mfn = heap_alloc_below(order, limit);

	if (!mfn_is_none(mfn) && (flags & HEAP_ZERO))
		memset(mfn_virt(mfn), 0, PAGE_SIZE << order);
	return mfn;
}

// Who took the frame for one of its former owner's gives it back at once.
static void drop_last(struct frame *f)
{
	u32 sole = REF_ALLOCATED | 1;

	for (u64 i = 0;
	     !__atomic_compare_exchange_n(&f->ref, &sole, 0, false,
					  __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	     i++) {
		bug_on(i == PATIENCE);
		sole = REF_ALLOCATED | 1;
		cpu_pause();
	}
}

static void mark_free(struct frame *f)
{
	bug_on(f->owner != OWNER_HV);
	drop_last(f);
	WRITE_ONCE(f->type, NOT_HEAD);
	__atomic_store_n(&f->owner, OWNER_FREE, __ATOMIC_RELEASE);
}

void heap_free(mfn_t mfn, u32 order)
{
	memset(mfn_virt(mfn), 0, PAGE_SIZE << order);
	for (u64 i = mfn.n; i < mfn.n + BIT(order); i++)
		mark_free(&frame_table[i]);
	lock_get(&heap_lock);
	give_block((u32)mfn.n, order);
	lock_put(&heap_lock);
}

u64 heap_free_frames(void)
{
	return READ_ONCE(free_frames);
}

u64 heap_total_frames(void)
{
	return READ_ONCE(total_frames);
}
