// SPDX-License-Identifier: MIT
//
// iret: what the iret hypercall loads.
//
// It is the only way from the guest kernel to user mode, and Linux also returns
// from its traps with it. It must load every register, must not let the guest
// raise IOPL or enter virtual-8086 mode, and keeps the virtual interrupt flag
// (the upcall mask) in RFLAGS.IF.
//
// Provoked by frames to user and to kernel mode whose first instruction is
// `ud2`, so that the state that was loaded comes back as a frame. Expected
// (abi.md 3.1): all registers as in the frame; IF = 1, IOPL = 0 and VM = 0 in
// the real flags; upcall_mask = !IF of the frame; the upper half of the CS word
// is ignored; VGCF_in_syscall returns RCX = RIP and R11 = RFLAGS; a native
// IRETQ to the same mode works without the hypervisor.

#include "guest.h"

USER_CODE(code_ud2, "ud2");

static void fill(struct regs *r)
{
	u64 *gpr = &r->r15;

	for (u64 i = 0; i < 15; i++)
		gpr[i] = 0xa0a0a0a0a0a0a0a0UL + i * 0x0101;
}

/* Runs to the ud2 with some flags; `lost` are those that must not arrive. */
static void flags_to(struct regs ctx, const char *what, u64 set, u64 lost)
{
	struct regs want, got;

	fill(&ctx);
	ctx.rflags |= set;
	want = ctx;
	want.rflags &= ~lost;
	want.vector = X86_UD;
	got = user_run(&ctx);
	expect_entry(what, &got, &want);
}

static void user_flags(void)
{
	struct regs ctx = user_context(code_ud2);

	flags_to(ctx, "plain", 0, 0);
	flags_to(ctx, "IOPL 3", FL_IOPL, FL_IOPL);
	flags_to(ctx, "VM", FL_VM, FL_VM);
	flags_to(ctx, "NT", FL_NT, 0);
	flags_to(ctx, "DF and arithmetic", FL_DF | FL_CF | FL_ZF, 0);
	flags_to(ctx, "AC and ID", FL_AC | FL_ID, 0);
	ctx.rflags &= ~FL_IF;
	flags_to(ctx, "IF clear", 0, 0);
	events_mask();
}

/* What a frame says is filtered; the real flags are what counts. */
USER_CODE(code_flags, "pushfq; pop %rax; ud2");
USER_CODE(code_cli, "cli; ud2");

static void real_flags(struct regs ctx)
{
	struct regs got;

	ctx.rflags |= FL_IOPL | FL_VM | FL_NT;
	got = (ctx.cs & 3) == 3 ? user_run(&ctx) : kernel_run(&ctx);
	expect_eq("vector", got.vector, X86_UD);
	expect_eq("real flags", got.rax & (FL_IOPL | FL_VM | FL_IF), FL_IF);
}

static void no_privilege(void)
{
	struct regs ctx = user_context(code_cli);

	real_flags(user_context(code_flags));
	real_flags(kernel_context(code_flags));
	ctx.rflags |= FL_IOPL;
	expect_eq("cli with IOPL 3 asked for", user_run(&ctx).vector, X86_GP);
	events_mask();
}

static void cs_upper_half(void)
{
	struct regs ctx = user_context(code_ud2), want, got;

	want = ctx;
	want.vector = X86_UD;
	ctx.cs |= 0xdeadbeef00000000UL;
	got = user_run(&ctx);
	expect_entry("garbage above CS", &got, &want);
}

static void kernel_frames(void)
{
	struct regs ctx = kernel_context(code_ud2), want, got;

	fill(&ctx);
	want = ctx;
	want.vector = X86_UD;
	got = kernel_run(&ctx);
	expect_entry("to kernel", &got, &want);
	ctx.rflags |= FL_IF;
	want.rflags |= FL_IF;
	got = kernel_run(&ctx);
	expect_entry("to kernel, unmasked", &got, &want);
	expect_eq("mask", fault.mask, 0);
	events_mask();
	ctx.rflags = FL_ONE | FL_IOPL | FL_VM | FL_NT;
	want.rflags = FL_ONE | FL_NT;
	got = kernel_run(&ctx);
	expect_entry("to kernel, IOPL and VM", &got, &want);
}

static void in_syscall(void)
{
	struct regs ctx = user_context(code_ud2), want, got;

	fill(&ctx);
	want = ctx;
	want.vector = X86_UD;
	want.rcx = ctx.rip;
	want.r11 = ctx.rflags;
	got = user_run_flags(&ctx, VGCF_in_syscall);
	expect_entry("VGCF_in_syscall", &got, &want);
}

/* Linux serializes with an IRETQ to itself; it never leaves the guest. */
static void native_iretq(void)
{
	u64 tmp;

	fault.vector = TRAP_NONE;
	asm volatile("mov %%ss, %k0\n\tpush %0\n\t"
		     "lea 8(%%rsp), %0\n\tpush %0\n\t"
		     "pushfq\n\tmov %%cs, %k0\n\tpush %0\n\t"
		     "push $2f\n"
		     "1: iretq\n2:\n" EX(1b, 2b)
		     : "=&r"(tmp)
		     :
		     : "memory", "cc");
	expect_no_fault("native iretq");
}

TEST("iret")
{
	user_init();
	user_flags();
	no_privilege();
	cs_upper_half();
	kernel_frames();
	in_syscall();
	native_iretq();
}
