// SPDX-License-Identifier: MIT
//
// fpu: lazy FPU switching by the guest, and FPU state that stays.
//
// A guest kernel that sets TS wants one #NM at the next FPU instruction, and
// finds TS clear in the handler. FPU contents must never change behind the
// guest's back, whatever the hypervisor does with its own.
//
// Provoked by fpu_taskswitch(1), CR0.TS and CLTS with FPU and SSE instructions,
// and by values in registers over hypercalls, user mode and a block. Expected
// (abi.md 4.6): exactly one #NM for each setting; none after fpu_taskswitch(0);
// register contents survive.

#include "guest.h"

static void fpu_insn(void)
{
	TRY("fnop", :);
}

static void sse_insn(void)
{
	TRY("movq %%rax, %%xmm7", :);
}

static void once(void (*insn)(void), const char *what)
{
	insn();
	expect_no_fault(what);
	expect_rc("taskswitch", fpu_taskswitch(true), 0);
	insn();
	expect_fault(what, X86_NM, 0);
	insn();
	expect_no_fault("second time");
	fpu_taskswitch(true);
	fpu_taskswitch(false);
	insn();
	expect_no_fault("after taskswitch(0)");
	fpu_taskswitch(true);
	TRY("clts", :);
	insn();
	expect_no_fault("after clts");
}

static void cr0_shows_ts(void)
{
	u64 cr0;

	fpu_taskswitch(true);
	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	check(cr0 & 8, "cr0 without TS: 0x%lx", cr0);
	fpu_insn();
	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	check(!(cr0 & 8), "cr0 after #NM: 0x%lx", cr0);
}

USER_CODE(code_fpu, "fnop; movq %xmm3, %rax; ud2");

static void state_stays(void)
{
	struct regs ctx = user_context(code_fpu), got;
	struct sched_poll poll = {.timeout = 1};
	u64 x = 0x123456789abcdef0, y = 0;

	asm volatile("movq %0, %%xmm3; fldpi" : : "r"(x));
	for (u32 i = 0; i < 100; i++)
		hypercall_poke();
	sched_op(SCHEDOP_yield, NULL);
	sched_op(SCHEDOP_poll, &poll);
	asm volatile("movq %%xmm3, %0" : "=r"(y));
	expect_eq("xmm3 in the kernel", y, x);
	got = user_run(&ctx);
	expect_eq("vector", got.vector, X86_UD);
	expect_eq("xmm3 in user mode", got.rax, x);
	u64 st0;
	asm volatile("fstpl %0" : "=m"(st0));
	expect_eq("st(0)", st0, 0x400921fb54442d18);
}

/* TS is the vCPU's, so user mode meets it too. */
static void in_user_mode(void)
{
	struct regs ctx = user_context(code_fpu), got;

	fpu_taskswitch(true);
	got = user_run(&ctx);
	expect_eq("user #NM", got.vector, X86_NM);
	expect_eq("its rip", got.rip, ctx.rip);
	got = user_run(&ctx);
	expect_eq("then none", got.vector, X86_UD);
}

TEST("fpu")
{
	user_init();
	once(fpu_insn, "fnop");
	once(sse_insn, "movq to xmm");
	cr0_shows_ts();
	state_stays();
	in_user_mode();
}
