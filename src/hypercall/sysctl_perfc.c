// SPDX-License-Identifier: MIT
//
// sysctl: the counters, in the form that the tool xenperf shows. A counter has
// a name and a value, or a value for each kind; values are the machine's, and
// of 32 bits, which come round.
#include "hypercall/sysctl.h"

#include "abi/errno.h"
#include "cpu/cpu.h"
#include "cpu/uaccess.h"
#include "lib/string.h"

// The tool knows the names of hypercalls when the counter has this one.
#define HYPERCALLS "hypercalls"

static void describe(struct xen_sysctl_perfc_desc *to,
		     const struct counter_group *g)
{
	bool calls = g->first == CNT_HYPERCALL;

	memset(to, 0, sizeof(*to));
	str_copy(to->name, calls ? HYPERCALLS : g->name, sizeof(to->name));
	to->nr_vals = g->n;
}

static int write_descriptions(gva_t to)
{
	struct xen_sysctl_perfc_desc desc;

	for (u32 i = 0; i < counter_group_count; i++) {
		describe(&desc, &counter_groups[i]);
		if (guest_write(to + i * sizeof(desc), &desc, sizeof(desc)))
			return -EFAULT;
	}
	return 0;
}

// In the order of the groups, *n in all. to 0: only counts them.
static int write_values(gva_t to, u32 *n)
{
	*n = 0;
	for (u32 i = 0; i < counter_group_count; i++) {
		const struct counter_group *g = &counter_groups[i];

		for (u32 k = 0; k < g->n; k++, ++*n) {
			xen_sysctl_perfc_val_t value;

			if (!to)
				continue;
			value = (u32)counter_total(g->first + k);
			if (guest_write(to + *n * sizeof(value), &value,
					sizeof(value)))
				return -EFAULT;
		}
	}
	return 0;
}

// Resets, or tells all counters; null arrays ask how many there are. -EINVAL
// no such command, -EFAULT.
int sysctl_counters(struct xen_sysctl *op)
{
	struct xen_sysctl_perfc_op *a = &op->u.perfc_op;
	gva_t desc = GUEST_HANDLE_GVA(a->desc);
	int err = 0;

	if (a->cmd == XEN_SYSCTL_PERFCOP_reset)
		counters_reset();
	else if (a->cmd != XEN_SYSCTL_PERFCOP_query)
		return -EINVAL;
	a->nr_counters = counter_group_count;
	if (desc)
		err = write_descriptions(desc);
	if (!err)
		err = write_values(GUEST_HANDLE_GVA(a->val), &a->nr_vals);
	return err;
}
