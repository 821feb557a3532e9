// SPDX-License-Identifier: MIT
//
// init-p2m: the ELF notes that Linux uses and our other tests do not.
//
// Linux asks for its P2M list at an address of its own (INIT_P2M), for the
// initrd as bare frames (MOD_START_PFN), and older kernels for a page of
// hypercall stubs (HYPERCALL_PAGE), which the builder must fill.
//
// Provoked by adding these notes; there is no initrd. Expected (abi.md 1, 2.1,
// 2.2): mfn_list is that address, readable and writable; its frames and page
// tables are the nr_p2m_frames from first_p2m_pfn, outside of the mapped area,
// and their tables are mapped nowhere writable; the P2M is complete and agrees
// with the M2P; SIF_MOD_START_PFN only if there is a module; stubs at 32-byte
// steps make the calls of their numbers, and slot 23 is iret.

#include "guest.h"

#define P2M_VA 0x0000008000000000

NOTE_QUAD(15, P2M_VA); /* INIT_P2M */
NOTE_QUAD(16, 1); /* MOD_START_PFN */
NOTE_QUAD(2, hypercall_page); /* HYPERCALL_PAGE */

extern char hypercall_page[PAGE_SIZE];
char hypercall_page[PAGE_SIZE] __attribute__((aligned(4096)));

static void p2m_area(void)
{
	u64 first = start_info->first_p2m_pfn;
	u64 count = start_info->nr_p2m_frames;
	u64 list = start_info->nr_pages * 8 / PAGE_SIZE;

	expect_eq("mfn_list", start_info->mfn_list, P2M_VA);
	check(first >= va_pfn((void *)mapped_end()),
	      "first_p2m_pfn 0x%lx is in the mapped area", first);
	check(count >= list + 1 && count <= list + 8,
	      "nr_p2m_frames is %lu for a list of %lu", count, list);
	check(first + count <= start_info->nr_pages, "P2M out of range");
}

static void p2m_list(void)
{
	u64 n = start_info->nr_pages;

	for (u64 pfn = 0; pfn < n; pfn++)
		if (!check(m2p()[p2m()[pfn]] == pfn, "M2P[P2M[0x%lx]]", pfn))
			return;
	u64 old = p2m()[n - 1];
	check(try_write(&p2m()[n - 1], 1), "the P2M is not writable");
	p2m()[n - 1] = old;
}

/* Each frame of the area: data is RW-mappable, a table is not. */
static void p2m_tables(void)
{
	u64 tables = 0, first = start_info->first_p2m_pfn;

	for (u64 i = 0; i < start_info->nr_p2m_frames; i++) {
		u64 mfn = p2m()[first + i];
		long rc = test_map(0, mfn << 12 | PTE_PAGE);
		tables += rc != 0;
		expect_rc("clear", test_map(0, 0), 0);
	}
	check(tables >= 2 && tables <= 3, "%lu page tables for the P2M",
	      tables);
}

static long page_call(u32 nr, u64 a1, u64 a2)
{
	long ret;

	asm volatile("call *%3"
		     : "=a"(ret), "+D"(a1), "+S"(a2)
		     : "r"(hypercall_page + nr * 32)
		     : "memory");
	return ret;
}

/* The stubs keep RCX and R11, which a plain syscall does not. */
static void stubs(void)
{
	u64 rcx = 0x1234, r11_after;

	expect_eq("stub 17", (u64)page_call(__HYPERVISOR_xen_version, 0, 0),
		  4 << 16 | 17);
	expect_rc("stub 29", page_call(__HYPERVISOR_sched_op, 99, 0),
		  -XEN_ENOSYS);
	asm volatile("mov $0x5678, %%r11\n\tcall *%3\n\tmov %%r11, %1"
		     : "+c"(rcx), "=r"(r11_after)
		     : "D"(0), "b"(hypercall_page + 17 * 32), "S"(0)
		     : "rax", "r11", "memory");
	expect_eq("rcx", rcx, 0x1234);
	expect_eq("r11", r11_after, 0x5678);
}

/* iret through slot 23: the stub pushes RCX, R11 and RAX itself. */
static void iret_stub(void)
{
	u64 rsp_before, rsp_after, tmp;

	asm volatile("mov %%rsp, %0\n\t"
		     "mov %%ss, %k2\n\tpush %2\n\tpush %0\n\tpushfq\n\t"
		     "push $0xe030\n\tpush $1f\n\tpush $0\n\tjmp *%3\n"
		     "1: mov %%rsp, %1"
		     : "=&r"(rsp_before), "=&r"(rsp_after), "=&r"(tmp)
		     : "r"(hypercall_page + 23 * 32)
		     : "rax", "rcx", "r11", "memory", "cc");
	expect_eq("rsp after iret", rsp_after, rsp_before);
}

TEST("init-p2m")
{
	expect_eq("flags", start_info->flags & SIF_MOD_START_PFN, 0);
	p2m_area();
	p2m_list();
	stubs();
	events_mask();
	iret_stub();
	events_mask();
	p2m_tables();
}
