// SPDX-License-Identifier: MIT
//
// A guest's page tables for tests, and the hypercalls that change them.
#pragma once

#include "memory.h"

// One chain of tables, not pinned: l4[0] -> l3[0] -> l2[0] -> l1, whose first
// entries map data[] writable, and nothing else.
#define FAKE_DATA 4
struct fake_space {
	struct domain *d;
	struct vcpu *v;
	u64 l4, l3, l2, l1, data[FAKE_DATA];
};
struct fake_space fake_space(struct domain *d);
// A pinned root of the domain's, with this entry and nothing else.
u64 fake_space_l4(const struct fake_space *s, u64 slot0);
// Loads a root: MMUEXT_NEW_BASEPTR or MMUEXT_NEW_USER_BASEPTR.
void fake_space_load(const struct fake_space *s, u32 cmd, u64 l4);
// Pins and loads l4 for the kernel, and for users another root with the same
// entry: that one.
u64 fake_space_enter(const struct fake_space *s);
// Finishes what the vCPU's operations left half done and drops its roots.
void fake_space_roots_put(struct fake_space *s);
// Kills a domain and takes back all of its memory.
void fake_domain_relinquish(struct domain *d);

// One mmuext operation; one mmu_update request.
i64 fake_mmuext(struct vcpu *v, u32 cmd, u64 arg1, u64 arg2);
i64 fake_mmuext_for(struct vcpu *v, u32 cmd, u64 arg1, domid_t domid);
i64 fake_update(struct vcpu *v, u64 table, u32 index, u64 value);
i64 fake_update_for(struct vcpu *v, u64 ptr, u64 value, u32 foreigndom);
