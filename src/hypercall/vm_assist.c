// SPDX-License-Identifier: MIT
//
// vm_assist: the guest switches optional behaviour on and off. Only the
// runstate update flag changes what we do; the other types name what a 64-bit
// guest has anyway and are remembered.
#include "hypercall/hypercall.h"

#include "abi/errno.h"
#include "abi/xen.h"
#include "domain/domain.h"

#define TYPES_KNOWN                             \
	(BIT(VMASST_TYPE_4gb_segments) |        \
	 BIT(VMASST_TYPE_4gb_segments_notify) | \
	 BIT(VMASST_TYPE_writable_pagetables) | \
	 BIT(VMASST_TYPE_pae_extended_cr3) |    \
	 BIT(VMASST_TYPE_runstate_update_flag))

// vm_assist(cmd, type): 0, -EINVAL unknown type, -ENOSYS unknown cmd.
i64 hc_vm_assist(struct vcpu *v, struct hcall *h)
{
	u64 cmd = (u32)h->arg[0], type = (u32)h->arg[1];

	if (cmd != VMASST_CMD_enable && cmd != VMASST_CMD_disable)
		return -ENOSYS;
	if (type >= 64 || !(TYPES_KNOWN & BIT(type)))
		return -EINVAL;
	if (cmd == VMASST_CMD_enable)
		__atomic_or_fetch(&v->domain->vm_assist, BIT(type),
				  __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&v->domain->vm_assist, ~BIT(type),
				   __ATOMIC_RELAXED);
	return 0;
}
