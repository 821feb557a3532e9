// SPDX-License-Identifier: MIT
//
// Grant tables as such: pages of ours, shared with the guest, in which it
// writes entries of version 1 {flags, domid, frame}. The guest learns their
// frame numbers by setup_table and maps them like its shared_info page. A table
// grows when asked and never shrinks.

#include "abi/errno.h"
#include "mm/grant_priv.h"

// The lock is held.
static int grow(struct grant_table *t, u32 n)
{
	while (t->count < n) {
		void *active =
			kalloc(GRANTS_PER_FRAME * sizeof(struct grant_active));
		void *page = page_alloc();

		if (!page || !active) {
			if (page)
				page_free(page);
			kfree(active);
			return -ENOMEM;
		}
		t->frame[t->count] = virt_mfn(page);
		t->active[t->count] = active;
		__atomic_store_n(&t->count, t->count + 1, __ATOMIC_RELEASE);
	}
	return 0;
}

int grant_grow(struct domain *d, u32 n)
{
	struct grant_table *t = d->grants;
	int err = -EINVAL;

	lock_get(&t->lock);
	if (n <= t->max)
		err = grow(t, n);
	lock_put(&t->lock);
	return err;
}

int grant_domain_init(struct domain *d, u32 max_frames, u32 max_maptrack)
{
	static u32 last_serial;
	struct grant_table *t;

	if (max_frames == 0 || max_frames > GRANT_FRAMES_DEFAULT ||
	    max_maptrack > GRANT_MAPTRACK_DEFAULT)
		return -EINVAL;
	t = kalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	lock_init(&t->lock, LOCK_GRANT);
	t->serial = __atomic_add_fetch(&last_serial, 1, __ATOMIC_RELAXED);
	t->max = max_frames;
	t->map_max = max_maptrack;
	t->free_map = NO_HANDLE;
	d->grants = t;
	return grant_grow(d, 1);
}

// The structure stays: dom0 may ask about a domain that is dying, and those
// who use its grants must be able to say when they stop.
void grant_domain_destroy(struct domain *d)
{
	struct grant_table *t = d->grants;
	u32 count;

	if (!t)
		return;
	lock_get(&t->lock);
	count = t->count;
	t->count = t->max = 0;
	lock_put(&t->lock);
	for (u32 i = 0; i < count; i++)
		page_free(mfn_virt(t->frame[i]));
}

void grant_domain_free(struct domain *d)
{
	struct grant_table *t = d->grants;

	if (!t)
		return;
	for (u32 i = 0; i < ARRAY_SIZE(t->active); i++)
		kfree(t->active[i]);
	for (u32 i = 0; i < t->map_pages; i++)
		kfree(t->map[i]);
	kfree(t->map);
	kfree(t);
	d->grants = NULL;
}

bool grant_has_frame(const struct domain *d, mfn_t mfn)
{
	const struct grant_table *t = d->grants;
	u32 count = t ? __atomic_load_n(&t->count, __ATOMIC_ACQUIRE) : 0;

	for (u32 i = 0; i < count; i++)
		if (mfn_eq(t->frame[i], mfn))
			return true;
	return false;
}
