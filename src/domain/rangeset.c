// SPDX-License-Identifier: MIT
//
// A set of inclusive ranges as a sorted array without touching neighbours.
// Domains have a handful of ranges, looked up by every port access, so a
// binary search in one small array is all it takes.
#include "domain/rangeset.h"

#include "abi/errno.h"
#include "lib/lock.h"
#include "lib/string.h"
#include "mm/mm.h"

#define FIRST_CAPACITY 16

struct range {
	u64 first, last;
};

struct rangeset {
	struct lock lock;
	u32 count, capacity;
	struct range *range;
};

struct rangeset *rangeset_create(void)
{
	struct rangeset *s = kalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->range = kalloc(FIRST_CAPACITY * sizeof(*s->range));
	if (!s->range) {
		kfree(s);
		return NULL;
	}
	lock_init(&s->lock, LOCK_RANGESET);
	s->capacity = FIRST_CAPACITY;
	return s;
}

void rangeset_destroy(struct rangeset *s)
{
	if (!s)
		return;
	kfree(s->range);
	kfree(s);
}

// Index of the first range that ends at x or above; count if there is none.
static u32 find(const struct rangeset *s, u64 x)
{
	u32 low = 0, high = s->count;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (s->range[mid].last < x)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int reserve(struct rangeset *s, u32 count)
{
	struct range *bigger;

	if (count <= s->capacity)
		return 0;
	bigger = kalloc(2ull * s->capacity * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	memcpy(bigger, s->range, s->count * sizeof(*bigger));
	kfree(s->range);
	s->range = bigger;
	s->capacity *= 2;
	return 0;
}

// Replaces the ranges [from, to) of the array by the n (0..2) given ones.
static int splice(struct rangeset *s, u32 from, u32 to,
		  const struct range *with, u32 n)
{
	u32 count = s->count - (to - from) + n;
	int err = reserve(s, count);

	if (err)
		return err;
	memmove(&s->range[from + n], &s->range[to],
		(s->count - to) * sizeof(*with));
	memcpy(&s->range[from], with, n * sizeof(*with));
	s->count = count;
	return 0;
}

static bool touches(u64 last, u64 first_of_next)
{
	return first_of_next <= last || first_of_next - 1 == last;
}

int rangeset_add(struct rangeset *s, u64 first, u64 last)
{
	struct range all = {first, last};
	u32 from, to;
	int err;

	if (first > last)
		return -EINVAL;
	lock_get(&s->lock);
	from = find(s, first ? first - 1 : 0);
	for (to = from; to < s->count; to++) {
		if (!touches(last, s->range[to].first))
			break;
		all.first = min(all.first, s->range[to].first);
		all.last = max(all.last, s->range[to].last);
	}
	err = splice(s, from, to, &all, 1);
	lock_put(&s->lock);
	return err;
}

// What remains of the ranges [from, to) without first..last: 0 to 2 pieces.
static u32 pieces_left(const struct rangeset *s, u32 from, u32 to,
		       struct range cut, struct range piece[2])
{
	u32 n = 0;

	if (from == to)
		return 0;
	if (s->range[from].first < cut.first)
		piece[n++] =
			(struct range){s->range[from].first, cut.first - 1};
	if (s->range[to - 1].last > cut.last)
		piece[n++] =
			(struct range){cut.last + 1, s->range[to - 1].last};
	return n;
}

int rangeset_remove(struct rangeset *s, u64 first, u64 last)
{
	struct range piece[2];
	u32 from, to, n;
	int err;

	if (first > last)
		return -EINVAL;
	lock_get(&s->lock);
	from = find(s, first);
	for (to = from; to < s->count && s->range[to].first <= last; to++)
		;
	n = pieces_left(s, from, to, (struct range){first, last}, piece);
	err = splice(s, from, to, piece, n);
	lock_put(&s->lock);
	return err;
}

bool rangeset_has(const struct rangeset *set, u64 first, u64 last)
{
	struct rangeset *s = (struct rangeset *)(uintptr_t)set;
	bool has;
	u32 i;

	lock_get(&s->lock);
	i = find(s, first);
	has = i < s->count && s->range[i].first <= first &&
	      s->range[i].last >= last;
	lock_put(&s->lock);
	return has;
}
