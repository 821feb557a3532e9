// SPDX-License-Identifier: MIT
//
// Small objects for the hypervisor itself. Objects up to 1 KiB share pages by
// size class; each such page starts with a header, so a page-aligned address
// is always a page allocation. Larger ones are whole pages; their order is
// kept in the first frame's aux, which a frame of ours does not use otherwise.

#include "lib/list.h"
#include "lib/string.h"
#include "mm/priv.h"
#include "mm/tlb.h"

struct slab {
	struct list link; // in partial[class] while an object is free
	void *free; // chain through the free objects' first word
	u32 used;
	u32 class;
};

#define HEADER 64 // room for struct slab, keeps objects aligned
#define MIN_SHIFT 4 // 16 bytes
#define CLASSES 7 // 16 .. 1024

_Static_assert(sizeof(struct slab) <= HEADER, "fits the header");

static struct list partial[CLASSES];
static struct lock kalloc_lock = LOCK_INIT(LOCK_KALLOC);

void kalloc_init(void)
{
	for (u32 i = 0; i < CLASSES; i++)
		list_init(&partial[i]);
}

void *page_alloc(void)
{
	mfn_t mfn = heap_alloc(0, HEAP_ZERO);

	return mfn_is_none(mfn) ? NULL : mfn_virt(mfn);
}

// A page that others still have mapped goes to the heap when they let go.
void page_free(void *p)
{
	if (p && !frame_release(virt_mfn(p)))
		bug("a page is freed twice");
}

static u32 order_of(size_t bytes)
{
	u32 order = 0;

	while (PAGE_SIZE << order < bytes)
		order++;
	return order;
}

static void *pages_alloc(size_t bytes)
{
	u32 order = order_of(bytes);
	mfn_t mfn = heap_alloc(order, HEAP_ZERO);

	if (mfn_is_none(mfn))
		return NULL;
	mfn_frame(mfn)->aux = (u16)order;
	return mfn_virt(mfn);
}

static void pages_free(void *p)
{
	mfn_t mfn = virt_mfn(p);
	u32 order = mfn_frame(mfn)->aux;

	mfn_frame(mfn)->aux = tlb_stamp();
	heap_free(mfn, order);
}

static struct slab *slab_new(u32 class)
{
	size_t size = (size_t)1 << (MIN_SHIFT + class);
	struct slab *s = page_alloc();

	if (!s)
		return NULL;
	s->class = class;
	for (size_t at = PAGE_SIZE - size; at >= HEADER; at -= size) {
		void **object = (void **)((char *)s + at);

		*object = s->free;
		s->free = object;
	}
	list_add_head(&partial[class], &s->link);
	return s;
}

static struct slab *slab_with_room(u32 class)
{
	if (list_empty(&partial[class]))
		return slab_new(class);
	return list_entry(partial[class].next, struct slab, link);
}

static void *object_alloc(u32 class)
{
	struct slab *s;
	void **object;

	lock_get(&kalloc_lock);
	s = slab_with_room(class);
	if (!s) {
		lock_put(&kalloc_lock);
		return NULL;
	}
	object = s->free;
	s->free = *object;
	s->used++;
	if (!s->free)
		list_del(&s->link);
	lock_put(&kalloc_lock);
	*object = NULL; // the rest of a free object is clean
	return object;
}

static void object_free(struct slab *s, void **object)
{
	memset(object, 0, (size_t)1 << (MIN_SHIFT + s->class));
	lock_get(&kalloc_lock);
	if (!s->free)
		list_add_head(&partial[s->class], &s->link);
	*object = s->free;
	s->free = object;
	s->used--;
	if (s->used == 0) {
		list_del(&s->link);
		page_free(s);
	}
	lock_put(&kalloc_lock);
}

void *kalloc(size_t bytes)
{
	u32 class = 0;

	if (bytes > (size_t)1 << (MIN_SHIFT + CLASSES - 1))
		return pages_alloc(bytes);
	while ((size_t)1 << (MIN_SHIFT + class) < bytes)
		class ++;
	return object_alloc(class);
}

void kfree(void *p)
{
	u64 at = (u64)p & (PAGE_SIZE - 1);

	if (!p)
		return;
	if (at == 0)
		pages_free(p);
	else
		object_free((struct slab *)((u64)p - at), p);
}
