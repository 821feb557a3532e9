// SPDX-License-Identifier: MIT
//
// nmi: a virtual NMI, and its masking until iret.
//
// Linux asks for NMIs on its own vCPUs to get back traces of hung CPUs. A
// second NMI inside the handler would destroy the first one's frame, so it must
// wait.
//
// Provoked by VCPUOP_send_nmi to ourselves, once and again from the handler,
// with the callback of callback_op. Expected (abi.md 3.1): the callback gets a
// frame without error code, whatever the upcall mask; an NMI sent in the
// handler comes after its iret; bad vCPUs are refused.

#include "guest.h"

extern char entry_nmi[];

static volatile u32 nmis, depth, deepest;

static bool on_nmi(struct regs *regs)
{
	if (regs->vector != TRAP_NMI)
		return false;
	nmis++;
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (nmis == 2) {
		vcpu_op(VCPUOP_send_nmi, 0, NULL);
		hypercall_poke();
	}
	depth--;
	return true;
}

USER_CODE(code_send, "syscall; ud2");

static void frame(void)
{
	struct regs ctx = kernel_context(code_send), want, got;

	ctx.rax = __HYPERVISOR_vcpu_op;
	ctx.rdi = VCPUOP_send_nmi;
	ctx.rsi = 0;
	ctx.rsp -= 24;
	got = kernel_run(&ctx);
	want = ctx;
	want.vector = TRAP_NMI;
	want.rip += 2;
	want.rax = 0;
	want.rcx = got.rcx;
	want.r11 = got.r11;
	expect_entry("NMI", &got, &want);
	expect_eq("frame", fault.frame, (ctx.rsp & ~15UL) - 56);
}

TEST("nmi")
{
	struct callback_register reg = {
		CALLBACKTYPE_nmi,
		0,
		(u64)entry_nmi,
	};

	expect_rc("register", callback_op(CALLBACKOP_register, &reg), 0);
	frame();
	/* The run above ended inside the handler: any iret ends the NMI. */
	TRY("ud2", :);
	trap_hook = on_nmi;
	expect_rc("send", vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
	expect_eq("NMIs", nmis, 1);
	expect_rc("send", vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
	expect_eq("NMIs with one from the handler", nmis, 3);
	expect_eq("nesting", deepest, 1);
	trap_hook = NULL;
	expect_rc("vCPU 99", vcpu_op(VCPUOP_send_nmi, 99, NULL), -XEN_ENOENT);
}
