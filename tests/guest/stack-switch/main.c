// SPDX-License-Identifier: MIT
//
// stack-switch: the kernel stack for entries from user mode.
//
// A PV guest has no TSS: stack_switch is what Linux calls at each task switch
// so that the next entry from user mode lands on the new task's stack.
//
// Provoked by setting several stacks and entering from user mode, and by
// kernel-mode traps in between. Expected (abi.md 3.1, 4.6): entries from user
// mode use the last one set, entries from kernel mode never do; the SS argument
// is ignored (or, as on stock Xen, fixed up); the kernel's own stack is not
// touched by the call.

#include "guest.h"

USER_CODE(code_syscall, "syscall");
USER_CODE(code_ud2, "ud2");

static u8 stacks[3][PAGE_SIZE] __attribute__((aligned(4096)));

static void enter_on(u64 top)
{
	struct regs ctx = user_context(code_syscall);

	user_run(&ctx);
	expect_eq("frame of a syscall", fault.frame, (top & ~15UL) - 56);
	ctx = user_context(code_ud2);
	user_run(&ctx);
	expect_eq("frame of a fault", fault.frame, (top & ~15UL) - 56);
}

TEST("stack-switch")
{
	static const u64 selectors[] = {
		FLAT_KERNEL_SS,
		0,
		0x18,
		FLAT_KERNEL_SS & ~3,
	};

	user_init();
	for (u32 i = 0; i < 12; i++) {
		u64 top = (u64)stacks[i % 3] + PAGE_SIZE - i * 8;
		expect_rc("stack_switch", stack_switch(selectors[i % 4], top),
			  0);
		enter_on(top);
		struct regs ctx = kernel_context(code_ud2);
		kernel_run(&ctx);
		expect_eq("frame in the kernel", fault.frame,
			  context_stack_top() - 56);
	}
}
