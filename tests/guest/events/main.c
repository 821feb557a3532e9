// SPDX-License-Identifier: MIT
//
// events: the upcall, its mask, and when it is delivered.
//
// Events are a PV guest's interrupts. Linux masks them with a plain store,
// unmasks them with a plain store, and relies on any hypercall to deliver what
// came in between. A lost or doubled upcall is a hang or a corrupted stack.
//
// Provoked by an IPI port to ourselves and contexts in kernel and user mode.
// Expected (abi.md 3.1, 5.3): a send sets the pending bit, the selector bit and
// upcall_pending, whatever the mask; with the mask set nothing is delivered;
// after a plain unmask the next hypercall's return is interrupted, with its
// result in RAX; an iret to a frame with IF = 1 is interrupted before its first
// instruction; the frame carries the old mask, and the handler runs with the
// mask set, on the kernel stack; a masked port only sets its bit, and
// EVTCHNOP_unmask raises it.

#include "guest.h"

USER_CODE(code_poke, "syscall; ud2");
USER_CODE(code_ud2, "ud2");

static u32 port;

static void pending_bits(void)
{
	events_mask();
	expect_rc("send", port_send(port), 0);
	check(port_pending(port), "the pending bit is not set");
	expect_eq("selector", vcpu_info->evtchn_pending_sel, 1UL << port / 64);
	expect_eq("upcall pending", vcpu_info->evtchn_upcall_pending & 1, 1);
	for (u32 i = 0; i < 10; i++)
		hypercall_poke();
	expect_eq("upcalls while masked", event_upcalls, 0);
}

static struct regs poke_context(void)
{
	struct regs ctx = kernel_context(code_poke);

	ctx.rax = __HYPERVISOR_xen_version;
	ctx.rdi = XENVER_version;
	return ctx;
}

/*
 * The mask is cleared by the code itself, so that the iret that starts it
 * does not deliver: rbx points to the mask byte.
 */
USER_CODE(code_unmask_poke, "movb $0, (%rbx); syscall; ud2");

static void delivered_by_hypercall(void)
{
	struct regs ctx = poke_context(), want, got;
	u32 upcalls = event_upcalls;

	ctx.rip = (u64)code_unmask_poke;
	ctx.rbx = (u64)&vcpu_info->evtchn_upcall_mask;
	ctx.rsp -= 8;
	got = kernel_run(&ctx);
	want = ctx;
	want.vector = TRAP_EVENT;
	want.rip += 5;
	want.rax = 4 << 16 | 17;
	want.rcx = got.rcx;
	want.r11 = got.r11;
	want.rflags |= FL_IF;
	expect_entry("event at a hypercall", &got, &want);
	expect_eq("frame", fault.frame, (ctx.rsp & ~15UL) - 56);
	expect_eq("handler mask", fault.mask, 1);
	expect_eq("upcalls", event_upcalls, upcalls + 1);
	check(!port_pending(port), "the port is still pending");
	events_mask();
}

static void delivered_by_iret(struct regs ctx, u64 stack, const char *what)
{
	struct regs want, got;

	events_mask();
	port_send(port);
	ctx.rflags |= FL_IF;
	ctx.rbp = 0x7777;
	ctx.rcx = 0x8888;
	ctx.r11 = 0x9999;
	want = ctx;
	want.vector = TRAP_EVENT;
	got = user_run(&ctx);
	expect_entry(what, &got, &want);
	expect_eq("frame", fault.frame, stack - 56);
	expect_eq("handler mask", fault.mask, 1);
	events_mask();
}

static void by_iret(void)
{
	struct regs ctx = user_context(code_ud2);

	delivered_by_iret(ctx, kernel_stack_top(), "event at iret to user");
}

/* To kernel mode: kernel_run() ends at the first entry of any kind. */
static void by_kernel_iret(void)
{
	struct regs ctx = kernel_context(code_ud2), want, got;

	port_send(port);
	want = ctx;
	want.vector = X86_UD;
	got = kernel_run(&ctx);
	expect_entry("masked iret", &got, &want);
	ctx.rflags |= FL_IF;
	want.rflags |= FL_IF;
	want.vector = TRAP_EVENT;
	got = kernel_run(&ctx);
	expect_entry("event at iret to kernel", &got, &want);
	events_mask();
}

/* The default handler returns by iret: the mask of before comes back. */
static void returns_to_code(void)
{
	u32 upcalls = event_upcalls, count = event_count[port];

	for (u32 i = 0; i < 100; i++) {
		events_unmask();
		port_send(port);
		expect_eq("mask after the handler",
			  vcpu_info->evtchn_upcall_mask, 0);
		events_mask();
	}
	expect_eq("upcalls", event_upcalls, upcalls + 100);
	expect_eq("count", event_count[port], count + 100);
}

static void masked_port(void)
{
	struct evtchn_unmask unmask = {.port = port};
	u32 upcalls = event_upcalls;

	port_mask(port);
	events_unmask();
	port_send(port);
	hypercall_poke();
	check(port_pending(port), "a masked port is not pending");
	expect_eq("upcalls of a masked port", event_upcalls, upcalls);
	expect_rc("unmask", event_channel_op(EVTCHNOP_unmask, &unmask), 0);
	expect_eq("upcalls after the unmask", event_upcalls, upcalls + 1);
	check(!(shared_info.evtchn_mask[port / 64] >> port % 64 & 1),
	      "the port is still masked");
	expect_rc("second unmask", event_channel_op(EVTCHNOP_unmask, &unmask),
		  0);
	expect_eq("no upcall without an event", event_upcalls, upcalls + 1);
	events_mask();
}

/* An edge is not counted: two sends before the handler are one event. */
static void edges_merge(void)
{
	u32 upcalls = event_upcalls, count = event_count[port];

	events_mask();
	port_send(port);
	port_send(port);
	events_unmask();
	hypercall_poke();
	hypercall_poke();
	expect_eq("upcalls of two sends", event_upcalls, upcalls + 1);
	expect_eq("their count", event_count[port], count + 1);
	events_mask();
}

/* upcall_pending alone is enough, who ever has set it. */
static void pending_byte_alone(void)
{
	u32 upcalls = event_upcalls;

	vcpu_info->evtchn_upcall_pending = 1;
	events_unmask();
	hypercall_poke();
	expect_eq("upcalls by the byte", event_upcalls, upcalls + 1);
	events_mask();
}

TEST("events")
{
	user_init();
	port = port_bind_ipi();
	pending_bits();
	delivered_by_hypercall();
	by_iret();
	by_kernel_iret();
	returns_to_code();
	masked_port();
	edges_merge();
	pending_byte_alone();
}
