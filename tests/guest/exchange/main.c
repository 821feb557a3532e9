// SPDX-License-Identifier: MIT
//
// exchange: trading frames for others with better addresses.
//
// dom0 trades memory for contiguous frames below 4 GiB, for devices that know
// no other. Half a trade would lose the guest's memory.
//
// Provoked by trades of one for one, of many small for one large and back, and
// with frames that cannot be traded. Expected (abi.md 4.5): the new frames are
// contiguous, below the asked limit, at the asked PFNs in the M2P, and usable;
// the old ones are gone; nr_exchanged counts; a trade that cannot be is refused
// with what was not traded still ours.

#include "guest.h"

#define MANY 16

static u64 in_list[MANY], out_list[MANY];

static long exchange(u32 nr_in, u32 order_in, u32 nr_out, u32 order_out,
		     u32 bits, u64 *done)
{
	struct xen_memory_exchange x = {
		.in = {.nr_extents = nr_in,
		       .extent_order = order_in,
		       .domid = DOMID_SELF},
		.out = {.nr_extents = nr_out,
			.extent_order = order_out,
			.mem_flags = bits,
			.domid = DOMID_SELF},
	};

	set_xen_guest_handle(x.in.extent_start, in_list);
	set_xen_guest_handle(x.out.extent_start, out_list);
	long rc = memory_op(XENMEM_exchange, &x);
	*done = x.nr_exchanged;
	return rc;
}

static void use(u64 mfn)
{
	expect_rc("map", test_map(0, mfn << 12 | PTE_PAGE), 0);
	mmuext_addr(MMUEXT_INVLPG_LOCAL, test_page(0));
	*(volatile u64 *)test_page(0) = mfn;
	expect_eq("word", *(volatile u64 *)test_page(0), mfn);
	expect_rc("unmap", test_map(0, 0), 0);
}

/* PFNs need not be neighbours, but for the large extent they are asked so. */
static u64 prepare(void)
{
	u64 first = spare_pfn();

	in_list[0] = p2m()[first];
	for (u32 i = 1; i < MANY; i++)
		in_list[i] = p2m()[spare_pfn()];
	return first;
}

static void one_for_one(void)
{
	u64 pfn = prepare(), old = in_list[0], done;

	out_list[0] = pfn;
	expect_rc("one for one", exchange(1, 0, 1, 0, 32, &done), 0);
	expect_eq("exchanged", done, 1);
	u64 mfn = out_list[0];
	check(mfn < 1UL << 20, "frame 0x%lx is above 4 GiB", mfn);
	expect_eq("M2P", m2p()[mfn], pfn);
	use(mfn);
	p2m()[pfn] = mfn;
	if (mfn != old)
		expect_refused("the old frame",
			       test_map(0, old << 12 | PTE_PAGE));
}

static void many_for_one(void)
{
	u64 pfn = prepare(), done;

	out_list[0] = pfn;
	expect_rc("16 for one of order 4", exchange(MANY, 0, 1, 4, 32, &done),
		  0);
	expect_eq("exchanged", done, MANY);
	u64 mfn = out_list[0];
	expect_eq("alignment", mfn & (MANY - 1), 0);
	for (u32 i = 0; i < MANY; i++)
		expect_eq("M2P", m2p()[mfn + i], pfn + i);
	use(mfn + MANY - 1);

	in_list[0] = mfn;
	for (u32 i = 0; i < MANY; i++)
		out_list[i] = pfn + i;
	expect_rc("and back", exchange(1, 4, MANY, 0, 0, &done), 0);
	expect_eq("exchanged", done, 1);
	for (u32 i = 0; i < MANY; i++) {
		expect_eq("M2P", m2p()[out_list[i]], pfn + i);
		p2m()[pfn + i] = out_list[i];
		use(out_list[i]);
	}
}

static void refused(void)
{
	u64 pfn = prepare(), mine = in_list[0], done;

	out_list[0] = pfn;
	expect_refused("sizes that differ", exchange(2, 0, 1, 0, 0, &done));
	in_list[0] = foreign_mfn(13);
	expect_refused("foreign frame", exchange(1, 0, 1, 0, 0, &done));
	expect_eq("exchanged", done, 0);
	in_list[0] = 0xfffffffff;
	expect_refused("no such frame", exchange(1, 0, 1, 0, 0, &done));
	in_list[0] = va_mfn((void *)start_info->pt_base);
	expect_refused("page table", exchange(1, 0, 1, 0, 0, &done));
	in_list[0] = mine;
	expect_rc("map", test_map(1, mine << 12 | PTE_PAGE), 0);
	expect_refused("frame in use", exchange(1, 0, 1, 0, 0, &done));
	*(volatile u64 *)test_page(1) = 9;
	expect_rc("unmap", test_map(1, 0), 0);
	use(mine);
	expect_rc("and now", exchange(1, 0, 1, 0, 0, &done), 0);
}

TEST("exchange")
{
	test_l1();
	one_for_one();
	many_for_one();
	refused();
}
