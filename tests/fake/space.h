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

// One mmuext operation; one mmu_update request.
i64 fake_mmuext(struct vcpu *v, u32 cmd, u64 arg1, u64 arg2);
i64 fake_mmuext_for(struct vcpu *v, u32 cmd, u64 arg1, domid_t domid);
i64 fake_update(struct vcpu *v, u64 table, u32 index, u64 value);
i64 fake_update_for(struct vcpu *v, u64 ptr, u64 value, u32 foreigndom);
