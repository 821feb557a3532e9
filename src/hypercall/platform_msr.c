// SPDX-License-Identifier: MIT
//
// platform_op's resource_op: the control domain reads a few model-specific
// registers that tell what the processors can do. All processors are of one
// model, so the one that is asked answers for all.
#include "abi/errno.h"
#include "cpu/cpu.h"
#include "cpu/percpu.h"
#include "cpu/uaccess.h"
#include "hw/cpu.h"
#include "hypercall/platform.h"

#define ENTRIES_MAX 3 // of one call, as with Xen

#define LEAF7D_SRBDS_CTRL BIT(9)
#define LEAF7D_TSX_FORCE_ABORT BIT(13)
#define LEAF7D_ARCH_CAPS BIT(29)
#define ARCH_CAPS_TSX_CTRL BIT(7)

static bool has(u64 bit)
{
	return cpu_features.leaf7_d & bit;
}

// Reading one that is not there would be an exception.
static bool msr_exists(u64 msr)
{
	switch (msr) {
	case MSR_TSC:
		return true;
	case MSR_TSX_FORCE_ABORT:
		return has(LEAF7D_TSX_FORCE_ABORT);
	case MSR_MCU_OPT_CTRL:
		return has(LEAF7D_SRBDS_CTRL);
	case MSR_TSX_CTRL:
		return has(LEAF7D_ARCH_CAPS) &&
		       (rdmsr(MSR_ARCH_CAPABILITIES) & ARCH_CAPS_TSX_CTRL);
	default:
		return false;
	}
}

static int read_one(struct xenpf_resource_entry *e)
{
	if (e->u.cmd != XEN_RESOURCE_OP_MSR_READ)
		return e->u.cmd == XEN_RESOURCE_OP_MSR_WRITE ? -EPERM
							     : -EOPNOTSUPP;
	if (e->rsvd)
		return -EINVAL;
	if (!msr_exists(e->idx))
		return -EPERM;
	e->val = rdmsr((u32)e->idx);
	return 0;
}

int platform_resource(struct xen_platform_op *op)
{
	const struct xenpf_resource_op *a = &op->u.resource_op;
	gva_t list = GUEST_HANDLE_GVA(a->entries);
	struct xenpf_resource_entry e;
	u32 done;

	if (!a->nr_entries || a->nr_entries > ENTRIES_MAX)
		return -EINVAL;
	if (a->cpu >= cpu_count() || !cpu_of(a->cpu)->online)
		return -ENODEV;
	for (done = 0; done < a->nr_entries; done++) {
		gva_t at = list + done * sizeof(e);
		int err;

		if (guest_read(&e, at, sizeof(e)))
			return -EFAULT;
		err = read_one(&e);
		if (err)
			e.u.ret = err;
		if (guest_write(at, &e, sizeof(e)))
			return -EFAULT;
		if (err)
			break;
	}
	return (int)done;
}
