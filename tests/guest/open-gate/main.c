// SPDX-License-Identifier: MIT
//
// open-gate: a kernel in ring 1 on the root that its users run on.
//
// One root for both is only as good as what still keeps the two apart: U=0 in
// the upper half of every L4, and a root of their own for users whose kernel
// maps the lower half differently.
//
// Provoked by dom0-gate=open. Expected (gate.md A4, E1, D3): live selectors of
// ring 1; U=0 in slots 256 up whatever was written, U=1 below; a process faults
// with U=1 in the error code at every slot of the upper half, also where its
// kernel has mapped a page with U=1 below the L4, and its string I/O cannot
// read there either; what only the kernel root has in the lower half is not
// there for the process, and is as soon as both have it, and no more when one
// has lost it; a kernel that returns to itself by IRETQ, to the ring-3
// selectors of its frames, stays in ring 1.

#include "guest.h"

#define UPPER_VA 0xffff900000000000UL
#define LOWER_VA 0x0000050000000000UL

USER_CODE(u_read, "movb (%rsi), %al; ud2");
USER_CODE(u_outs, "outsb; ud2");

static u64 *boot_l4(void)
{
	return (u64 *)start_info->pt_base;
}

static u16 live_cs(void)
{
	u16 cs;

	asm volatile("mov %%cs, %0" : "=r"(cs));
	return cs;
}

static void upper_half(void)
{
	expect_upper_half_closed();
	expect_closed_to_users((u64)&shared_info);
}

/* U=1 in all that the kernel writes. */
static void mapped_for_users(void)
{
	u64 *l4 = boot_l4(), *page = page_alloc();
	struct va_chain chain;

	chain_build(&chain, UPPER_VA);
	expect_rc(
		"map",
		mmu_update1(va_maddr(&chain.l1[0]), va_maddr(page) | PTE_PAGE),
		0);
	*page = 0x5a;
	expect_eq("the kernel's view", *(volatile u64 *)UPPER_VA, 0x5a);
	expect_eq("U in the L4", l4[UPPER_VA >> 39 & 511] & PTE_US, 0);
	expect_eq("U in the L1", chain.l1[0] & PTE_US, PTE_US);
	expect_closed_to_users(UPPER_VA);
}

static void roots_validated(void)
{
	for (u32 slot = 0; slot < 512; slot++) {
		u64 e = boot_l4()[slot], u = user_l4()[slot];
		u64 want = slot < 256 ? PTE_US : 0;

		if (e & PTE_P)
			check((e & PTE_US) == want, "slot %u is 0x%lx", slot,
			      e);
		if (u & PTE_P)
			check((u & PTE_US) == want, "user slot %u is 0x%lx",
			      slot, u);
	}
}

static void string_io(void)
{
	struct physdev_set_iopl iopl = {.iopl = 3};
	struct regs got;

	expect_rc("set_iopl", physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
	got = user_access(u_outs, USER_DATA);
	expect_eq("outs of its own", got.vector, X86_UD);
	expect_user_fault(u_outs, (u64)virt_base, 0);
	expect_user_fault(u_outs, UPPER_VA, 0);
	iopl.iopl = 1;
	expect_rc("set_iopl", physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
}

static void user_sees(const char *what, bool there, u64 byte)
{
	struct regs got = user_access(u_read, LOWER_VA);

	if (there)
		check(got.vector == X86_UD && (got.rax & 0xff) == byte,
		      "%s: %s, 0x%lx", what, trap_name(got.vector), got.rax);
	else
		check(got.vector == X86_PF && got.error == PF_U,
		      "%s: %s error 0x%lx", what, trap_name(got.vector),
		      got.error);
}

/* Tables below LOWER_VA with one page that starts with `byte`. */
static u64 make_l3(u8 byte)
{
	u64 *l3 = table_alloc(), *l2 = table_alloc(), *l1 = table_alloc();
	u8 *page = page_alloc();

	*page = byte;
	mmu_update1(va_maddr(l1), va_maddr(page) | PTE_PAGE);
	expect_rc("pin", pin(1, l1), 0);
	expect_rc("map", mmu_update1(va_maddr(l1), va_maddr(page) | PTE_PAGE),
		  0);
	expect_rc("pin", pin(2, l2), 0);
	expect_rc("link", mmu_update1(va_maddr(l2), va_maddr(l1) | PTE_TABLE),
		  0);
	expect_rc("pin", pin(3, l3), 0);
	expect_rc("link", mmu_update1(va_maddr(l3), va_maddr(l2) | PTE_TABLE),
		  0);
	return va_maddr(l3);
}

static void set(u64 *l4, u64 value)
{
	expect_rc("L4 entry", mmu_update1(va_maddr(&l4[LOWER_VA >> 39]), value),
		  0);
}

/* Each write must act without a flush: nothing of it was in the TLB before. */
static void pair_of_roots(void)
{
	u64 a = make_l3(0xaa), b = make_l3(0xbb);

	user_sees("in neither", false, 0);
	set(boot_l4(), a | PTE_TABLE);
	user_sees("in the kernel's only", false, 0);
	expect_eq("the kernel's view", *(volatile u8 *)LOWER_VA, 0xaa);
	set(user_l4(), a | PTE_TABLE);
	user_sees("in both", true, 0xaa);
	set(user_l4(), b | PTE_TABLE);
	mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0);
	user_sees("two that differ", true, 0xbb);
	expect_eq("the kernel's view", *(volatile u8 *)LOWER_VA, 0xaa);
	set(boot_l4(), 0);
	mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0);
	user_sees("in the user's only", true, 0xbb);
	set(user_l4(), 0);
	mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0);
	user_sees("in neither again", false, 0);
}

/* As Mini-OS and other old kernels do. */
static void iret_of_its_own(void)
{
	u64 cs = FLAT_KERNEL_CS, ss = FLAT_KERNEL_SS;

	asm volatile("mov %%rsp, %%rax\n"
		     "push %1\n"
		     "push %%rax\n"
		     "pushfq\n"
		     "push %0\n"
		     "lea 1f(%%rip), %%rax\n"
		     "push %%rax\n"
		     "iretq\n"
		     "1:\n"
		     :
		     : "r"(cs), "r"(ss)
		     : "rax", "memory", "cc");
	expect_eq("ring after IRETQ", live_cs() & 3, 1);
}

TEST("open-gate")
{
	expect_eq("ring", live_cs() & 3, 1);
	user_init();
	roots_validated();
	upper_half();
	mapped_for_users();
	string_io();
	pair_of_roots();
	iret_of_its_own();
}
