// SPDX-License-Identifier: MIT
//
// crash: a guest that breaks its contract dies alone.
//
// Some mistakes leave the hypervisor no place to report them to the guest: a
// frame that cannot be stored, a handler that is not there, a user root that
// was never given. The domain must end with one clear line and the hypervisor
// must live; for dom0 that means a tidy stop, not a fault of its own.
//
// Provoked, one variant a boot (see config): an exception on a kernel stack
// that is unmapped, read-only, in the hypervisor's range or not canonical; an
// exception, event or syscall without handler; an iret hypercall whose frame is
// unreadable; an iret to user mode without a user root; a handler that
// recurses; a shutdown with reason crash. Expected (abi.md 3.1): the
// hypervisor's line that domain 0 crashed, and no panic.

#include "guest.h"

USER_CODE(code_ud2, "ud2");
USER_CODE(code_iret, "mov $23, %eax; syscall; ud2");

/* An exception with the kernel stack at some address. */
static void on_stack(u64 rsp)
{
	struct regs ctx = kernel_context(code_ud2);

	ctx.rsp = rsp;
	crash_expected();
	kernel_run(&ctx);
}

static void unmapped_stack(void)
{
	char *page = page_alloc();

	update_va_mapping(page, 0, UVMF_INVLPG);
	on_stack((u64)page + PAGE_SIZE);
}

static void readonly_stack(void)
{
	on_stack(start_info->pt_base + PAGE_SIZE);
}

static void hypervisor_stack(void)
{
	on_stack(0xffff830000100000UL);
}

static void m2p_stack(void)
{
	on_stack(0xffff800000001000UL);
}

static void noncanonical_stack(void)
{
	on_stack(0x8000000000001000UL);
}

/* The last frame would reach from guest addresses into the reserved ones. */
static void edge_stack(void)
{
	on_stack(0xffff880000000010UL);
}

static void user_entry_stack(void)
{
	struct regs ctx = user_context(code_ud2);

	user_init();
	stack_switch(FLAT_KERNEL_SS, 0xffff830000100000UL);
	crash_expected();
	user_run(&ctx);
}

static void no_handler(void)
{
	crash_expected();
	set_trap_table(NULL);
	asm volatile("ud2");
}

static void no_user_handler(void)
{
	struct regs ctx;

	user_init();
	ctx = user_context(code_ud2);
	crash_expected();
	set_trap_table(NULL);
	user_run(&ctx);
}

static void no_event_callback(void)
{
	struct callback_register reg = {CALLBACKTYPE_event, 0, 0};
	u32 port = port_bind_ipi();

	crash_expected();
	callback_op(CALLBACKOP_register, &reg);
	port_send(port);
	events_unmask();
	hypercall_poke();
}

static void iret_frame(void)
{
	struct regs ctx = kernel_context(code_iret);

	ctx.rsp = 0x0000700000000000UL;
	crash_expected();
	kernel_run(&ctx);
}

static void iret_frame_in_hypervisor(void)
{
	struct regs ctx = kernel_context(code_iret);

	ctx.rsp = 0xffff830000100000UL;
	crash_expected();
	kernel_run(&ctx);
}

static void no_user_root(void)
{
	struct regs ctx = user_context(code_ud2);

	crash_expected();
	user_run(&ctx);
}

/* The handler faults itself, until its stack runs into a hole. */
static void recursion(void)
{
	struct regs ctx = kernel_context(code_ud2);
	char *hole = page_alloc(), *stack = page_alloc();

	require(stack == hole + PAGE_SIZE, "pages are not neighbours");
	update_va_mapping(hole, 0, UVMF_INVLPG);
	ctx.rsp = (u64)stack + PAGE_SIZE;
	trap_set(X86_UD, 0, (u64)code_ud2);
	crash_expected();
	kernel_run(&ctx);
}

static void shutdown_crash(void)
{
	struct sched_shutdown crash = {.reason = SHUTDOWN_crash};

	crash_expected();
	sched_op(SCHEDOP_shutdown, &crash);
}

static const struct {
	const char *name;
	void (*run)(void);
} variants[] = {
	{"unmapped-stack", unmapped_stack},
	{"readonly-stack", readonly_stack},
	{"hypervisor-stack", hypervisor_stack},
	{"m2p-stack", m2p_stack},
	{"noncanonical-stack", noncanonical_stack},
	{"edge-stack", edge_stack},
	{"user-entry-stack", user_entry_stack},
	{"no-handler", no_handler},
	{"no-user-handler", no_user_handler},
	{"no-event-callback", no_event_callback},
	{"iret-frame", iret_frame},
	{"iret-frame-in-hypervisor", iret_frame_in_hypervisor},
	{"no-user-root", no_user_root},
	{"recursion", recursion},
	{"shutdown", shutdown_crash},
};

TEST("crash")
{
	for (u32 i = 0; i < ARRAY_SIZE(variants); i++)
		if (cmdline_has(variants[i].name)) {
			variants[i].run();
			check_failed("%s: still alive", variants[i].name);
			test_end();
		}
	test_broken("the command line names no variant");
}
