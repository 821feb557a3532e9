// SPDX-License-Identifier: MIT
//
// Writing to memory that a guest kernel asked us to keep up to date at a
// virtual address of its own: runstate and time areas. That has to work at
// every switch, also when the vCPU is in user mode, whose root lacks the
// kernel's mappings, and when it is leaving the processor. So the kernel root
// is walked here by software and the frame written through the direct map: no
// root is loaded and nothing can fault.
#include "sched/sched.h"

#include "cpu/uaccess.h"
#include "hw/x86.h"
#include "lib/string.h"
#include "mm/dirty.h"

#define LEVEL_BITS 9
#define TOP_SHIFT 39

// The frame must be writable data of the domain's own: page tables are never
// mapped writable, but foreign and device frames may be.
static bool frame_writable(const struct domain *d, mfn_t mfn)
{
	return mfn_is_ram(mfn) && mfn_frame(mfn)->owner == d->id &&
	       frame_type_of(mfn_frame(mfn)) == TYPE_WRITABLE;
}

// Our address of guest address va, or 0. d->lock keeps the tables as they are.
static void *resolve(const struct vcpu *v, gva_t va)
{
	mfn_t table = v->kernel_root;

	if (mfn_is_none(table))
		return NULL;
	for (u32 shift = TOP_SHIFT; shift >= PAGE_SHIFT; shift -= LEVEL_BITS) {
		const u64 *entries = mfn_virt(table);
		u64 e = entries[(va >> shift) & (BIT(LEVEL_BITS) - 1)];

		if ((e & (PTE_P | PTE_RW)) != (PTE_P | PTE_RW))
			return NULL;
		table = maddr_mfn(e & PTE_ADDR);
	}
	if (!frame_writable(v->domain, table))
		return NULL;
	return (char *)mfn_virt(table) + (va & ~PAGE_MASK);
}

bool area_write(struct vcpu *v, gva_t va, const void *src, size_t bytes)
{
	const char *from = src;
	bool ok = guest_range_ok(va, bytes);

	lock_get(&v->domain->lock);
	while (ok && bytes) {
		size_t n = min(bytes, (size_t)(PAGE_SIZE - (va & ~PAGE_MASK)));
		void *to = resolve(v, va);

		ok = to != NULL;
		if (ok) {
			memcpy(to, from, n);
			dirty_mark(virt_mfn(to));
		}
		va += n;
		from += n;
		bytes -= n;
	}
	lock_put(&v->domain->lock);
	return ok;
}
