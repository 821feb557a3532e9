// SPDX-License-Identifier: MIT
//
// baseptr: loading kernel and user roots.
//
// Every context switch loads two roots with one call. A bad frame there must be
// refused before the CPU sees it, and the root that was given up must not be
// used again.
//
// Provoked by NEW_BASEPTR and NEW_USER_BASEPTR with L4s pinned and not, other
// tables, data, foreign frames, 0; alternating address spaces; dropping the old
// root. Expected (abi.md 4.3): the new root acts at once; CR3 reads as it; what
// is not an L4 is refused and the old root stays; an L4 that is not pinned is
// validated by the load and released by the next; a loaded root cannot become
// writable even when it is unpinned; user root 0 is allowed.

#include "guest.h"

#define WINDOW 0x0000040000000000UL

static u64 read_cr3(void)
{
	u64 val;

	asm volatile("mov %%cr3, %0" : "=r"(val));
	return val;
}

static long load(u32 cmd, const void *l4)
{
	return mmuext1(cmd, va_mfn(l4));
}

/* A copy of the boot root, and one data page at WINDOW. */
static u64 *make_root(u64 word)
{
	u64 *l4 = page_alloc(), *l3 = page_alloc(), *l2 = page_alloc();
	u64 *l1 = page_alloc(), *data = page_alloc();

	boot_root_copy(l4);
	data[0] = word;
	l1[0] = va_maddr(data) | PTE_PAGE;
	l2[0] = va_maddr(l1) | PTE_TABLE;
	l3[0] = va_maddr(l2) | PTE_TABLE;
	l4[WINDOW >> 39] = va_maddr(l3) | PTE_TABLE;
	page_make_ro(l1);
	page_make_ro(l2);
	page_make_ro(l3);
	page_make_ro(l4);
	return l4;
}

static void alternate(const u64 *a, const u64 *b)
{
	volatile u64 *window = (u64 *)WINDOW;

	for (u32 i = 0; i < 20; i++) {
		const u64 *l4 = i & 1 ? a : b;
		expect_rc("load", load(MMUEXT_NEW_BASEPTR, l4), 0);
		expect_eq("cr3", read_cr3(), va_maddr(l4));
		expect_eq("window", *window, i & 1 ? 1 : 2);
	}
}

static void refused(void)
{
	u64 cr3 = read_cr3();
	u64 *l3 = table_alloc(), *data = page_alloc();

	pin(3, l3);
	for (u32 i = 0; i < 2; i++) {
		u32 cmd = i ? MMUEXT_NEW_BASEPTR : MMUEXT_NEW_USER_BASEPTR;
		expect_refused("L3", load(cmd, l3));
		expect_refused("data page", load(cmd, data));
		expect_refused("foreign frame", mmuext1(cmd, foreign_mfn(4)));
		expect_refused("no such frame", mmuext1(cmd, 0xfffffffff));
		expect_refused("VGA memory", mmuext1(cmd, 0xb8));
	}
	expect_refused("no root", mmuext1(MMUEXT_NEW_BASEPTR, 0));
	expect_eq("cr3", read_cr3(), cr3);
	unpin(l3);
	page_make_rw(l3);
}

/* Validated by the load alone, and let go by the next one. */
static void not_pinned(const u64 *other)
{
	u64 *l4 = make_root(3);

	expect_rc("load", load(MMUEXT_NEW_BASEPTR, l4), 0);
	expect_eq("window", *(volatile u64 *)WINDOW, 3);
	expect_refused(
		"loaded root made writable",
		update_va_mapping(l4, va_maddr(l4) | PTE_PAGE, UVMF_INVLPG));
	expect_rc("pin", pin(4, l4), 0);
	expect_rc("unpin", unpin(l4), 0);
	expect_refused(
		"unpinned, but loaded root made writable",
		update_va_mapping(l4, va_maddr(l4) | PTE_PAGE, UVMF_INVLPG));
	expect_rc("load another", load(MMUEXT_NEW_BASEPTR, other), 0);
	page_make_rw(l4);
	check(try_write(l4, 0), "the root stays a table");
}

static void both_at_once(const u64 *kernel, const u64 *user)
{
	struct mmuext_op ops[2] = {
		{.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = va_mfn(kernel)},
		{.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = va_mfn(user)},
	};
	u32 done = 0;

	expect_rc("both", mmuext_op_dom(ops, 2, &done, DOMID_SELF), 0);
	expect_eq("done", done, 2);
	expect_refused("user root made writable",
		       update_va_mapping(user, va_maddr(user) | PTE_PAGE,
					 UVMF_INVLPG));
	expect_rc("user root 0", mmuext1(MMUEXT_NEW_USER_BASEPTR, 0), 0);
	ops[0].arg1.mfn = foreign_mfn(4);
	done = 7;
	expect_refused("bad first", mmuext_op_dom(ops, 2, &done, DOMID_SELF));
	expect_eq("done", done, 0);
	expect_eq("cr3", read_cr3(), va_maddr(kernel));
}

USER_CODE(code_read, "mov (%rsi), %rax; syscall");

/* The user root really is what user mode sees. */
static void user_side(void)
{
	struct regs ctx = user_context(code_read), got;
	u64 *other = page_alloc();

	user_init();
	ctx = user_context(code_read);
	ctx.rsi = USER_DATA;
	*(u64 *)user_data() = 0x5150;
	got = user_run(&ctx);
	expect_eq("user word", got.rax, 0x5150);
	page_make_ro(other);
	expect_rc("empty user root", load(MMUEXT_NEW_USER_BASEPTR, other), 0);
	got = user_run(&ctx);
	expect_eq("vector with an empty root", got.vector, X86_PF);
	expect_eq("its cr2", fault.cr2, ctx.rip);
	expect_rc("the old one", load(MMUEXT_NEW_USER_BASEPTR, user_l4()), 0);
	got = user_run(&ctx);
	expect_eq("user word", got.rax, 0x5150);
	page_make_rw(other);
}

TEST("baseptr")
{
	void *boot = (void *)start_info->pt_base;
	u64 *a = make_root(1), *b = make_root(2);

	expect_rc("pin", pin(4, a), 0);
	expect_rc("pin", pin(4, b), 0);
	alternate(a, b);
	refused();
	not_pinned(a);
	both_at_once(a, b);
	expect_rc("boot root", load(MMUEXT_NEW_BASEPTR, boot), 0);
	expect_rc("unpin", unpin(a), 0);
	expect_rc("unpin", unpin(b), 0);
	page_make_rw(a);
	page_make_rw(b);
	user_side();
}
