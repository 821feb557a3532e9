// SPDX-License-Identifier: MIT
//
// multicall: a list of hypercalls in one.
//
// Linux batches its page-table work in multicalls, and the tools send every
// memory_op inside one, since only there a 64-bit result comes back.
//
// Provoked by lists of mixed, failing, nested and unreadable entries. Expected
// (abi.md 1): entries run in order; each gets its own result, an unknown one
// -ENOSYS; a failing entry does not stop the list; the call returns 0; a list
// that leaves mapped memory gives -EFAULT after the entries before the hole
// have run; a multicall inside of one is refused.

#include "guest.h"

static struct multicall_entry entry(u64 op, u64 a0, u64 a1, u64 a2)
{
	return (struct multicall_entry){
		.op = op,
		.result = 0x5a5a5a5a,
		.args = {a0, a1, a2},
	};
}

static void mixed(void)
{
	struct multicall_entry list[5] = {
		entry(__HYPERVISOR_xen_version, XENVER_version, 0, 0),
		entry(250, 0, 0, 0),
		entry(__HYPERVISOR_sched_op, 99, 0, 0),
		entry(__HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0, 0),
		entry(__HYPERVISOR_xen_version, XENVER_pagesize, 0, 0),
	};

	expect_rc("multicall", multicall(list, 4), 0);
	expect_eq("version", list[0].result, 4 << 16 | 17);
	expect_eq("unknown", list[1].result, (u64)-XEN_ENOSYS);
	expect_eq("sub-op", list[2].result, (u64)-XEN_ENOSYS);
	check(list[3].result >= 0x1000 && list[3].result < 1UL << 40,
	      "maximum_ram_page: 0x%lx", list[3].result);
	expect_eq("behind the end", list[4].result, 0x5a5a5a5a);
	expect_eq("op is kept", list[0].op, __HYPERVISOR_xen_version);
}

static void sizes(void)
{
	struct multicall_entry one = entry(250, 0, 0, 0);

	expect_rc("empty", multicall(NULL, 0), 0);
	expect_rc("bad list", multicall((void *)0x1000, 1), -XEN_EFAULT);
	expect_rc("list in the hypervisor",
		  multicall((void *)0xffff830000000000UL, 1), -XEN_EFAULT);
	one.op = __HYPERVISOR_multicall;
	one.args[0] = (u64)&one;
	one.args[1] = 1;
	expect_rc("nested", multicall(&one, 1), 0);
	expect_eq("nested result", one.result, (u64)-XEN_EINVAL);
}

/* A long list must be preempted and resumed without loss. */
static void long_list(void)
{
	struct multicall_entry *list = page_alloc();
	u32 n = PAGE_SIZE / sizeof(*list);

	for (u32 i = 0; i < n; i++)
		list[i] = entry(__HYPERVISOR_xen_version, XENVER_version, 0, 0);
	for (u32 round = 0; round < 50; round++)
		expect_rc("long list", multicall(list, n), 0);
	for (u32 i = 0; i < n; i++)
		expect_eq("its results", list[i].result, 4 << 16 | 17);
	page_free(list);
}

static void runs_into_a_hole(void)
{
	char *page = page_alloc(), *hole = page_alloc();
	struct multicall_entry *list;

	require(hole == page + PAGE_SIZE, "pages are not neighbours");
	list = (struct multicall_entry *)hole - 2;
	list[0] = list[1] = entry(__HYPERVISOR_xen_version, 0, 0, 0);
	expect_rc("unmap", update_va_mapping(hole, 0, UVMF_INVLPG), 0);
	expect_rc("list with a hole", multicall(list, 3), -XEN_EFAULT);
	page_make_rw(hole);
}

/* As Linux does it: page-table updates in a batch. */
static void page_tables(void)
{
	void *a = page_alloc(), *b = page_alloc();
	void *l4 = (void *)start_info->pt_base;
	struct multicall_entry list[3] = {
		entry(__HYPERVISOR_update_va_mapping, (u64)test_page(0),
		      va_maddr(a) | PTE_PAGE, UVMF_INVLPG),
		entry(__HYPERVISOR_update_va_mapping, (u64)test_page(1),
		      va_maddr(l4) | PTE_PAGE, UVMF_INVLPG),
		entry(__HYPERVISOR_update_va_mapping, (u64)test_page(1),
		      va_maddr(b) | PTE_RO, UVMF_INVLPG),
	};

	test_l1();
	expect_rc("batch", multicall(list, 3), 0);
	expect_eq("first", list[0].result, 0);
	check((long)list[1].result < 0, "a writable table was allowed");
	expect_eq("third", list[2].result, 0);
	check(try_write(test_page(0), 77) && *(u64 *)a == 77, "page 0");
	check(!try_write(test_page(1), 77), "page 1 is writable");
}

TEST("multicall")
{
	mixed();
	sizes();
	long_list();
	runs_into_a_hole();
	page_tables();
}
