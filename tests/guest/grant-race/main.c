// SPDX-License-Identifier: MIT
//
// grant-race: two vCPUs map, copy and unmap the same grants at the same time.
//
// Handles and page-table entries are the guest's to mix up. Whatever it does,
// no use of a grant may be counted twice or forgotten, and no frame stay held.
//
// Provoked by two vCPUs that map a few grants at random addresses, unmap by
// their own and each other's handles, and copy, without any order between
// them; then one unmaps whatever is left. Expected (abi.md 5.4): every status
// is one that the operation may have; in the end no entry is marked, and the
// pages can become page tables, which takes that nobody has them mapped
// writable. Where dom0 has one vCPU only the verdict is skip.

#include "guest.h"
#include "grant.h"
#include "second.h"

#define PAGES 4
#define FIRST_REF 20
#define SLOTS 16
#define ROUNDS 600
#define MOST_HANDLES 8192

static u64 *page[PAGES];
static volatile u32 last_handle[SLOTS];
static u8 seen[MOST_HANDLES]; /* handles that there were */
static volatile u32 maps_done, bad_status;
static volatile bool stop, stopped;

struct rng {
	u32 state;
};

static u32 any(struct rng *r, u32 below)
{
	r->state = r->state * 1664525 + 1013904223;
	return (r->state >> 16) % below;
}

static void map(struct rng *r)
{
	u32 slot = any(r, SLOTS);
	struct gnttab_map_grant_ref op = {
		.dom = SELF,
		.ref = FIRST_REF + any(r, PAGES),
		.host_addr = (u64)test_page(slot),
		.flags = GNTMAP_host_map | (any(r, 2) ? GNTMAP_readonly : 0),
	};

	if (grant_table_op(GNTTABOP_map_grant_ref, &op, 1))
		bad_status = 1;
	if (op.status == 0 && op.handle < MOST_HANDLES) {
		seen[op.handle] = 1;
		last_handle[slot] = op.handle;
		__atomic_fetch_add(&maps_done, 1, __ATOMIC_RELAXED);
	} else if (op.status != GNTST_general_error) {
		bad_status = 2; /* too many uses is the only way to fail */
	}
}

static int unmap(u32 handle, u32 slot)
{
	struct gnttab_unmap_grant_ref op = {
		.handle = handle,
		.host_addr = (u64)test_page(slot),
	};

	if (grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1))
		bad_status = 3;
	if (op.status != 0 && op.status != GNTST_bad_handle &&
	    op.status != GNTST_general_error)
		bad_status = 4;
	return op.status;
}

static void copy(struct rng *r)
{
	struct gnttab_copy op = {
		.source.u.ref = FIRST_REF + any(r, PAGES),
		.source.domid = SELF,
		.dest.u.ref = FIRST_REF + any(r, PAGES),
		.dest.domid = SELF,
		.len = 64,
		.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref,
	};

	if (grant_table_op(GNTTABOP_copy, &op, 1) ||
	    (op.status != 0 && op.status != GNTST_general_error))
		bad_status = 5;
}

static void step(struct rng *r)
{
	u32 slot = any(r, SLOTS);

	map(r);
	copy(r);
	unmap(last_handle[slot], slot);
	unmap(last_handle[any(r, SLOTS)], any(r, SLOTS));
	slot = any(r, SLOTS);
	unmap(last_handle[slot], slot);
}

static void second(void)
{
	struct rng r = {12345};

	while (!stop)
		step(&r);
	stopped = true;
	for (;;)
		vcpu_op(VCPUOP_down, 1, NULL);
}

/*
 * A map over an older one takes its entry away; a handle whose entry is gone
 * can be unmapped only where the same frame is mapped the same way again.
 */
static void clean_up(void)
{
	for (u32 i = 0; i < MOST_HANDLES; i++)
		for (u32 p = 0; seen[i] && p < 2 * PAGES; p++) {
			u64 rights = p & 1 ? PTE_PAGE : PTE_RO;

			if (test_map(0, va_maddr(page[p / 2]) | rights))
				continue;
			if (unmap(i, 0) != GNTST_general_error)
				break;
		}
	for (u32 i = 0; i < SLOTS; i++)
		expect_rc("clear", test_map(i, 0), 0);
}

TEST("grant-race")
{
	struct rng r = {1};

	test_l1();
	for (u32 i = 0; i < PAGES; i++) {
		page[i] = page_alloc();
		grant_page(FIRST_REF + i, GTF_permit_access, page[i]);
	}
	second_start(second);
	for (u32 i = 0; i < ROUNDS; i++)
		step(&r);
	stop = true;
	for (u64 end = rdtsc() + (20UL << 30); !stopped;)
		require(rdtsc() < end, "the second vCPU does not stop");
	expect_eq("bad status", bad_status, 0);
	check(maps_done > 100, "%u maps done", maps_done);
	clean_up();
	for (u32 i = 0; i < PAGES; i++) {
		expect_eq("flags", grant_entry(FIRST_REF + i)->flags,
			  GTF_permit_access);
		page_make_ro(page[i]);
		expect_rc("pin", pin(1, page[i]), 0);
		expect_rc("unpin", unpin(page[i]), 0);
	}
}
