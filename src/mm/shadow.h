// SPDX-License-Identifier: MIT
//
// Copies of a guest's page tables that the processor walks while written pages
// are logged. See shadow.c. Without a log all of this does nothing.
#pragma once

#include "mm/dirty.h"
#include "mm/mm.h"

// What is to be loaded in the place of a root of d's.
mfn_t shadow_root(struct domain *d, mfn_t root);
// A page fault on processor and vCPU of the caller, of the guest or of ours at
// one of its addresses. True: try again, there was only the shadow's lack.
bool shadow_fault(struct vcpu *v, gva_t va, u32 error);

void shadow_clear(struct domain *d, mfn_t table, u32 index);
void shadow_drop(mfn_t table);

// An entry of a validated table of d's was written, before what it stood for is
// dropped.
static inline void shadow_entry_gone(struct domain *d, mfn_t table, u32 index)
{
	if (unlikely(READ_ONCE(dirty_logs)))
		shadow_clear(d, table, index);
}

// What was a table ends being one; no entry leads there any more.
static inline void shadow_table_gone(mfn_t table)
{
	if (unlikely(READ_ONCE(dirty_logs)))
		shadow_drop(table);
}
