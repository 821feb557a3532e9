// SPDX-License-Identifier: MIT
//
// low: a kernel that lives in the low half of the address space.
//
// Linux is linked at the top, but the ABI lets a kernel choose its VIRT_BASE. A
// low kernel shares L4 slot 0 with what would be user space, so tricks that
// tell kernel from user by the address do not work for it (gate.md E4).
//
// Provoked by linking this one at VIRT_BASE 0x400000 (see config) and doing
// what every test does: traps, events, page tables, user mode. Expected: all
// the same as at the top.

#include "guest.h"

USER_CODE(code_syscall, "syscall");

static void traps(void)
{
	u64 val;

	TRY("ud2", :);
	expect_fault("ud2", X86_UD, 0);
	check(!try_read((void *)0x1000, &val), "address 0x1000 is mapped");
	expect_page_fault("read", 0, (void *)0x1000);
}

static void events(void)
{
	u32 port = port_bind_ipi();

	events_unmask();
	port_send(port);
	events_mask();
	expect_eq("upcalls", event_upcalls, 1);
}

static void user(void)
{
	struct regs ctx, got;

	user_init();
	ctx = user_context(code_syscall);
	for (u32 i = 0; i < 10; i++) {
		got = user_run(&ctx);
		expect_eq("vector", got.vector, TRAP_SYSCALL);
		expect_eq("rip", got.rip, ctx.rip + 2);
	}
}

TEST("low")
{
	expect_eq("virt_base", (u64)virt_base, 0x400000);
	expect_eq("first frame", m2p()[va_mfn(virt_base)], 0);
	traps();
	events();
	user();
}
