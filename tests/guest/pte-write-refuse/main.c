// SPDX-License-Identifier: MIT
//
// pte-write-refuse: table writes that are the guest's own fault.
//
// Emulation is a favour for one case: the guest kernel writes an aligned part
// of an entry of its own L1, and the entry that results is legal. Everything
// else must look like the page fault it is.
//
// Provoked by writes that would make an illegal entry; that are misaligned or
// cross entries; by writes to L2-L4, to descriptor frames, to pages that are
// merely read-only; by forms that are not emulated; from user mode. Expected
// (abi.md 4.4): #PF with P and W at the instruction and CR2 at the address, the
// entry unchanged. Forms outside of the list may be carried out in full, as
// stock Xen with its general emulator does.

#include "guest.h"

static u64 *l1;

static void refused(const char *what, volatile void *at)
{
	expect_page_fault(what, PF_P | PF_W, at);
}

static void illegal_entries(void)
{
	u64 table = va_maddr((void *)start_info->pt_base);
	u64 bad[] = {
		foreign_mfn(2) << 12 | PTE_PAGE,
		table | PTE_PAGE,
		1UL << 51 | PTE_PAGE,
		0xfffffff000UL << 12 | PTE_PAGE,
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		check(!try_write(&l1[1], bad[i]), "0x%lx was written", bad[i]);
		refused("illegal entry", &l1[1]);
		expect_eq("entry", l1[1], 0);
	}
	/* Legal bit by bit, but not in sum: a read-only table turns RW. */
	expect_rc("map", test_map(1, table | PTE_RO), 0);
	u64 before = l1[1];
	TRY("lock orb $2, %0", : "+m"(l1[1]));
	refused("or of RW", &l1[1]);
	TRY("lock btsq $1, %0", : "+m"(l1[1]));
	refused("bts of RW", &l1[1]);
	u64 old = before;
	TRY("lock cmpxchg %2, %1",
	    : "+a"(old), "+m"(l1[1])
	    : "r"(before | PTE_RW));
	refused("cmpxchg to RW", &l1[1]);
	expect_eq("entry", l1[1], before);
	test_map(1, 0);
}

static void misaligned(void)
{
	u64 pte = va_maddr(l1) | PTE_RO;

	for (u32 off = 1; off < 8; off++) {
		char *at = (char *)&l1[1] + off;
		TRY("mov %1, %0", : "=m"(*(u64 *)at) : "r"(pte));
		refused("misaligned store", at);
	}
	char *at = (char *)&l1[1] + 2;
	TRY("movl %k1, %0", : "=m"(*(u32 *)at) : "r"(pte));
	refused("misaligned dword", at);
	TRY("xchg %1, %0", : "+m"(*(u64 *)at), "+r"(pte));
	refused("misaligned xchg", at);
	expect_eq("entry", l1[1], 0);
	expect_eq("next entry", l1[2], 0);
}

static void other_frames(void)
{
	u64 *page = page_alloc();

	for (int level = 2; level <= 4; level++) {
		u64 *entry = (u64 *)pte_of(virt_base, level);
		u64 before = *entry;
		check(!try_write(entry, 0), "an L%d was written", level);
		refused("write to a higher table", entry);
		expect_eq("entry", *entry, before);
	}
	page_make_ro(page);
	check(!try_write(page, 1), "a read-only page was written");
	refused("read-only page", page);
	u64 mfn = va_mfn(page);
	set_gdt(&mfn, 512);
	check(!try_write(page, 1), "a GDT was written");
	refused("descriptor frame", page);
	set_gdt(NULL, 0);
	pin(1, page);
	check(try_write(page, 0), "a pinned L1 was not written");
	unpin(page);
	check(!try_write(page, 0), "an unpinned page was written");
	refused("unpinned", page);
	page_make_rw(page);
}

/* Either not at all or in full; never half of it. */
static void forms_outside_the_list(void)
{
	static u64 source[2] = {0x1230, 0x4560};
	u64 *dst = &l1[20], *src = source;
	u64 count = 2;

	TRY("rep movsq", : "+D"(dst), "+S"(src), "+c"(count) : : "memory");
	bool ran = fault.vector == TRAP_NONE;
	expect_eq("movs", l1[20], ran ? 0x1230 : 0);
	expect_eq("movs", l1[21], ran ? 0x4560 : 0);
	u64 lo = l1[20], hi = l1[21];
	TRY("lock cmpxchg16b %0",
	    : "+m"(*(unsigned __int128 *)&l1[20]), "+a"(lo), "+d"(hi)
	    : "b"(0x10UL), "c"(0x20UL)
	    : "cc");
	check((l1[20] == 0x10) == (l1[21] == 0x20), "half a cmpxchg16b");
	TRY("addq $0x1000, %0", : "+m"(l1[22]) : : "cc");
	check(l1[22] == 0 || l1[22] == 0x1000, "add made 0x%lx", l1[22]);
	TRY("incq %0", : "+m"(l1[23]) : : "cc");
	check(l1[23] == 0 || fault.vector == TRAP_NONE, "inc");
	for (u32 i = 20; i < 24; i++)
		test_map(i, 0);
}

USER_CODE(code_write, "mov %rax, (%rsi); ud2");

/* The user maps the kernel's L1 read-only and writes to it. */
static void from_user(void)
{
	struct regs ctx = user_context(code_write), got;
	u64 at = USER_BASE + 0x180000;

	user_init();
	ctx = user_context(code_write);
	expect_rc(
		"map",
		mmu_update1(va_maddr(&user_l1()[0x180]), va_maddr(l1) | PTE_RO),
		0);
	ctx.rsi = at;
	ctx.rax = 0;
	got = user_run(&ctx);
	expect_eq("vector", got.vector, X86_PF);
	expect_eq("error code", got.error, PF_P | PF_W | PF_U);
	expect_eq("cr2", fault.cr2, at);
	expect_eq("rip", got.rip, ctx.rip);
}

TEST("pte-write-refuse")
{
	l1 = test_l1();
	illegal_entries();
	misaligned();
	other_frames();
	forms_outside_the_list();
	from_user();
}
