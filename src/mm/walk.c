// SPDX-License-Identifier: MIT
//
// Walking a guest's page tables by software, through the direct map. Tables in
// use were validated, so their entries lead to tables for sure; the lock keeps
// it so during the walk.

#include "cpu/uaccess.h"
#include "mm/priv.h"

static u64 entry_for(u64 above, gva_t va, u32 shift)
{
	const u64 *t = mfn_virt(entry_mfn(above));

	return READ_ONCE(t[va >> shift & (ENTRIES - 1)]);
}

mfn_t walk_l1_table(const struct vcpu *v, gva_t va)
{
	u64 e;

	if (mfn_is_none(v->kernel_root) || va - HV_START < HV_END - HV_START ||
	    !is_canonical(va))
		return MFN_NONE;
	e = entry_for(mfn_maddr(v->kernel_root), va, 39);
	if (e & PTE_P)
		e = entry_for(e, va, 30);
	if (e & PTE_P)
		e = entry_for(e, va, 21);
	return e & PTE_P ? entry_mfn(e) : MFN_NONE;
}

bool walk_allows_write(const struct vcpu *v, gva_t va)
{
	mfn_t root = v->in_kernel ? v->kernel_root : v->user_root;
	u64 rights = PTE_P | PTE_RW, e = mfn_maddr(root);

	if (mfn_is_none(root) || va - HV_START < HV_END - HV_START)
		return false;
	lock_get(&v->domain->lock);
	for (u32 level = 4; level > 0 && (rights & PTE_P); level--) {
		e = entry_for(e, va, PAGE_SHIFT + 9 * (level - 1));
		rights &= e;
	}
	lock_put(&v->domain->lock);
	return rights == (PTE_P | PTE_RW);
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
