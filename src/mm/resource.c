// SPDX-License-Identifier: MIT
//
// XENMEM_acquire_resource: the control domain learns the frames of another
// domain's grant table, to map them before that domain has run.

#include "abi/errno.h"
#include "cpu/uaccess.h"
#include "mm/grant_priv.h"

#define STATUS_PER_FRAME (PAGE_SIZE / sizeof(grant_status_t))
#define V2_PER_FRAME (PAGE_SIZE / sizeof(union grant_entry_v2))

// Never one's own: there are other ways to that.
static struct domain *find_other(struct domain *self, domid_t id, int *err)
{
	struct domain *d = NULL;

	*err = -ESRCH;
	if (id != DOMID_SELF)
		d = domain_target(self, id, err);
	if (d == self)
		*err = -EPERM;
	return d == self ? NULL : d;
}

// The most frames there can be; 0: no such resource.
static u64 size_of(const struct domain *d,
		   const struct xen_mem_acquire_resource *a)
{
	u64 frames = d->grants->max;

	if (a->type != XENMEM_resource_grant_table)
		return 0;
	switch (a->id) {
	case XENMEM_resource_grant_table_id_shared:
		return frames;
	case XENMEM_resource_grant_table_id_status:
		return (frames * V2_PER_FRAME + STATUS_PER_FRAME - 1) /
		       STATUS_PER_FRAME;
	default:
		return 0;
	}
}

static i64 list_frames(struct domain *d,
		       const struct xen_mem_acquire_resource *a, gva_t list)
{
	u64 max = d->grants->max;
	int err;

	if (a->frame > max || a->nr_frames > max - a->frame ||
	    a->id != XENMEM_resource_grant_table_id_shared)
		return -EINVAL;
	err = grant_grow(d, (u32)a->frame + a->nr_frames);
	for (u32 i = 0; i < a->nr_frames && !err; i++) {
		xen_pfn_t mfn = d->grants->frame[a->frame + i].n;

		err = guest_write(list + i * sizeof(mfn), &mfn, sizeof(mfn));
	}
	return err;
}

// 0; -EINVAL no such resource or range, -ESRCH, -EPERM domain, -ENOMEM,
// -EFAULT.
i64 memory_acquire_resource(const struct memory_call *c)
{
	struct xen_mem_acquire_resource a;
	struct domain *d;
	gva_t list;
	u64 size;
	int err;

	if (guest_read(&a, c->arg, sizeof(a)))
		return -EFAULT;
	if (a.pad)
		return -EINVAL;
	d = find_other(c->v->domain, a.domid, &err);
	if (!d)
		return err;
	size = size_of(d, &a);
	list = GUEST_HANDLE_GVA(a.frame_list);
	if (!size || (!list && a.nr_frames))
		return -EINVAL;
	if (list)
		return list_frames(d, &a, list);
	a.nr_frames = (u32)size;
	return guest_write(c->arg + offsetof(typeof(a), nr_frames),
			   &a.nr_frames, sizeof(a.nr_frames));
}
