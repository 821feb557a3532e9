// SPDX-License-Identifier: MIT
//
// Grants of a test kernel to itself, which is what one guest alone can do.

#pragma once

#include "abi.h"

/* Our id; dom0's. */
#define SELF 0

/* Entries of our table, mapped at the first call. */
volatile struct grant_entry_v1 *grant_entry(u32 ref);

/* Writes an entry as a granter does: the flags last. */
void grant_set(u32 ref, u16 flags, domid_t user, u64 mfn);
void grant_page(u32 ref, u16 flags, const volatile void *page);

/* One operation each. They leave what came back in *op; the status. */
int grant_map(struct gnttab_map_grant_ref *op, u32 ref, u64 addr, u32 flags);
int grant_unmap(u32 handle, u64 addr, u64 bus);
int grant_copy(struct gnttab_copy op);
