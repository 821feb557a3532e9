// SPDX-License-Identifier: MIT
//
// grant_table_op: sub-operations on whole tables, which take one argument
// structure, and those on lists of grants (grant_map.c, grant_copy.c). A
// guest's mistakes are answered in the status of the structure concerned.

#include "abi/errno.h"
#include "cpu/uaccess.h"
#include "hypercall/hypercall.h"
#include "mm/grant_priv.h"

#define VERSION 1
#define MOST_IN_A_LIST 0x7fffffffu

// GNTST_* of a failed look-up of a domain.
static int16_t domain_status(int err)
{
	return err == -EPERM ? GNTST_permission_denied : GNTST_bad_domain;
}

// The domain whose table is meant, or 0; tells so in the status.
static struct domain *find(struct domain *self, domid_t id, int16_t *status)
{
	int err = 0;
	struct domain *d = domain_target(self, id, &err);

	*status = d ? GNTST_okay : domain_status(err);
	return d;
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

	if (guest_read(&a, arg, sizeof(a)))
		return -EFAULT;
	d = find(self, a.dom, &a.status);
	if (d && grant_grow(d, a.nr_frames))
		a.status = GNTST_general_error;
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

	if (guest_read(&a, arg, sizeof(a)))
		return -EFAULT;
	d = find(self, a.dom, &a.status);
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

static i64 (*const table_op[])(struct domain *self, gva_t arg) = {
	[GNTTABOP_setup_table] = setup_table,
	[GNTTABOP_query_size] = query_size,
	[GNTTABOP_set_version] = set_version,
	[GNTTABOP_get_version] = get_version,
};

static const struct list_op {
	int (*run)(struct vcpu *v, gva_t list, u32 n, u32 *done);
	size_t size; // of an element
} list_op[] = {
	[GNTTABOP_map_grant_ref] = {grant_map_list,
				    sizeof(struct gnttab_map_grant_ref)},
	[GNTTABOP_unmap_grant_ref] = {grant_unmap_list,
				      sizeof(struct gnttab_unmap_grant_ref)},
	[GNTTABOP_copy] = {grant_copy_list, sizeof(struct gnttab_copy)},
};

static i64 run_list(struct vcpu *v, struct hcall *h, const struct list_op *op)
{
	u32 n = (u32)h->arg[2], done = 0;
	int err;

	if (n > MOST_IN_A_LIST)
		return -EINVAL;
	err = op->run(v, h->arg[1], n, &done);
	if (err != -ERESTART)
		return err;
	h->arg[1] += done * op->size;
	h->arg[2] = n - done;
	return hypercall_restart(h);
}

// grant_table_op(cmd, arg, count): 0 or the sub-op's error; -ENOSYS cmd,
// -EINVAL count, -EFAULT list (elements before the bad one were carried out).
i64 hc_grant_table_op(struct vcpu *v, struct hcall *h)
{
	u64 cmd = (u32)h->arg[0];

	if (cmd < ARRAY_SIZE(list_op) && list_op[cmd].run)
		return run_list(v, h, &list_op[cmd]);
	if (cmd >= ARRAY_SIZE(table_op) || !table_op[cmd])
		return -ENOSYS;
	if ((u32)h->arg[2] != 1)
		return -EINVAL;
	return table_op[cmd](v->domain, h->arg[1]);
}
