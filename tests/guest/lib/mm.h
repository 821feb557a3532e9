// SPDX-License-Identifier: MIT
//
// Memory of a test kernel. VAs from virt_base up map pseudo-physical frames
// 0, 1, 2 ... one to one; behind the boot stack the builder leaves at least
// 512 KiB of spare mapped pages, from which page_alloc() takes. RAM behind
// the mapped end has frames but no mapping: spare_mfn().

#pragma once

#include "abi.h"

extern struct start_info *start_info;
extern char virt_base[], image_start[], image_end[];
extern char user_text_start[], user_text_end[];
extern char boot_stack[], boot_stack_end[];

/* All registers as they were at the first instruction. */
struct entry_state {
	u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rflags;
	u64 cs, ss, ds, es, fs, gs;
};
extern struct entry_state entry_state;

/* The read-only machine-to-physical table. */
static inline const volatile u64 *m2p(void)
{
	return (const volatile u64 *)__MACH2PHYS_VIRT_START;
}

static inline u64 *p2m(void)
{
	return (u64 *)start_info->mfn_list;
}

/* Between VAs of the start-of-day area, PFNs and MFNs. */
u64 va_pfn(const volatile void *va);
u64 va_mfn(const volatile void *va);
u64 va_maddr(const volatile void *va);
void *pfn_va(u64 pfn);
void *mfn_va(u64 mfn);

/* First VA behind what the builder mapped. */
u64 mapped_end(void);

/* A zeroed page of the spare area; test_broken() when there is none. */
void *page_alloc(void);
void page_free(void *va);

/* A frame of ours without any mapping; each call gives another one. */
u64 spare_mfn(void);
u64 spare_pfn(void);

/*
 * The n-th RAM frame of the machine that is not ours: neither our memory nor
 * one that the hypervisor shares with us (shared_info, grant table).
 */
u64 foreign_mfn(u32 n);

/*
 * The entry that maps va at a level (1-4) in the boot page tables, as a VA to
 * read it by; NULL if a level above is not present. Only for tables that
 * are themselves in the start-of-day area.
 */
const volatile u64 *pte_of(const volatile void *va, int level);
u64 pte_maddr(const volatile void *va, int level);

/* Calls of one operation each; results as in the ABI. */
long mmu_update1(u64 ptr, u64 val);
long mmu_update_type(u64 type, u64 ptr, u64 val);
long mmuext1(u32 cmd, u64 mfn);
long mmuext_addr(u32 cmd, const volatile void *va);
long pin(int level, const void *table);
long unpin(const void *table);

/* Changes how a start-of-day page is mapped; ends the test if refused. */
void page_make_ro(const volatile void *va);
void page_make_rw(const volatile void *va);

/* A zeroed, read-only page, ready to become a page table. */
u64 *table_alloc(void);

/* Copies all entries of the boot root that are the guest's. */
void boot_root_copy(u64 *l4);

/*
 * A fresh chain of tables for an address: each level is alloc'ed with
 * table_alloc() and linked. The L3 is put in the running L4.
 */
struct va_chain {
	u64 *l3, *l2, *l1;
};
void chain_build(struct va_chain *c, u64 va);

/*
 * Maps frames at a test address (slot 4 of the L4) of which the L1 is under
 * the test's control: the n-th page of TEST_VA is entry n of test_l1().
 */
#define TEST_VA 0x0000020000000000UL
u64 *test_l1(void);
static inline void *test_page(u32 n)
{
	return (void *)(TEST_VA + n * PAGE_SIZE);
}
/* Maps one page there; the result of the hypercall. */
long test_map(u32 n, u64 pte);
