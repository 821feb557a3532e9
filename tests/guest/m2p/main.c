// SPDX-License-Identifier: MIT
//
// m2p: the machine-to-physical table.
//
// The one table that all guests see and only the hypervisor writes. The guest
// turns what it reads in a page table back into its own frame numbers by it.
//
// Provoked by reads, writes, machphys_mapping, machphys_mfn_list and
// MMU_MACHPHYS_UPDATE. Expected (abi.md 4.2, 4.3): the table is at v_start with
// max_mfn covering all RAM; a write faults as on a read-only page; an update of
// a frame of ours shows at once; of a foreign or unknown frame it is refused;
// the mapping call and the list agree with the fixed addresses.

#include "guest.h"

static void mapping(void)
{
	struct xen_machphys_mapping map = {0};
	u64 val;

	expect_rc("machphys_mapping", memory_op(XENMEM_machphys_mapping, &map),
		  0);
	expect_eq("v_start", map.v_start, __MACH2PHYS_VIRT_START);
	check(map.v_end > map.v_start && map.v_end <= HYPERVISOR_VIRT_END,
	      "v_end 0x%lx", (u64)map.v_end);
	long top = memory_op(XENMEM_maximum_ram_page, NULL);
	check(top > 0 && map.max_mfn >= (u64)top - 1,
	      "max_mfn 0x%lx, RAM 0x%lx", (u64)map.max_mfn, (u64)top);
	for (u64 mfn = 0; mfn <= (u64)top; mfn += 37)
		try_read((void *)&m2p()[mfn], &val);
}

static void read_only(void)
{
	volatile u64 *entry = (volatile u64 *)&m2p()[va_mfn(start_info)];
	u64 before = *entry;

	check(!try_write(entry, 0), "the M2P is writable");
	expect_page_fault("write", PF_P | PF_W, entry);
	expect_eq("entry", *entry, before);
	struct xen_machphys_mapping *out = (void *)entry;
	expect_rc("output into it", memory_op(XENMEM_machphys_mapping, out),
		  -XEN_EFAULT);
	expect_eq("entry", *entry, before);
}

static long set(u64 mfn, u64 pfn)
{
	return mmu_update_type(MMU_MACHPHYS_UPDATE, mfn << 12, pfn);
}

static void foreign(u64 mfn, u64 pfn)
{
	u64 before = 0, after = 0;

	try_read((void *)&m2p()[mfn], &before);
	expect_refused("foreign frame", set(mfn, pfn));
	try_read((void *)&m2p()[mfn], &after);
	expect_eq("its entry", after, before);
}

static void updates(void)
{
	u64 pfn = spare_pfn(), mfn = p2m()[pfn];

	expect_eq("entry", m2p()[mfn], pfn);
	expect_rc("update", set(mfn, 0x123456), 0);
	expect_eq("entry", m2p()[mfn], 0x123456);
	expect_rc("update to nothing", set(mfn, ~0UL), 0);
	expect_eq("entry", m2p()[mfn], ~0UL);
	expect_rc("update back", set(mfn, pfn), 0);
	expect_eq("entry", m2p()[mfn], pfn);
	for (u32 n = 0; n < 1000; n += 17)
		foreign(foreign_mfn(n), pfn);
	expect_refused("no such frame", set(0xfffffffff, pfn));
	expect_refused("frame far away", set(~0UL >> 12, pfn));
}

/* One frame for each 2 MiB of the table, as save and dump-core need them. */
static void mfn_list(void)
{
	static u64 frames[64];
	struct xen_machphys_mfn_list list = {.max_extents = 64};

	set_xen_guest_handle(list.extent_start, frames);
	expect_rc("machphys_mfn_list",
		  memory_op(XENMEM_machphys_mfn_list, &list), 0);
	check(list.nr_extents >= 1 && list.nr_extents <= 64, "%u extents",
	      list.nr_extents);
	check(frames[0] != 0 && frames[0] % 512 == 0, "first frame 0x%lx",
	      frames[0]);
	expect_refused("mapping it for ourselves",
		       test_map(0, frames[0] << 12 | PTE_PAGE));
}

TEST("m2p")
{
	mapping();
	read_only();
	updates();
	mfn_list();
}
