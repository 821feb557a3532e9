// SPDX-License-Identifier: MIT
//
// Looking at all grants: the auditor's part, and the state for debug key 'g'.
//
// Every use of a grant is some record's while no hypercall is under way. So
// the records' uses are taken off the counts, which must leave zero in all
// tables; then they are put on again.

#include "console/console.h"
#include "mm/grant_priv.h"

static void each_map(void (*fn)(const struct grant_map *m, domid_t user))
{
	struct domain *d;

	for_each_domain (d) {
		u32 end = d->grants ? d->grants->map_pages * MAPS_PER_PAGE : 0;

		for (u32 i = 0; i < end; i++) {
			struct grant_map *m = grant_map_at(d->grants, i);

			if (m)
				fn(m, d->id);
		}
	}
}

static void each_active(void (*fn)(const struct domain *d, u32 ref,
				   const struct grant_active *a))
{
	struct domain *d;

	for_each_domain (d) {
		struct grant_table *t = d->grants;

		for (u32 i = 0; t && i < ARRAY_SIZE(t->active); i++)
			for (u32 j = 0; t->active[i] && j < GRANTS_PER_FRAME;
			     j++)
				fn(d, i * GRANTS_PER_FRAME + j,
				   &t->active[i][j]);
	}
}

static void change_uses(const struct grant_map *m, domid_t user, u32 n)
{
	struct grant_use use = grant_map_use(m, user);
	struct grant_active *a;

	if (!use.granter)
		return;
	a = &use.granter->grants->active[use.ref / GRANTS_PER_FRAME]
					[use.ref % GRANTS_PER_FRAME];
	if (use.write)
		a->writers = (u8)(a->writers + n);
	else
		a->readers = (u8)(a->readers + n);
}

static void take_off(const struct grant_map *m, domid_t user)
{
	change_uses(m, user, -way_count(m->flags));
}

static void put_on(const struct grant_map *m, domid_t user)
{
	change_uses(m, user, way_count(m->flags));
}

static void expect_none(const struct domain *d, u32 ref,
			const struct grant_active *a)
{
	(void)d;
	(void)ref;
	if (a->readers || a->writers)
		audit_differs(MFN(a->frame), "grant uses nobody has",
			      a->readers + a->writers, 0);
}

static void count_device(const struct grant_map *m, domid_t user)
{
	struct grant_use use = grant_map_use(m, user);

	if (use.granter && (m->flags & GNTMAP_device_map))
		audit_holds(grant_frame(&use),
			    use.write ? TYPE_WRITABLE : TYPE_NONE);
}

void grant_audit(void)
{
	each_map(count_device);
	each_map(take_off);
	each_active(expect_none);
	each_map(put_on);
}

static void dump_active(const struct domain *d, u32 ref,
			const struct grant_active *a)
{
	if (a->readers || a->writers)
		log_info("grant: d%u ref %u frame 0x%x used by d%u: %u to "
			 "read, %u to write\n",
			 d->id, ref, a->frame, a->domid, a->readers,
			 a->writers);
}

void grant_dump(void)
{
	struct domain *d;

	for_each_domain (d) {
		const struct grant_table *t = d->grants;

		log_info("grant: d%u table %u of %u frames, map records %u of "
			 "%u pages\n",
			 d->id, t->count, t->max, t->map_pages, t->map_max);
	}
	each_active(dump_active);
}
