// SPDX-License-Identifier: MIT
// uses: src/mm/root.c
// uses: src/mm/ram.c src/mm/early.c src/mm/frame.c src/mm/heap.c
// uses: src/mm/kalloc.c src/mm/m2p.c src/mm/tlb.c src/mm/fresh.c src/mm/domain_frames.c
// uses: src/mm/iomem.c src/mm/type.c src/mm/table.c src/mm/entry.c
// uses: src/mm/change.c src/mm/undo.c src/mm/foreign.c src/mm/walk.c
// uses: src/mm/flush.c src/mm/mmu_update.c src/mm/mmuext_op.c
// uses: src/mm/relinquish.c src/mm/audit.c src/mm/grant_table.c
// uses: src/mm/grant_op.c src/mm/grant_pin.c src/mm/grant_maptrack.c
// uses: src/mm/grant_map.c src/mm/grant_copy.c src/mm/grant_audit.c
// uses: tests/fake/core.c tests/fake/memory.c tests/fake/space.c
// uses: src/mm/dirty.c src/mm/shadow.c src/mm/claim.c
// uses: tests/fake/grants.c
//
// Grants between a granter (domain 1) and a user (domain 0 or 2): mapping,
// unmapping, copying, and what is left when either of them goes wrong or away.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "console/console.h"
#include "grants.h"
#include "mm/dirty.h"
#include "mm/grant_priv.h"

static struct domain *d0, *d1, *d2;
static struct fake_space s; // d0's
static u64 page; // a frame of d1's that it grants

static int setup(void **state)
{
	fake_memory_init();
	d0 = fake_domain(0, 1000);
	d1 = fake_domain(1, 1000);
	d2 = fake_domain(2, 1000);
	assert_int_equal(grant_domain_init(d0, 4, 2), 0);
	assert_int_equal(grant_domain_init(d1, 4, 2), 0);
	assert_int_equal(grant_domain_init(d2, 4, 2), 0);
	s = fake_space(d0);
	page = fake_frame(d1);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	cpu_this()->loaded = s.v;
	fake_cr3_writes = 0;
	return 0;
}

static int teardown(void **state)
{
	fake_fault_bytes = 0;
	assert_int_equal(mm_audit(), 0);
	for (u32 i = 0; i < 3; i++)
		grant_domain_free(domain_find((domid_t)i));
	return 0;
}

static u32 refs(u64 mfn)
{
	return mfn_frame(MFN(mfn))->ref & REF_COUNT_MASK;
}

static u32 writers(u64 mfn)
{
	return mfn_frame(MFN(mfn))->type & FT_COUNT_MASK;
}

static u64 va(u32 n)
{
	return (u64)n << PAGE_SHIFT;
}

static u64 pte(u32 n)
{
	return (s.l1 << PAGE_SHIFT) + 8 * n;
}

static u16 flags(u32 ref)
{
	return fake_grant(d1, ref)->flags;
}

static struct gnttab_map_grant_ref map(u32 ref, u64 addr, u32 how)
{
	struct gnttab_map_grant_ref op = fake_map_op(1, ref, addr, how);

	fake_grant_op(s.v, GNTTABOP_map_grant_ref, &op, 1);
	return op;
}

static int unmap(u32 handle, u64 addr, u64 bus)
{
	return fake_unmap(s.v, handle, addr, bus);
}

#define HOST GNTMAP_host_map
#define DEVICE GNTMAP_device_map
#define RO GNTMAP_readonly
#define BY_PTE GNTMAP_contains_pte

// ------------------------------------------------------------------- mapping

static void mapped_by_address(void **state)
{
	struct gnttab_map_grant_ref op;

	fake_grant_set(d1, 5, GTF_permit_access, 0, page);
	op = map(5, va(20) + 0x123, HOST);
	assert_int_equal(op.status, GNTST_okay);
	assert_int_equal(op.dev_bus_addr, page << PAGE_SHIFT);
	assert_int_equal(fake_words(s.l1)[20], entry_of(page, E_RW));
	assert_int_equal(flags(5),
			 GTF_permit_access | GTF_reading | GTF_writing);
	assert_int_equal(refs(page), 2);
	assert_int_equal(writers(page), 1);
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(fake_cr3_writes, 0);
	assert_int_equal(unmap(op.handle, va(20), 0), GNTST_okay);
	assert_int_equal(fake_cr3_writes, 1);
	assert_int_equal(fake_words(s.l1)[20], 0);
	assert_int_equal(flags(5), GTF_permit_access);
	assert_int_equal(refs(page), 1);
	assert_int_equal(writers(page), 0);
	assert_int_equal(unmap(op.handle, va(20), 0), GNTST_bad_handle);
}

static void mapped_by_entry_with_the_guests_bits(void **state)
{
	u32 how = HOST | BY_PTE | RO | GNTMAP_application_map |
		  5u << _GNTMAP_guest_avail0;
	struct gnttab_map_grant_ref op;

	fake_grant_set(d1, 0, GTF_permit_access | GTF_readonly, 0, page);
	op = map(0, pte(30), how);
	assert_int_equal(op.status, GNTST_okay);
	assert_int_equal(fake_words(s.l1)[30], entry_of(page, E_RO | 5u << 9));
	assert_int_equal(flags(0),
			 GTF_permit_access | GTF_readonly | GTF_reading);
	assert_int_equal(writers(page), 0);
	// The guest's own bits may change meanwhile.
	assert_int_equal(
		fake_update(s.v, s.l1, 30, entry_of(page, PTE_P | PTE_NX)), 0);
	assert_int_equal(unmap(op.handle, va(30), 0), GNTST_general_error);
	assert_int_equal(unmap(op.handle, pte(30) + 4, 0), GNTST_general_error);
	assert_int_equal(unmap(op.handle, pte(31), 0), GNTST_general_error);
	assert_int_equal(unmap(op.handle, pte(30), 0), GNTST_okay);
	assert_int_equal(flags(0), GTF_permit_access | GTF_readonly);
}

static void an_old_entry_gives_way(void **state)
{
	struct gnttab_map_grant_ref op;

	fake_grant_set(d1, 1, GTF_permit_access, 0, page);
	op = map(1, va(0), HOST);
	assert_int_equal(op.status, GNTST_okay);
	assert_int_equal(refs(s.data[0]), 1);
	assert_int_equal(unmap(op.handle, va(0), 0), GNTST_okay);
}

static void refused_maps(void **state)
{
	u64 table = fake_frame(d1);
	const struct {
		u16 flags;
		domid_t domid;
		u64 frame, addr;
		u32 how;
		int16_t status;
	} bad[] = {
		{0, 0, page, va(20), HOST, GNTST_general_error},
		{2, 0, page, va(20), HOST, GNTST_general_error},
		{3, 0, page, va(20), HOST, GNTST_general_error},
		{1, 2, page, va(20), HOST, GNTST_general_error},
		{1 | GTF_readonly, 0, page, va(20), HOST, GNTST_general_error},
		{1 | GTF_sub_page, 0, page, va(20), HOST, GNTST_general_error},
		{1, 0, s.data[0], va(20), HOST, GNTST_bad_page},
		{1, 0, 0x150, va(20), HOST, GNTST_bad_page},
		{1, 0, 0xfee00, va(20), HOST, GNTST_bad_page},
		{1, 0, 0xffffffff, va(20), HOST, GNTST_bad_page},
		{1, 0, table, va(20), HOST, GNTST_general_error},
		{1, 0, table, va(20), DEVICE, GNTST_general_error},
		{1, 0, page, va(512), HOST, GNTST_general_error},
		{1, 0, page, HV_START, HOST, GNTST_general_error},
		{1, 0, page, BIT(62), HOST, GNTST_general_error},
		{1, 0, page, va(512), HOST | DEVICE, GNTST_general_error},
		{1, 0, page, va(20), RO, GNTST_bad_gntref},
		{1, 0, page, s.l2 * PAGE_SIZE, HOST | BY_PTE,
		 GNTST_general_error},
		{1, 0, page, s.data[0] * PAGE_SIZE, HOST | BY_PTE,
		 GNTST_general_error},
		{1, 0, page, ~7ull, HOST | BY_PTE, GNTST_general_error},
		{1, 0, page, pte(20) + 1, HOST | BY_PTE, GNTST_general_error},
	};

	assert_int_equal(
		fake_mmuext(d1->vcpu[0], MMUEXT_PIN_L1_TABLE, table, 0), 0);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		fake_grant_set(d1, 7, bad[i].flags, bad[i].domid, bad[i].frame);
		assert_int_equal(map(7, bad[i].addr, bad[i].how).status,
				 bad[i].status);
		assert_int_equal(flags(7), bad[i].flags);
		assert_int_equal(fake_words(s.l1)[20], 0);
		assert_int_equal(refs(page), 1);
		assert_int_equal(mm_audit(), 0);
	}
	assert_int_equal(map(512, va(20), HOST).status, GNTST_bad_gntref);
	assert_int_equal(map(~0u, va(20), HOST).status, GNTST_bad_gntref);
	assert_int_equal(fake_mmuext(d1->vcpu[0], MMUEXT_UNPIN_TABLE, table, 0),
			 0);
}

static void nobody_grants(void **state)
{
	struct gnttab_map_grant_ref op = fake_map_op(3, 0, va(20), HOST);

	fake_grant_op(s.v, GNTTABOP_map_grant_ref, &op, 1);
	assert_int_equal(op.status, GNTST_bad_domain);
	op.dom = DOMID_SELF;
	fake_grant_op(s.v, GNTTABOP_map_grant_ref, &op, 1);
	assert_int_equal(op.status, GNTST_bad_domain);
}

static void maps_of_one_grant_are_counted(void **state)
{
	struct gnttab_map_grant_ref a, b, c;

	fake_grant_set(d1, 5, GTF_permit_access, 0, page);
	a = map(5, va(20), HOST | RO);
	assert_int_equal(flags(5), GTF_permit_access | GTF_reading);
	b = map(5, va(21), HOST);
	c = map(5, va(22), HOST);
	assert_int_equal(c.status, GNTST_okay);
	assert_int_equal(refs(page), 4);
	assert_int_equal(writers(page), 2);
	assert_int_equal(unmap(b.handle, va(21), 0), GNTST_okay);
	assert_int_equal(flags(5),
			 GTF_permit_access | GTF_reading | GTF_writing);
	assert_int_equal(unmap(c.handle, va(22), 0), GNTST_okay);
	assert_int_equal(flags(5), GTF_permit_access | GTF_reading);
	assert_int_equal(unmap(a.handle, va(20), 0), GNTST_okay);
	assert_int_equal(flags(5), GTF_permit_access);
}

static void too_many_maps_of_one_grant(void **state)
{
	u32 handle[255];

	fake_grant_set(d1, 5, GTF_permit_access, 0, page);
	for (u32 i = 0; i < 255; i++) {
		struct gnttab_map_grant_ref op = map(5, va(20 + i), HOST | RO);

		assert_int_equal(op.status, GNTST_okay);
		handle[i] = op.handle;
	}
	assert_int_equal(map(5, va(400), HOST | RO).status,
			 GNTST_general_error);
	for (u32 i = 0; i < 255; i++)
		assert_int_equal(unmap(handle[i], va(20 + i), 0), GNTST_okay);
	assert_int_equal(flags(5), GTF_permit_access);
}

static void somebody_else_joins_not(void **state)
{
	struct gnttab_map_grant_ref a, b = fake_map_op(1, 5, 0, DEVICE);

	fake_grant_set(d1, 5, GTF_permit_access, 0, page);
	a = map(5, va(20), HOST);
	fake_grant_set(d1, 5, GTF_permit_access, 2, page);
	fake_grant_op(d2->vcpu[0], GNTTABOP_map_grant_ref, &b, 1);
	assert_int_equal(b.status, GNTST_general_error);
	assert_int_equal(unmap(a.handle, va(20), 0), GNTST_okay);
	fake_grant_op(d2->vcpu[0], GNTTABOP_map_grant_ref, &b, 1);
	assert_int_equal(b.status, GNTST_okay);
	assert_int_equal(fake_unmap(d2->vcpu[0], b.handle, 0, page << 12),
			 GNTST_okay);
}

static void taken_back_while_mapped(void **state)
{
	u64 other = fake_frame(d1);
	struct gnttab_map_grant_ref op;

	fake_grant_set(d1, 5, GTF_permit_access, 0, page);
	op = map(5, va(20), HOST);
	fake_grant_set(d1, 5, 0, 0, page);
	assert_int_equal(map(5, va(21), HOST).status, GNTST_general_error);
	fake_grant_set(d1, 5, GTF_permit_access, 0, other);
	assert_int_equal(map(5, va(21), HOST).status, GNTST_general_error);
	assert_int_equal(refs(other), 1);
	assert_int_equal(unmap(op.handle, va(20), 0), GNTST_okay);
	assert_int_equal(refs(page), 1);
	op = map(5, va(21), HOST);
	assert_int_equal(op.dev_bus_addr, other << PAGE_SHIFT);
	assert_int_equal(unmap(op.handle, va(21), 0), GNTST_okay);
}

static void cleared_without_unmapping(void **state)
{
	struct gnttab_map_grant_ref op;

	fake_grant_set(d1, 5, GTF_permit_access, 0, page);
	op = map(5, va(20), HOST);
	assert_int_equal(fake_update(s.v, s.l1, 20, 0), 0);
	assert_int_equal(refs(page), 1);
	assert_int_equal(writers(page), 0);
	assert_int_equal(flags(5),
			 GTF_permit_access | GTF_reading | GTF_writing);
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(unmap(op.handle, va(20), 0), GNTST_general_error);
	assert_int_equal(unmap(op.handle, 0, 0), GNTST_okay);
	assert_int_equal(grant_domain_release(d0), 0);
	assert_int_equal(flags(5), GTF_permit_access);
}

static void a_readonly_map_cannot_be_made_writable(void **state)
{
	struct gnttab_map_grant_ref op;

	fake_grant_set(d1, 5, GTF_permit_access, 2, page);
	assert_int_equal(
		fake_update(d2->vcpu[0], s.l1, 20, entry_of(page, E_RW)),
		-EPERM);
	fake_grant_set(d1, 5, GTF_permit_access, 0, page);
	op = map(5, va(20), HOST | RO);
	assert_int_equal(fake_update(s.v, s.l1, 20, entry_of(page, E_RW)),
			 -EPERM);
	assert_int_equal(fake_update(s.v, s.l1, 21, entry_of(page, E_RO)),
			 -EPERM);
	assert_int_equal(unmap(op.handle, va(20), 0), GNTST_okay);
}

static void device_and_host(void **state)
{
	struct gnttab_map_grant_ref op;
	struct gnttab_unmap_grant_ref both[2];

	fake_grant_set(d1, 5, GTF_permit_access, 0, page);
	op = map(5, va(20), HOST | DEVICE);
	assert_int_equal(refs(page), 3);
	assert_int_equal(writers(page), 2);
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(unmap(op.handle, va(20), 0x1000), GNTST_bad_dev_addr);
	assert_int_equal(unmap(op.handle, va(20), 0), GNTST_okay);
	assert_int_equal(refs(page), 2);
	assert_int_equal(flags(5),
			 GTF_permit_access | GTF_reading | GTF_writing);
	assert_int_equal(unmap(op.handle, 0, page << PAGE_SHIFT), GNTST_okay);
	assert_int_equal(flags(5), GTF_permit_access);
	// Both ways by two elements of a list, and a third in vain.
	op = map(5, va(20), HOST | DEVICE);
	both[0] = (struct gnttab_unmap_grant_ref){.host_addr = va(20),
						  .handle = op.handle};
	both[1] = (struct gnttab_unmap_grant_ref){
		.dev_bus_addr = page << PAGE_SHIFT, .handle = op.handle};
	fake_grant_op(s.v, GNTTABOP_unmap_grant_ref, both, 2);
	assert_int_equal(both[0].status, GNTST_okay);
	assert_int_equal(both[1].status, GNTST_okay);
	assert_int_equal(flags(5), GTF_permit_access);
	op = map(5, va(20), HOST);
	both[1] = both[0] = (struct gnttab_unmap_grant_ref){
		.host_addr = va(20), .handle = op.handle};
	fake_grant_op(s.v, GNTTABOP_unmap_grant_ref, both, 2);
	assert_int_equal(both[0].status, GNTST_okay);
	assert_int_equal(both[1].status, GNTST_bad_handle);
}

static void ones_own_grants(void **state)
{
	struct gnttab_map_grant_ref op = fake_map_op(0, 9, va(20), HOST);

	fake_grant_set(d0, 9, GTF_permit_access, 0, s.data[1]);
	fake_grant_op(s.v, GNTTABOP_map_grant_ref, &op, 1);
	assert_int_equal(op.status, GNTST_okay);
	assert_int_equal(writers(s.data[1]), 2);
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(unmap(op.handle, va(20), 0), GNTST_okay);
	assert_int_equal(writers(s.data[1]), 1);
}

static void records_have_a_limit(void **state)
{
	u32 n = 2 * MAPS_PER_PAGE, last = 0;

	for (u32 i = 0; i < n; i++) {
		struct gnttab_map_grant_ref op;

		if (i % 200 == 0)
			fake_grant_set(d1, 5 + i / 200, GTF_permit_access, 0,
				       page);
		op = map(5 + i / 200, 0, DEVICE);
		assert_int_equal(op.status, GNTST_okay);
		last = op.handle;
	}
	assert_int_equal(map(5, 0, DEVICE).status, GNTST_no_space);
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(unmap(last, 0, page << PAGE_SHIFT), GNTST_okay);
	assert_int_equal(map(5, 0, DEVICE).handle, last);
	assert_int_equal(unmap(n, 0, page << PAGE_SHIFT), GNTST_bad_handle);
	assert_int_equal(unmap(~0u, 0, 0), GNTST_bad_handle);
	cpu_this()->work = PREEMPT_BUDGET;
	assert_int_equal(grant_domain_release(d0), -ERESTART);
	assert_int_equal(mm_audit(), 0);
	while (grant_domain_release(d0))
		cpu_this()->work = 0;
	assert_int_equal(refs(page), 1);
	assert_int_equal(flags(5), GTF_permit_access);
}

// --------------------------------------------------------------------- death

static void relinquish(struct domain *d)
{
	d->dying = DOMAIN_DYING;
	grant_domain_destroy(d);
	while (domain_relinquish_memory(d))
		cpu_this()->work = 0;
	while (grant_domain_release(d))
		cpu_this()->work = 0;
}

static void the_granter_dies(void **state)
{
	struct gnttab_map_grant_ref op;

	fake_grant_set(d1, 5, GTF_permit_access, 0, page);
	op = map(5, va(20), HOST);
	fake_words(page)[3] = 77;
	relinquish(d1);
	assert_int_equal(d1->tot_pages, 1);
	assert_int_equal(fake_words(page)[3], 77);
	assert_int_equal(map(5, va(21), HOST).status, GNTST_bad_gntref);
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(unmap(op.handle, va(20), 0), GNTST_okay);
	assert_int_equal(d1->tot_pages, 0);
}

static void the_granter_is_another_now(void **state)
{
	struct gnttab_map_grant_ref op;

	fake_grant_set(d1, 5, GTF_permit_access, 0, page);
	op = map(5, va(20), HOST);
	assert_int_equal(fake_update(s.v, s.l1, 20, 0), 0);
	relinquish(d1);
	assert_int_equal(d1->tot_pages, 0);
	grant_domain_free(d1);
	d1->dying = DOMAIN_ALIVE;
	d1->relinquish_at = 0;
	assert_int_equal(grant_domain_init(d1, 1, 1), 0);
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(unmap(op.handle, va(20), 0), GNTST_bad_domain);
	assert_int_equal(unmap(op.handle, va(20), 0), GNTST_bad_handle);
}

static void the_user_dies(void **state)
{
	struct fake_space t = fake_space(d2);
	struct gnttab_map_grant_ref op[2] = {
		fake_map_op(1, 5, va(20), HOST | DEVICE),
		fake_map_op(1, 6, va(21), HOST | RO),
	};

	fake_grant_set(d1, 5, GTF_permit_access, 2, page);
	fake_grant_set(d1, 6, GTF_permit_access, 2, page);
	fake_mmuext(t.v, MMUEXT_PIN_L4_TABLE, t.l4, 0);
	fake_mmuext(t.v, MMUEXT_NEW_BASEPTR, t.l4, 0);
	fake_grant_op(t.v, GNTTABOP_map_grant_ref, op, 2);
	assert_int_equal(op[0].status, GNTST_okay);
	assert_int_equal(op[1].status, GNTST_okay);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	assert_int_equal(root_put(d2, t.v->kernel_root), 0);
	t.v->kernel_root = MFN_NONE;
	d2->dying = DOMAIN_DYING;
	grant_domain_destroy(d2);
	while (domain_relinquish_memory(d2))
		cpu_this()->work = 0;
	// The tables are gone, the marks are not: none too early.
	assert_int_equal(writers(page), 1);
	assert_int_equal(flags(5),
			 GTF_permit_access | GTF_reading | GTF_writing);
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(grant_domain_release(d2), 0);
	assert_int_equal(refs(page), 1);
	assert_int_equal(flags(5), GTF_permit_access);
	assert_int_equal(flags(6), GTF_permit_access);
	assert_int_equal(d2->tot_pages, 0);
}

// ---------------------------------------------------------------------- lists

#define LIST 70

static void long_lists(void **state)
{
	struct gnttab_map_grant_ref m[LIST];
	struct gnttab_unmap_grant_ref u[LIST];

	for (u32 work = 0; work < PREEMPT_BUDGET; work += PREEMPT_BUDGET - 1) {
		fake_work = work;
		for (u32 i = 0; i < LIST; i++) {
			fake_grant_set(d1, i, GTF_permit_access, 0, page);
			m[i] = fake_map_op(1, i, va(20 + i), HOST);
		}
		m[40].ref = 9999;
		fake_grant_op(s.v, GNTTABOP_map_grant_ref, m, LIST);
		assert_int_equal(fake_restarts, work ? LIST - 1 : 0);
		for (u32 i = 0; i < LIST; i++) {
			assert_int_equal(m[i].status,
					 i == 40 ? GNTST_bad_gntref : 0);
			u[i] = (struct gnttab_unmap_grant_ref){
				.host_addr = va(20 + i),
				.handle = i == 40 ? 9999 : m[i].handle,
				.status = 1,
			};
		}
		fake_cr3_writes = 0;
		fake_grant_op(s.v, GNTTABOP_unmap_grant_ref, u, LIST);
		assert_int_equal(fake_restarts, work ? 2 : 0);
		assert_int_equal(fake_cr3_writes, 3);
		for (u32 i = 0; i < LIST; i++)
			assert_int_equal(u[i].status,
					 i == 40 ? GNTST_bad_handle : 0);
		assert_int_equal(refs(page), 1);
	}
	fake_work = 0;
}

static void lists_with_holes(void **state)
{
	struct gnttab_map_grant_ref m[3];
	struct gnttab_unmap_grant_ref u[3];

	for (u32 i = 0; i < 3; i++) {
		fake_grant_set(d1, i, GTF_permit_access, 0, page);
		m[i] = fake_map_op(1, i, va(20 + i), HOST);
	}
	fake_fault_at = &m[2];
	fake_fault_bytes = 1;
	assert_int_equal(fake_grant_op_rc(s.v, GNTTABOP_map_grant_ref, m, 3),
			 -EFAULT);
	assert_int_equal(refs(page), 3);
	for (u32 i = 0; i < 3; i++)
		u[i] = (struct gnttab_unmap_grant_ref){.host_addr = va(20 + i),
						       .handle = m[i].handle};
	fake_fault_at = &u[1];
	assert_int_equal(fake_grant_op_rc(s.v, GNTTABOP_unmap_grant_ref, u, 3),
			 -EFAULT);
	assert_int_equal(refs(page), 2);
	assert_int_equal(flags(0), GTF_permit_access);
	fake_fault_bytes = 0;
	assert_int_equal(unmap(m[1].handle, va(21), 0), GNTST_okay);
	assert_int_equal(
		fake_grant_op_rc(s.v, GNTTABOP_unmap_grant_ref, u, 0x80000000),
		-EINVAL);
	assert_int_equal(fake_grant_op_rc(s.v, GNTTABOP_copy, u, 0), 0);
	assert_int_equal(fake_grant_op_rc(s.v, GNTTABOP_transfer, u, 1),
			 -ENOSYS);
	assert_int_equal(fake_grant_op_rc(s.v, 13, u, 1), -ENOSYS);
}

// -------------------------------------------------------------------- copying

static struct gnttab_copy from_ref(u32 ref, u16 at, u64 to, u16 to_at, u16 len)
{
	return (struct gnttab_copy){
		.source = {.u.ref = ref, .domid = 1, .offset = at},
		.dest = {.u.gmfn = to, .domid = DOMID_SELF, .offset = to_at},
		.len = len,
		.flags = GNTCOPY_source_gref,
		.status = 1,
	};
}

static struct gnttab_copy to_ref(u32 ref, u16 at, u64 from, u16 from_at,
				 u16 len)
{
	return (struct gnttab_copy){
		.dest = {.u.ref = ref, .domid = 1, .offset = at},
		.source = {.u.gmfn = from,
			   .domid = DOMID_SELF,
			   .offset = from_at},
		.len = len,
		.flags = GNTCOPY_dest_gref,
		.status = 1,
	};
}

static int copy(struct gnttab_copy op)
{
	fake_grant_op(s.v, GNTTABOP_copy, &op, 1);
	return op.status;
}

static void copies_both_ways(void **state)
{
	u8 *theirs = (u8 *)fake_words(page);
	u8 *mine = (u8 *)fake_words(s.data[0]);
	struct gnttab_copy both = from_ref(5, 0, 0, 0, PAGE_SIZE);

	fake_grant_set(d1, 5, GTF_permit_access | GTF_readonly, 0, page);
	fake_grant_set(d1, 6, GTF_permit_access, 0, page);
	theirs[4095] = 0x5a;
	theirs[100] = 0x77;
	assert_int_equal(copy(from_ref(5, 4095, s.data[0], 3, 1)), 0);
	assert_int_equal(mine[3], 0x5a);
	assert_int_equal(mine[2] + mine[4], 0);
	assert_int_equal(copy(to_ref(6, 0, s.data[0], 0, PAGE_SIZE)), 0);
	assert_int_equal(theirs[3], 0x5a);
	assert_int_equal(theirs[100], 0);
	// From one grant to another, of the same page too.
	fake_grant_set(d1, 7, GTF_permit_access, 0, fake_frame(d1));
	both.dest.u.ref = 7;
	both.dest.domid = 1;
	both.flags |= GNTCOPY_dest_gref;
	assert_int_equal(copy(both), 0);
	both.dest.u.ref = 6;
	both.len = 8;
	both.dest.offset = 4;
	assert_int_equal(copy(both), 0);
	assert_int_equal(flags(5), GTF_permit_access | GTF_readonly);
	assert_int_equal(flags(6), GTF_permit_access);
	assert_int_equal(flags(7), GTF_permit_access);
	assert_int_equal(refs(page), 1);
}

// The log of written pages tells of a copy to a page of the caller's own.
static void copies_are_logged(void **state)
{
	struct xen_domctl_shadow_op op = {.pages = 64};
	u64 bits = 0;

	fake_grant_set(d1, 5, GTF_permit_access | GTF_readonly, 0, page);
	m2p_set(MFN(s.data[0]), 5);
	assert_int_equal(dirty_start(d0), 0);
	assert_int_equal(copy(from_ref(5, 0, s.data[0], 0, 8)), 0);
	set_xen_guest_handle(op.dirty_bitmap, (u8 *)&bits);
	assert_int_equal(dirty_read(d0, &op, false), 0);
	assert_int_equal(bits, BIT(5));
	dirty_free(d0);
}

static void refused_copies(void **state)
{
	u64 mine = s.data[0];
	struct gnttab_copy op;

	fake_grant_set(d1, 5, GTF_permit_access | GTF_readonly, 0, page);
	fake_grant_set(d1, 6, GTF_permit_access, 2, page);
	fake_grant_set(d1, 8, GTF_permit_access, 0, s.l1);
	assert_int_equal(copy(from_ref(5, 4095, mine, 0, 2)),
			 GNTST_bad_copy_arg);
	assert_int_equal(copy(from_ref(5, 0, mine, 4095, 2)),
			 GNTST_bad_copy_arg);
	assert_int_equal(copy(from_ref(5, 0, mine, 0xffff, 0xffff)),
			 GNTST_bad_copy_arg);
	assert_int_equal(copy(from_ref(5, 1, mine, 0, 4096)),
			 GNTST_bad_copy_arg);
	assert_int_equal(copy(to_ref(5, 0, mine, 0, 1)), GNTST_general_error);
	assert_int_equal(copy(from_ref(6, 0, mine, 0, 1)), GNTST_general_error);
	assert_int_equal(copy(from_ref(7, 0, mine, 0, 1)), GNTST_general_error);
	assert_int_equal(copy(from_ref(512, 0, mine, 0, 1)), GNTST_bad_gntref);
	assert_int_equal(copy(from_ref(8, 0, mine, 0, 1)), GNTST_bad_page);
	assert_int_equal(copy(from_ref(5, 0, page, 0, 1)), GNTST_bad_page);
	assert_int_equal(copy(from_ref(5, 0, s.l1, 0, 1)), GNTST_general_error);
	assert_int_equal(copy(from_ref(5, 0, ~0ull, 0, 1)), GNTST_bad_page);
	op = from_ref(5, 0, mine, 0, 1);
	op.dest.domid = 0;
	assert_int_equal(copy(op), GNTST_permission_denied);
	op = from_ref(5, 0, mine, 0, 1);
	op.source.domid = 3;
	assert_int_equal(copy(op), GNTST_bad_domain);
	assert_int_equal(flags(5), GTF_permit_access | GTF_readonly);
	assert_int_equal(refs(page), 1);
}

static void lists_of_copies(void **state)
{
	struct gnttab_copy c[LIST];

	for (u32 work = 0; work < PREEMPT_BUDGET; work += PREEMPT_BUDGET - 1) {
		fake_grant_set(d1, 5, GTF_permit_access, 0, page);
		fake_work = work;
		for (u32 i = 0; i < LIST; i++)
			c[i] = from_ref(i == 40 ? 9 : 5, (u16)i, s.data[i & 1],
					(u16)i, 1);
		for (u32 i = 0; i < PAGE_SIZE / 8; i++)
			fake_words(page)[i] = i;
		fake_grant_op(s.v, GNTTABOP_copy, c, LIST);
		for (u32 i = 0; i < LIST; i++) {
			assert_int_equal(c[i].status,
					 i == 40 ? GNTST_general_error : 0);
			if (i != 40)
				assert_int_equal(
					((u8 *)fake_words(s.data[i & 1]))[i],
					((u8 *)fake_words(page))[i]);
		}
		assert_int_equal(refs(page), 1);
		assert_int_equal(flags(5), GTF_permit_access);
	}
	fake_work = 0;
	fake_fault_at = &c[1].status;
	fake_fault_bytes = 1;
	assert_int_equal(fake_grant_op_rc(s.v, GNTTABOP_copy, c, LIST),
			 -EFAULT);
	assert_int_equal(flags(5), GTF_permit_access);
}

// ---------------------------------------------------------------- whole tables

static void tables_grow_when_they_are_set_up(void **state)
{
	struct gnttab_query_size q = {.dom = DOMID_SELF};
	struct gnttab_setup_table t = {.dom = DOMID_SELF, .nr_frames = 3};
	struct vcpu *v = d1->vcpu[0];
	xen_pfn_t list[5];

	t.frame_list.p = list;
	fake_grant_op(v, GNTTABOP_query_size, &q, 1);
	assert_int_equal(q.status, GNTST_okay);
	assert_int_equal(q.nr_frames, 1);
	assert_int_equal(q.max_nr_frames, 4);
	fake_grant_op(v, GNTTABOP_setup_table, &t, 1);
	assert_int_equal(t.status, GNTST_okay);
	for (u32 i = 0; i < 3; i++)
		assert_true(grant_has_frame(d1, MFN(list[i])));
	assert_false(grant_has_frame(d1, MFN(1)));
	fake_grant_op(v, GNTTABOP_query_size, &q, 1);
	assert_int_equal(q.nr_frames, 3);
	t.nr_frames = 5;
	fake_grant_op(v, GNTTABOP_setup_table, &t, 1);
	assert_int_equal(t.status, GNTST_general_error);
	t.dom = 0;
	fake_grant_op(v, GNTTABOP_setup_table, &t, 1);
	assert_int_equal(t.status, GNTST_permission_denied);
	t.dom = 3;
	fake_grant_op(s.v, GNTTABOP_setup_table, &t, 1);
	assert_int_equal(t.status, GNTST_bad_domain);
	assert_int_equal(fake_grant_op_rc(v, GNTTABOP_query_size, &q, 2),
			 -EINVAL);
}

static void versions(void **state)
{
	struct gnttab_set_version v = {.version = 2};
	struct gnttab_get_version g = {.dom = 0};
	struct vcpu *v1 = d1->vcpu[0];

	assert_int_equal(fake_grant_op_rc(v1, GNTTABOP_set_version, &v, 1),
			 -EINVAL);
	assert_int_equal(v.version, 1);
	assert_int_equal(fake_grant_op_rc(v1, GNTTABOP_set_version, &v, 1), 0);
	assert_int_equal(fake_grant_op_rc(v1, GNTTABOP_get_version, &g, 1),
			 -EPERM);
	g.dom = DOMID_SELF;
	assert_int_equal(fake_grant_op_rc(v1, GNTTABOP_get_version, &g, 1), 0);
	assert_int_equal(g.version, 1);
}

static void arguments_that_cannot_be_read(void **state)
{
	static const u32 ops[] = {
		GNTTABOP_setup_table,    GNTTABOP_query_size,
		GNTTABOP_set_version,    GNTTABOP_get_version,
		GNTTABOP_copy,           GNTTABOP_map_grant_ref,
		GNTTABOP_unmap_grant_ref};
	static u8 nothing[64];
	struct gnttab_setup_table t = {.dom = DOMID_SELF, .nr_frames = 1};

	fake_fault_at = nothing;
	fake_fault_bytes = sizeof(nothing);
	for (u32 i = 0; i < ARRAY_SIZE(ops); i++)
		assert_int_equal(fake_grant_op_rc(s.v, ops[i], nothing, 1),
				 -EFAULT);
	t.frame_list.p = (void *)nothing; // nor is there room for the answer
	assert_int_equal(fake_grant_op_rc(s.v, GNTTABOP_setup_table, &t, 1),
			 -EFAULT);
}

static void impossible_limits(void **state)
{
	struct domain *d = fake_domain(3, 10);

	assert_int_equal(grant_domain_init(d, 0, 1), -EINVAL);
	assert_int_equal(grant_domain_init(d, 65, 1), -EINVAL);
	assert_int_equal(grant_domain_init(d, 1, 1025), -EINVAL);
	assert_int_equal(grant_domain_init(d, 1, 0), 0);
	grant_domain_destroy(d);
	grant_domain_free(d);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

// Who shows all grants meets one domain that goes meanwhile.
static struct domain *leaves;

void log_at(enum log_level level, const char *format, ...)
{
	if (leaves)
		list_del(&leaves->link);
	leaves = NULL;
}

static void a_domain_goes_while_grants_are_shown(void **state)
{
	leaves = d0;
	alarm(20); // it could be for ever
	grant_dump();
	alarm(0);
	assert_null(leaves);
	list_add_tail(&domain_list, &d0->link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(mapped_by_address),
		T(mapped_by_entry_with_the_guests_bits),
		T(an_old_entry_gives_way),
		T(refused_maps),
		T(nobody_grants),
		T(maps_of_one_grant_are_counted),
		T(too_many_maps_of_one_grant),
		T(somebody_else_joins_not),
		T(taken_back_while_mapped),
		T(cleared_without_unmapping),
		T(a_readonly_map_cannot_be_made_writable),
		T(device_and_host),
		T(ones_own_grants),
		T(records_have_a_limit),
		T(the_granter_dies),
		T(the_granter_is_another_now),
		T(the_user_dies),
		T(long_lists),
		T(lists_with_holes),
		T(copies_both_ways),
		T(copies_are_logged),
		T(refused_copies),
		T(lists_of_copies),
		T(tables_grow_when_they_are_set_up),
		T(versions),
		T(arguments_that_cannot_be_read),
		T(impossible_limits),
		T(a_domain_goes_while_grants_are_shown),
	};

	mm_audit_register(grant_audit);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
