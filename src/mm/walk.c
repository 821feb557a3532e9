// SPDX-License-Identifier: MIT
//
// Walking a guest's page tables by software, through the direct map. Tables in
// use were validated, so their entries lead to tables for sure; the lock keeps
// it so during the walk.

#include "cpu/uaccess.h"
#include "mm/priv.h"

mfn_t walk_l1_table(const struct vcpu *v, gva_t va)
{
	mfn_t table = v->kernel_root;

	if (mfn_is_none(table) || !guest_range_ok(va, 1) ||
	    (u64)((i64)(va << 16) >> 16) != va)
		return MFN_NONE;
	for (u32 level = 4; level > 1; level--) {
		const u64 *t = mfn_virt(table);
		u64 e = READ_ONCE(
			t[va >> (12 + 9 * (level - 1)) & (ENTRIES - 1)]);

		if (!(e & PTE_P))
			return MFN_NONE;
		table = entry_mfn(e);
	}
	return table;
}

u64 guest_walk_l1e(struct vcpu *v, gva_t va)
{
	u64 e = 0;
	mfn_t table;

	lock_get(&v->domain->lock);
	table = walk_l1_table(v, va);
	if (!mfn_is_none(table))
		e = READ_ONCE(((const u64 *)mfn_virt(table))[L1_INDEX(va)]);
	lock_put(&v->domain->lock);
	return e & PTE_P ? e : 0;
}
