// SPDX-License-Identifier: MIT
//
// Taking the right to write away ahead of time. A page becomes a page table in
// two steps, which kernels send in one multicall for all tables of a process:
// its entry in the kernel's own map is made read-only, and then it is pinned.
// Pinning has to flush the processors that may still write to the page by an
// entry of before. Pair after pair that is a flush for each table; if all
// entries of the batch are made read-only first, the first flush serves for
// all.
//
// So this only ever takes away what the guest itself is about to take away, a
// few calls later in the same batch. Anything else is left to its own call.

#include "abi/xen.h"
#include "cpu/percpu.h"
#include "mm/priv.h"
#include "mm/quick.h"

// L1 entries differ in these without meaning another page or kind of use.
#define IGNORED (PTE_RW | PTE_US | PTE_A | PTE_D)

static bool is_read_only(const struct multicall_entry *e)
{
	return e->op == __HYPERVISOR_update_va_mapping &&
	       (e->args[1] & (PTE_P | PTE_RW)) == PTE_P;
}

// A single page gains nothing, and without an mmuext_op nobody is to wait.
static bool is_worth_it(const struct multicall_entry *calls, u32 n)
{
	u32 pages = 0, pins = 0;

	for (u32 i = 0; i < n; i++) {
		pages += is_read_only(&calls[i]);
		pins += calls[i].op == __HYPERVISOR_mmuext_op;
	}
	return pages > 1 && pins;
}

static bool only_protects(const struct domain *d, u64 old, u64 value)
{
	return (old & (PTE_P | PTE_RW)) == (PTE_P | PTE_RW) &&
	       ((old ^ value) & ~IGNORED) == 0 &&
	       quick_is_ram(entry_mfn(old)) &&
	       mfn_frame(entry_mfn(old))->owner == d->id;
}

static void protect(struct vcpu *v, gva_t va, u64 value)
{
	struct domain *d = v->domain;
	struct map_ask ask = {.d = d, .of = d, .owner = d->id};
	struct entry_change c = {
		.table = walk_l1_table(v, va),
		.level = 1,
		.index = L1_INDEX(va),
		.keep_ad = true,
	};
	u64 old;

	if (mfn_is_none(c.table) || table_level(c.table, d) != 1)
		return;
	old = READ_ONCE(((const u64 *)mfn_virt(c.table))[c.index]);
	c.value = old & ~PTE_RW;
	if (only_protects(d, old, value))
		(void)!entry_change(v, &ask, &c); // the call itself comes yet
}

void protect_ahead(struct vcpu *v, const struct multicall_entry *calls, u32 n)
{
	if (!is_worth_it(calls, n) || undo_pending(v))
		return;
	lock_get(&v->domain->lock);
	for (u32 i = 0; i < n; i++)
		if (is_read_only(&calls[i]))
			protect(v, calls[i].args[0], calls[i].args[1]);
	lock_put(&v->domain->lock);
	(void)preempt_due(n);
}
