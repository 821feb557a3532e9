// SPDX-License-Identifier: MIT
//
// Flushes that would find nothing. Kernels ask for more of them than there are
// stale translations: those that build or take apart the tables of a process
// ask each time, though a task switch has just flushed. And a page that becomes
// a page table would need one each time, though only one translation of it is
// stale: that of the kernel's own map, which has just been made read-only.
//
// A TLB is fresh while no entry that it may know has lost anything since its
// last flush. All changes of tables in use come by us (entry_written): each
// domain counts them, and each processor knows the count at its last flush,
// since which it has followed the tables of that domain only. One change more
// than that, and an INVLPG makes it fresh again, if the entry can be reached by
// no other address: every table on the way must be linked at one place. In a
// root another slot may lead to the same, and each process has a root that does.
//
// An entry that only became writable takes nothing away, but a processor that
// knows the old one may fault (Intel SDM, volume 3, 4.10.4.3), and a guest that
// has asked for a flush does not expect that. So such a flush is owed: it is
// done at the first fault that may be for want of it (root_fault_again), unless
// another comes before.
//
// This says nothing of what the hypervisor itself maps for a guest: descriptor
// tables have their flushes as ever.

#include "cpu/percpu.h"
#include "cpu/uaccess.h"
#include "hw/cpu.h"
#include "mm/scan.h"
#include "mm/tlb.h"

// A pin is a reference, too.
static u32 links_to(mfn_t table)
{
	u32 w = READ_ONCE(mfn_frame(table)->type);

	return type_count(w) - !!(w & FT_PINNED);
}

static u32 slots_leading_to(const u64 *root, mfn_t table)
{
	u32 n = 0;

	for (u32 i = next_present(root, 0, ENTRIES); i < ENTRIES;
	     i = next_present(root, i + 1, ENTRIES))
		n += mfn_eq(entry_mfn(root[i]), table);
	return n;
}

// Most programs' tables hang under the two roots of one process only.
static bool is_programs(const struct vcpu *v, mfn_t root, u32 slot, mfn_t table)
{
	bool users = !mfn_eq(root, v->user_root) &&
		     !mfn_is_none(v->user_root) &&
		     entry_leads_to(((const u64 *)mfn_virt(v->user_root))[slot],
				    table);

	return links_to(table) - users == 1;
}

// The kernel's are in all roots. What was found is remembered until a root is
// made or written to.
static bool in_one_slot(struct vcpu *v, mfn_t root, u32 slot, mfn_t table)
{
	const struct sole_slot now = {root, slot, v->domain->root_version};

	if (is_programs(v, root, slot, table))
		return true;
	if (mfn_eq(v->sole.root, root) && v->sole.slot == slot &&
	    v->sole.version == now.version)
		return true;
	if (slots_leading_to(mfn_virt(root), table) != 1)
		return false;
	v->sole = now;
	return true;
}

// The root that is in CR3, as its domain has it, or none: shadows are no table
// of a guest's.
static mfn_t loaded_root(const struct cpu *c, const struct vcpu *v)
{
	mfn_t root = v->kernel_root;

	if (mfn_maddr(root) == c->cr3)
		return root;
	root = mirror_original();
	return !mfn_is_none(root) && table_level(root, v->domain) == 4
		       ? root
		       : MFN_NONE;
}

// Does va lead to that level 1 entry, and is it the only address that does?
static bool only_way(struct vcpu *v, mfn_t root, gva_t va, const u64 *entry)
{
	mfn_t table = root, top = MFN_NONE;

	for (u32 level = 4; level > 1; level--) {
		u64 e = ((const u64 *)mfn_virt(table))[table_index(va, level)];

		table = entry_mfn(e);
		if (!(e & PTE_P) || mfn_eq(table, root) ||
		    (level < 4 && links_to(table) != 1))
			return false;
		if (level == 4)
			top = table;
	}
	return (const u64 *)mfn_virt(table) + L1_INDEX(va) == entry &&
	       in_one_slot(v, root, table_index(va, 4), top);
}

bool tlb_freshen(const struct domain *d, gva_t va)
{
	struct cpu *c = cpu_this();
	struct vcpu *v = c->loaded;
	mfn_t root;

	assert(lock_mine(&d->lock));
	if (!v || v->domain != d || !tlb_is_nearly_fresh(d) ||
	    c->flush_due == FLUSH_WITH_ROOT || !is_canonical(va) ||
	    va - HV_START < HV_END - HV_START)
		return false;
	root = loaded_root(c, v);
	if (mfn_is_none(root) || !only_way(v, root, va, d->weakened_entry))
		return false;
	count(CNT_INVLPG);
	invlpg(va);
	c->fresh = d->weakened;
	return true;
}
