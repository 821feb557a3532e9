// SPDX-License-Identifier: MIT
//
// memory-op: giving frames back and getting others.
//
// The balloon works by these calls. A frame that was given back may belong to
// somebody else a moment later, so no old mapping may lead to it, and a frame
// that is still in use must not be handed on.
//
// Provoked by decrease_reservation of free, mapped, typed and foreign frames,
// populate_physmap and increase_reservation of both orders, and the questions
// about sizes. Expected (abi.md 4.5): counts of extents done; a given-back
// frame cannot be mapped; one that is still mapped is refused or keeps its
// contents until it is unmapped; a new frame is at the asked PFN in the M2P;
// order-9 ones are contiguous and aligned; totals agree.

#include "guest.h"

static long give_back(u64 *mfns, u32 count, u32 order)
{
	struct xen_memory_reservation r = {
		.nr_extents = count,
		.extent_order = order,
		.domid = DOMID_SELF,
	};

	set_xen_guest_handle(r.extent_start, mfns);
	return memory_op(XENMEM_decrease_reservation, &r);
}

static long populate(u64 *pfns, u32 count, u32 order)
{
	struct xen_memory_reservation r = {
		.nr_extents = count,
		.extent_order = order,
		.domid = DOMID_SELF,
	};

	set_xen_guest_handle(r.extent_start, pfns);
	return memory_op(XENMEM_populate_physmap, &r);
}

static long current(void)
{
	domid_t self = DOMID_SELF;

	return memory_op(XENMEM_current_reservation, &self);
}

static void there_and_back(void)
{
	u64 pfn = spare_pfn(), mfn = p2m()[pfn], frame = mfn;
	long pages = current();

	expect_rc("decrease", give_back(&mfn, 1, 0), 1);
	expect_rc("total", current(), pages - 1);
	expect_refused("mapping a given-back frame",
		       test_map(0, mfn << 12 | PTE_PAGE));
	expect_rc("again", give_back(&mfn, 1, 0), 0);
	frame = pfn;
	expect_rc("populate", populate(&frame, 1, 0), 1);
	expect_eq("M2P", m2p()[frame], pfn);
	expect_rc("total", current(), pages);
	p2m()[pfn] = frame;
	expect_rc("map", test_map(0, frame << 12 | PTE_PAGE), 0);
	*(volatile u64 *)test_page(0) = 0x42;
	expect_rc("unmap", test_map(0, 0), 0);
}

/*
 * A frame in use: the call fails, or the frame stays as it is until the
 * mapping goes. Either way nobody else gets it now.
 */
static void still_mapped(void)
{
	u64 pfn = spare_pfn(), mfn = p2m()[pfn], given = mfn;
	volatile u64 *window = test_page(1);

	expect_rc("map", test_map(1, mfn << 12 | PTE_PAGE), 0);
	*window = 0x1234;
	long rc = give_back(&given, 1, 0);
	check(rc == 0 || rc == 1, "decrease of a mapped frame: %ld", rc);
	expect_eq("its word", *window, 0x1234);
	for (u32 i = 0; i < 20; i++) {
		u64 fresh = pfn;
		if (rc == 0 || populate(&fresh, 1, 0) != 1)
			break;
		check(fresh != mfn, "a mapped frame was handed out");
		give_back(&fresh, 1, 0);
	}
	expect_eq("its word", *window, 0x1234);
	*window = 0x1235;
	expect_eq("its word", *window, 0x1235);
	expect_rc("unmap", test_map(1, 0), 0);
	mmuext_addr(MMUEXT_INVLPG_LOCAL, window);
	if (rc == 1)
		expect_refused("mapping it again",
			       test_map(1, mfn << 12 | PTE_PAGE));
	else
		expect_rc("now it can go", give_back(&given, 1, 0), 1);
}

/* A page table in use keeps its type, whatever is asked. */
static void still_typed(void)
{
	u64 *table = table_alloc(), mfn = va_mfn(table);

	expect_rc("pin", pin(2, table), 0);
	long rc = give_back(&mfn, 1, 0);
	check(rc == 0 || rc == 1, "decrease of a table: %ld", rc);
	expect_refused("writable mapping of it",
		       test_map(2, mfn << 12 | PTE_PAGE));
	check(!try_write(table, 0), "it became writable");
	u64 l4 = va_mfn((void *)start_info->pt_base);
	rc = give_back(&l4, 0, 0);
	expect_rc("decrease of nothing", rc, 0);
}

static void not_ours(void)
{
	u64 foreign = foreign_mfn(12), none = 0xfffffffff, vga = 0xb8;
	u64 list[3] = {spare_mfn(), foreign, spare_mfn()};

	expect_rc("foreign frame", give_back(&foreign, 1, 0), 0);
	expect_rc("no such frame", give_back(&none, 1, 0), 0);
	expect_rc("VGA memory", give_back(&vga, 1, 0), 0);
	expect_rc("list with a foreign one", give_back(list, 3, 0), 1);
	expect_rc("bad list", give_back((u64 *)0x7000, 1, 0), 0);
	expect_rc("huge order", give_back(list, 1, 60), 0);
	check(memory_op(XENMEM_decrease_reservation, (void *)0x7000) <= 0,
	      "a bad argument was taken");
}

static void large_extents(void)
{
	u64 pfn = 0x10000, pages = (u64)current(), frame = pfn;
	u64 list[2] = {0x10400, 0x10600};

	expect_rc("populate order 9", populate(&frame, 1, 9), 1);
	expect_eq("alignment", frame & 511, 0);
	for (u64 i = 0; i < 512; i++)
		if (!check(m2p()[frame + i] == pfn + i, "M2P of page %lu", i))
			break;
	expect_rc("total", current(), (long)pages + 512);
	expect_rc("map the last one",
		  test_map(3, (frame + 511) << 12 | PTE_PAGE), 0);
	*(volatile u64 *)test_page(3) = 1;
	expect_rc("unmap", test_map(3, 0), 0);
	expect_rc("decrease order 9", give_back(&frame, 1, 9), 1);
	expect_rc("total", current(), (long)pages);
	expect_rc("two of them", populate(list, 2, 9), 2);
	expect_rc("and back", give_back(list, 2, 9), 2);
}

/* increase gives frames without a PFN of the caller's. */
static void increase(void)
{
	u64 mfns[2] = {0, 0};
	struct xen_memory_reservation r = {
		.nr_extents = 2,
		.domid = DOMID_SELF,
	};

	set_xen_guest_handle(r.extent_start, mfns);
	expect_rc("increase", memory_op(XENMEM_increase_reservation, &r), 2);
	check(mfns[0] != 0 && mfns[1] != 0 && mfns[0] != mfns[1],
	      "frames 0x%lx 0x%lx", mfns[0], mfns[1]);
	expect_rc("map", test_map(4, mfns[1] << 12 | PTE_PAGE), 0);
	expect_rc("unmap", test_map(4, 0), 0);
	expect_rc("and back", give_back(mfns, 2, 0), 2);
}

static void sizes(void)
{
	domid_t self = DOMID_SELF, nobody = 1234;
	long max = memory_op(XENMEM_maximum_reservation, &self);

	check(current() > 10000 && current() < 20000, "current %ld", current());
	check(max >= current(), "maximum %ld", max);
	expect_rc("of nobody", memory_op(XENMEM_current_reservation, &nobody),
		  -XEN_ESRCH);
}

/* RAM, sorted, and enough of it. */
static void machine_map(void)
{
	static struct {
		u64 addr, size;
		u32 type;
	} __attribute__((packed)) map[64];
	struct xen_memory_map arg = {.nr_entries = 64};
	u64 ram = 0;

	set_xen_guest_handle_raw(arg.buffer, (void *)map);
	expect_rc("machine_memory_map",
		  memory_op(XENMEM_machine_memory_map, &arg), 0);
	check(arg.nr_entries > 1 && arg.nr_entries <= 64, "%u entries",
	      arg.nr_entries);
	for (u32 i = 0; i < arg.nr_entries; i++) {
		if (map[i].type == 1)
			ram += map[i].size;
		check(i == 0 || map[i].addr >= map[i - 1].addr, "unsorted");
	}
	check(ram > 250UL << 20 && ram <= 256UL << 20, "0x%lx bytes of RAM",
	      ram);
}

TEST("memory-op")
{
	test_l1();
	sizes();
	machine_map();
	there_and_back();
	still_mapped();
	still_typed();
	not_ours();
	large_extents();
	increase();
}
