// SPDX-License-Identifier: MIT
//
// iret-bad: frames that the CPU refuses to load.
//
// A signal handler's context may hold any selector, and Linux passes it on in
// an iret frame. The hypervisor's own IRETQ or segment load then faults in ring
// 0. That must come back to the guest kernel as an ordinary exception whose
// saved context is the one that was asked for, so that Linux can end the
// process; it must never harm the hypervisor or the domain.
//
// Provoked by frames to user mode with: null, out of range, system and non-code
// CS; non-data, null and read-only SS; RPLs that do not match; RIP and RSP that
// are not canonical. Expected (abi.md 3.1): #GP with the selector (or 0) as
// error code; the frame's CS, RIP, SS and RSP are the intended ones, RPL forced
// to 3; and user mode still works afterwards. Any RPL but 3 means kernel mode.
// A kernel frame with a selector of the guest's own may either fault in the
// same way or run on the flat kernel segments (gate.md D2). TCG does not check
// RIP in IRET, so that fault may come with the fetch: both are a #GP, or a #PF
// by TCG.

#include "guest.h"

USER_CODE(code_ud2, "ud2");
USER_CODE(code_push, "push %rax; ud2");

struct bad {
	const char *what;
	u64 cs, ss;
	u64 vector, error;
};

/* Selectors beyond 0xe000 are in the hypervisor's page of the GDT. */
static const struct bad table[] = {
	{"null CS", 0x0003, USER_SS, X86_GP, 0},
	{"empty CS", 0x0013, USER_SS, X86_GP, 0x0010},
	{"empty LDT CS", 0x0007, USER_SS, X86_GP, 0x0004},
	{"data CS", USER_SS, USER_SS, X86_GP, USER_SS & ~3},
	{"CS past the GDT", 0xffff, USER_SS, X86_GP, 0xfffc},
	{"null SS", USER_CS64, 0x0000, X86_GP, 0},
	{"empty SS", USER_CS64, 0x0013, X86_GP, 0x0010},
	{"code SS", USER_CS64, USER_CS64, X86_GP, USER_CS64 & ~3},
};

static bool user_works(void)
{
	struct regs ctx = user_context(code_ud2);

	return user_run(&ctx).vector == X86_UD;
}

static void one(const struct bad *b)
{
	struct regs ctx = user_context(code_ud2), want, got;

	ctx.cs = b->cs;
	ctx.ss = b->ss;
	ctx.rax = 0x1122334455667788;
	want = ctx;
	want.vector = b->vector;
	want.error = b->error;
	want.ss |= 3;
	got = user_run(&ctx);
	expect_entry(b->what, &got, &want);
	check(user_works(), "user mode after %s", b->what);
}

static void bad_rip(void)
{
	struct regs ctx = user_context(code_ud2), got;

	ctx.rip = 0x8000000000000000UL;
	got = user_run(&ctx);
	check(got.vector == X86_GP || got.vector == X86_PF,
	      "bad RIP: vector %lu", got.vector);
	expect_eq("its rip", got.rip, ctx.rip);
	expect_eq("its cs", got.cs, ctx.cs);
	check(user_works(), "user mode after a bad RIP");
}

/* A stack pointer is only looked at when it is used. */
static void bad_rsp(void)
{
	struct regs ctx = user_context(code_push), got;

	ctx.rsp = 0x8000000000000000UL;
	got = user_run(&ctx);
	check(got.vector == X86_SS || got.vector == X86_GP,
	      "bad RSP: vector %lu", got.vector);
	expect_eq("its rip", got.rip, ctx.rip);
	expect_eq("its rsp", got.rsp, ctx.rsp);
}

static void kernel_selector(u64 cs)
{
	struct regs ctx = kernel_context(code_ud2), got;

	ctx.cs = cs;
	got = kernel_run(&ctx);
	check((got.vector == X86_UD && got.rip == ctx.rip &&
	       (got.cs & 3) == 0) ||
		      (got.vector == X86_GP && got.error == (cs & ~3UL)),
	      "kernel CS 0x%lx: %s error 0x%lx", cs, trap_name(got.vector),
	      got.error);
}

/* The hypervisor's ranges are not for user mode, however one gets there. */
static void hypervisor_rip(void)
{
	struct regs ctx = user_context(code_ud2), got;

	ctx.rip = 0xffff82d040200000UL;
	got = user_run(&ctx);
	check(got.vector == X86_PF && (got.error & ~PF_P) == (PF_U | PF_I),
	      "user RIP in the hypervisor: %s error 0x%lx",
	      trap_name(got.vector), got.error);
	expect_eq("its rip", got.rip, ctx.rip);
}

TEST("iret-bad")
{
	user_init();
	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		one(&table[i]);
	bad_rip();
	bad_rsp();
	hypervisor_rip();
	kernel_selector(0xe031);
	kernel_selector(0xe032);
	kernel_selector(0);
	kernel_selector(0x10);
	kernel_selector(0xe010);
	kernel_selector(0xe008);
	check(user_works(), "user mode at the end");
}
