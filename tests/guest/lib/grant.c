// SPDX-License-Identifier: MIT
//
// See grant.h.

#include "guest.h"
#include "grant.h"

#define TABLE_AT 500 /* page of TEST_VA */

volatile struct grant_entry_v1 *grant_entry(u32 ref)
{
	static volatile struct grant_entry_v1 *table;

	if (!table) {
		struct gnttab_setup_table setup = {
			.dom = DOMID_SELF,
			.nr_frames = 1,
		};
		u64 mfn = 0;

		set_xen_guest_handle(setup.frame_list, &mfn);
		long rc = grant_table_op(GNTTABOP_setup_table, &setup, 1);
		require(rc == 0 && setup.status == 0, "setup_table: %ld, %d",
			rc, setup.status);
		rc = test_map(TABLE_AT, mfn << 12 | PTE_PAGE);
		require(rc == 0, "mapping the table: %ld", rc);
		table = test_page(TABLE_AT);
	}
	return &table[ref];
}

void grant_set(u32 ref, u16 flags, domid_t user, u64 mfn)
{
	volatile struct grant_entry_v1 *e = grant_entry(ref);

	e->frame = (u32)mfn;
	e->domid = user;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	e->flags = flags;
}

void grant_page(u32 ref, u16 flags, const volatile void *page)
{
	grant_set(ref, flags, SELF, va_mfn(page));
}

int grant_map(struct gnttab_map_grant_ref *op, u32 ref, u64 addr, u32 flags)
{
	*op = (struct gnttab_map_grant_ref){
		.dom = SELF,
		.ref = ref,
		.host_addr = addr,
		.flags = flags,
		.status = 1,
	};
	expect_rc("map_grant_ref",
		  grant_table_op(GNTTABOP_map_grant_ref, op, 1), 0);
	return op->status;
}

int grant_unmap(u32 handle, u64 addr, u64 bus)
{
	struct gnttab_unmap_grant_ref op = {
		.handle = handle,
		.host_addr = addr,
		.dev_bus_addr = bus,
		.status = 1,
	};

	expect_rc("unmap_grant_ref",
		  grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1), 0);
	return op.status;
}

int grant_copy(struct gnttab_copy op)
{
	op.status = 1;
	expect_rc("copy", grant_table_op(GNTTABOP_copy, &op, 1), 0);
	return op.status;
}
