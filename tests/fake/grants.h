// SPDX-License-Identifier: MIT
//
// Grants for tests: entries as the granter writes them, and operations.
#pragma once

#include "mm/grant.h"
#include "space.h"

// An entry of d's table, in its first frame.
struct grant_entry_v1 *fake_grant(struct domain *d, u32 ref);
void fake_grant_set(struct domain *d, u32 ref, u16 flags, domid_t user,
		    u64 frame);
struct gnttab_map_grant_ref fake_map_op(domid_t granter, u32 ref, u64 addr,
					u32 flags);
// A grant_table_op that must return 0; and one that need not.
void fake_grant_op(struct vcpu *v, u32 cmd, void *arg, u32 count);
i64 fake_grant_op_rc(struct vcpu *v, u32 cmd, void *arg, u32 count);
// Unmaps one; its status.
int fake_unmap(struct vcpu *v, u32 handle, u64 addr, u64 bus);
