// SPDX-License-Identifier: MIT
//
// See grants.h.
#include "grants.h"

#include <stdlib.h>

#include "mm/grant_priv.h"

struct grant_entry_v1 *fake_grant(struct domain *d, u32 ref)
{
	if (ref >= GRANTS_PER_FRAME)
		abort();
	return (struct grant_entry_v1 *)mfn_virt(d->grants->frame[0]) + ref;
}

void fake_grant_set(struct domain *d, u32 ref, u16 flags, domid_t user,
		    u64 frame)
{
	*fake_grant(d, ref) = (struct grant_entry_v1){
		.flags = flags,
		.domid = user,
		.frame = (u32)frame,
	};
}

struct gnttab_map_grant_ref fake_map_op(domid_t granter, u32 ref, u64 addr,
					u32 flags)
{
	return (struct gnttab_map_grant_ref){
		.dom = granter,
		.ref = ref,
		.host_addr = addr,
		.flags = flags,
		.status = 1,
	};
}

i64 fake_grant_op_rc(struct vcpu *v, u32 cmd, void *arg, u32 count)
{
	return fake_hypercall(v, hc_grant_table_op, cmd, gva_of(arg), count, 0);
}

void fake_grant_op(struct vcpu *v, u32 cmd, void *arg, u32 count)
{
	if (fake_grant_op_rc(v, cmd, arg, count))
		abort();
}

int fake_unmap(struct vcpu *v, u32 handle, u64 addr, u64 bus)
{
	struct gnttab_unmap_grant_ref op = {
		.host_addr = addr,
		.dev_bus_addr = bus,
		.handle = handle,
		.status = 1,
	};

	fake_grant_op(v, GNTTABOP_unmap_grant_ref, &op, 1);
	return op.status;
}
