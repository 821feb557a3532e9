// SPDX-License-Identifier: MIT
//
// Grant tables, the part that sets them up: pages of ours, shared with the
// guest, in which it writes entries of version 1 {flags, domid, frame}. The
// guest learns their frame numbers by setup_table and maps them like its
// shared_info page. The table grows when asked and never shrinks.
#include "mm/grant.h"

#include "abi/errno.h"
#include "abi/xen.h"
#include "cpu/uaccess.h"
#include "domain/domain.h"
#include "hypercall/hypercall.h"
#include "lib/lock.h"

#define VERSION 1

struct grant_table {
	struct lock lock; // for growing
	u32 count, max; // frames
	mfn_t frame[]; // count of them, written before count
};

// Room for n frames. The lock is held.
static int grow(struct grant_table *t, u32 n)
{
	while (t->count < n) {
		void *page = page_alloc();

		if (!page)
			return -ENOMEM;
		t->frame[t->count] = virt_mfn(page);
		__atomic_store_n(&t->count, t->count + 1, __ATOMIC_RELEASE);
	}
	return 0;
}

int grant_domain_init(struct domain *d, u32 max_frames)
{
	struct grant_table *t = kalloc(sizeof(*t) + max_frames * sizeof(mfn_t));
	int err;

	if (!t)
		return -ENOMEM;
	t->max = max_frames;
	d->grants = t;
	lock_get(&t->lock);
	err = grow(t, 1);
	lock_put(&t->lock);
	return err;
}

// The structure stays: dom0 may ask about a domain that is dying.
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
	kfree(d->grants);
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

// GNTST_* of a failed look-up of a domain.
static int16_t domain_status(int err)
{
	return err == -EPERM ? GNTST_permission_denied : GNTST_bad_domain;
}

static int16_t setup(struct domain *d, u32 nr_frames)
{
	struct grant_table *t = d->grants;
	int err = -EINVAL;

	lock_get(&t->lock);
	if (nr_frames <= t->max)
		err = grow(t, nr_frames);
	lock_put(&t->lock);
	return err ? GNTST_general_error : GNTST_okay;
}

static int write_frames(const struct grant_table *t, gva_t list, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		xen_pfn_t mfn = t->frame[i].n;

		if (guest_write(list + i * sizeof(mfn), &mfn, sizeof(mfn)))
			return -EFAULT;
	}
	return 0;
}

// status: bad_domain, permission_denied (others for dom0 only), general_error
// too many frames or no memory. -EFAULT argument or list.
static i64 setup_table(struct domain *self, gva_t arg)
{
	struct gnttab_setup_table a;
	struct domain *d;
	int err = 0;

	if (guest_read(&a, arg, sizeof(a)))
		return -EFAULT;
	d = domain_target(self, a.dom, &err);
	a.status = d ? setup(d, a.nr_frames) : domain_status(err);
	if (a.status == GNTST_okay &&
	    write_frames(d->grants, GUEST_HANDLE_GVA(a.frame_list),
			 a.nr_frames))
		return -EFAULT;
	return guest_write(arg, &a, sizeof(a));
}

// status: bad_domain, permission_denied. -EFAULT argument.
static i64 query_size(struct domain *self, gva_t arg)
{
	struct gnttab_query_size a;
	struct domain *d;
	int err = 0;

	if (guest_read(&a, arg, sizeof(a)))
		return -EFAULT;
	d = domain_target(self, a.dom, &err);
	a.status = d ? GNTST_okay : domain_status(err);
	if (d) {
		a.nr_frames = d->grants->count;
		a.max_nr_frames = d->grants->max;
	}
	return guest_write(arg, &a, sizeof(a));
}

// -EINVAL not version 1; it answers the version in use anyway. -EFAULT.
static i64 set_version(struct domain *self maybe_unused, gva_t arg)
{
	struct gnttab_set_version a;
	i64 result;

	if (guest_read(&a, arg, sizeof(a)))
		return -EFAULT;
	result = a.version == VERSION ? 0 : -EINVAL;
	a.version = VERSION;
	return guest_write(arg, &a, sizeof(a)) ? -EFAULT : result;
}

// -ESRCH, -EPERM domain (others for dom0 only), -EFAULT.
static i64 get_version(struct domain *self, gva_t arg)
{
	struct gnttab_get_version a;
	int err;

	if (guest_read(&a, arg, sizeof(a)))
		return -EFAULT;
	if (!domain_target(self, a.dom, &err))
		return err;
	a.version = VERSION;
	return guest_write(arg, &a, sizeof(a));
}

static i64 (*const sub_op[])(struct domain *self, gva_t arg) = {
	[GNTTABOP_setup_table] = setup_table,
	[GNTTABOP_query_size] = query_size,
	[GNTTABOP_set_version] = set_version,
	[GNTTABOP_get_version] = get_version,
};

// grant_table_op(cmd, arg, count): these ops take one argument structure. 0 or
// the sub-op's error; -ENOSYS cmd, -EINVAL count.
i64 hc_grant_table_op(struct vcpu *v, struct hcall *h)
{
	u64 cmd = (u32)h->arg[0];

	if (cmd >= ARRAY_SIZE(sub_op) || !sub_op[cmd])
		return -ENOSYS;
	if ((u32)h->arg[2] != 1)
		return -EINVAL;
	return sub_op[cmd](v->domain, h->arg[1]);
}
