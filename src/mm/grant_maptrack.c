// SPDX-License-Identifier: MIT
//
// The records of what a domain has mapped of others' grants, by handle. They
// are made a page at a time up to the domain's limit; free ones are threaded
// through their ref. All under the user's d->lock.

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "mm/grant_priv.h"

static struct grant_map *record(const struct grant_table *t, u32 handle)
{
	return &t->map[handle / MAPS_PER_PAGE][handle % MAPS_PER_PAGE];
}

static bool add_page(struct grant_table *t)
{
	u32 first = t->map_pages * MAPS_PER_PAGE;
	struct grant_map *page;

	if (t->map_pages == t->map_max)
		return false;
	if (!t->map)
		t->map = kalloc(t->map_max * sizeof(struct grant_map *));
	page = t->map ? kalloc(PAGE_SIZE) : NULL;
	if (!page)
		return false;
	for (u32 i = 0; i < MAPS_PER_PAGE; i++)
		page[i].ref = first + i + 1;
	page[MAPS_PER_PAGE - 1].ref = t->free_map;
	t->free_map = first;
	t->map[t->map_pages++] = page;
	return true;
}

u32 grant_map_alloc(struct grant_table *t)
{
	u32 handle;

	if (t->free_map == NO_HANDLE && !add_page(t))
		return NO_HANDLE;
	handle = t->free_map;
	t->free_map = record(t, handle)->ref;
	return handle;
}

void grant_map_free(struct grant_table *t, u32 handle)
{
	struct grant_map *m = record(t, handle);

	m->flags = 0;
	m->ref = t->free_map;
	t->free_map = handle;
}

struct grant_map *grant_map_at(const struct grant_table *t, u32 handle)
{
	struct grant_map *m;

	if (handle / MAPS_PER_PAGE >= t->map_pages)
		return NULL;
	m = record(t, handle);
	return m->flags ? m : NULL;
}

struct grant_use grant_map_use(const struct grant_map *m, domid_t user)
{
	struct grant_use use = {
		.granter = domain_find(m->domid),
		.ref = m->ref,
		.user = user,
		.write = !(m->flags & GNTMAP_readonly),
	};

	if (use.granter && use.granter->grants->serial != m->serial)
		use.granter = NULL;
	return use;
}

// The entry of a host mapping went with the page tables.
static void release(struct grant_map *m, domid_t user)
{
	struct grant_use use = grant_map_use(m, user);
	mfn_t mfn;

	if (!use.granter)
		return;
	mfn = grant_frame(&use);
	if (m->flags & GNTMAP_device_map)
		grant_let_go(mfn, use.write);
	grant_unpin(&use, way_count(m->flags));
}

int grant_domain_release(struct domain *d)
{
	struct grant_table *t = d->grants;
	bool stop = false;
	u32 end;

	lock_get(&d->lock);
	end = t->map_pages * MAPS_PER_PAGE;
	while (t->release_at < end && !stop) {
		struct grant_map *m = grant_map_at(t, t->release_at);

		if (m) {
			release(m, d->id);
			grant_map_free(t, t->release_at);
		}
		t->release_at++;
		stop = preempt_due(m ? 8 : 1);
	}
	lock_put(&d->lock);
	return t->release_at < end ? -ERESTART : 0;
}
