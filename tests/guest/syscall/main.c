// SPDX-License-Identifier: MIT
//
// syscall: SYSCALL, SYSENTER and INT from user mode.
//
// A system call of a guest process enters the hypervisor and is bounced to the
// syscall callback like a trap without error code. It is the hottest bounce of
// all. Linux takes the user's RIP and RFLAGS from the frame, and also expects
// CS and SS to be the flat user selectors that it compares with.
//
// Provoked by user contexts: 64-bit `syscall` with several flags, and at the
// end of the lower half; the same with a masking callback; `int 0x80` and `int
// n` through trap entries of DPL 0 and 3; compat-mode `int 0x80`, `syscall` and
// `sysenter` where the CPU and the hypervisor have them. Expected (abi.md 3.1):
// CS 0xe033 (0xe023 for compat), SS 0xe02b, RIP behind the instruction, also
// where that is no address any more, RCX and R11 pushed as the CPU leaves them
// (RIP and RFLAGS), the direction flag of the caller in RFLAGS (the handler's
// own is not defined: Xen leaves it as it was), and so its TF, NT and AC, of
// which the handler has none, also by SYSENTER, which clears none of them; a
// trap entry of DPL 0 gives the user a #GP of the vector's IDT error code (TCG
// has 16n+2 in place of 8n+2, README of the oracle; Xen then looks at the wrong
// entry, so vectors are chosen apart).

#include "guest.h"

#define COMPAT_BASE 0x10000000UL
#define DR6_NONE 0xffff0ff0UL

USER_CODE(code_syscall, "syscall");
USER_CODE(code_int80, "int $0x80");
USER_CODE(code_int21, "int $0x21");
USER_CODE(code_sysenter, "sysenter");
USER_CODE(code_ud2, "ud2");
USER_CODE(code_nop_ud2, "nop; ud2");

static void fill(struct regs *r)
{
	u64 *gpr = &r->r15;

	for (u64 i = 0; i < 15; i++)
		gpr[i] = 0x0101010101010101UL * (i + 1);
}

static void syscall_frame(u64 flags, u8 mask)
{
	struct regs ctx = user_context(code_syscall), want, got;

	fill(&ctx);
	ctx.rflags |= flags;
	got = user_run(&ctx);
	want = ctx;
	want.vector = TRAP_SYSCALL;
	want.rip += 2;
	want.rcx = want.rip;
	want.r11 = ctx.rflags;
	expect_entry("syscall", &got, &want);
	expect_eq("frame", fault.frame, kernel_stack_top() - 56);
	expect_eq("handler mask", fault.mask, mask);
	check(is_kernel_cs(fault.cs), "handler cs 0x%lx", fault.cs);
	check(is_kernel_ss(fault.ss), "handler ss 0x%lx", fault.ss);
	expect_eq("handler flags",
		  fault.rflags & (FL_TF | FL_NT | FL_AC | FL_IF), FL_IF);
}

/* All that a process may have set and a handler must not. */
static const u64 odd_flags[] = {
	FL_TF,
	FL_NT,
	FL_AC,
	FL_DF,
	FL_NT | FL_AC | FL_DF,
	FL_TF | FL_NT | FL_AC | FL_DF,
};
#define ODD (FL_TF | FL_NT | FL_AC | FL_DF)

static void set_callback(u16 type, u16 flags, u64 address)
{
	struct callback_register reg = {type, flags, address};

	expect_rc("callback", callback_op(CALLBACKOP_register, &reg), 0);
}

extern char entry_syscall[], entry_syscall32[], entry_sysenter[];

static void syscalls(void)
{
	syscall_frame(0, 0);
	syscall_frame(FL_CF | FL_ZF, 0);
	syscall_frame(FL_DF, 0);
	syscall_frame(FL_ID, 0);
	for (u64 i = 0; i < ARRAY_SIZE(odd_flags); i++)
		syscall_frame(odd_flags[i], 0);
	set_callback(CALLBACKTYPE_syscall, CALLBACKF_mask_events,
		     (u64)entry_syscall);
	syscall_frame(0, 1);
	set_callback(CALLBACKTYPE_syscall, 0, (u64)entry_syscall);
	events_mask();
}

/* Without a callback SYSCALL is an undefined instruction. */
static void no_callback(void)
{
	struct regs ctx = user_context(code_syscall), got;

	set_callback(CALLBACKTYPE_syscall, 0, 0);
	got = user_run(&ctx);
	expect_eq("syscall without callback", got.vector, X86_UD);
	expect_eq("its rip", got.rip, ctx.rip);
	set_callback(CALLBACKTYPE_syscall, 0, (u64)entry_syscall);
}

static void software_interrupts(void)
{
	struct regs ctx = user_context(code_int80), want, got;

	fill(&ctx);
	got = user_run(&ctx);
	want = ctx;
	want.vector = 0x80;
	want.rip += 2;
	expect_entry("int 0x80", &got, &want);

	/* Both 0x21 and what TCG makes of it, 0x42. */
	trap_set(0x21, 3, trap_stub(0x21));
	trap_set(0x42, 3, trap_stub(0x21));
	ctx = user_context(code_int21);
	got = user_run(&ctx);
	want = ctx;
	want.vector = 0x21;
	want.rip += 2;
	expect_entry("int 0x21 with DPL 3", &got, &want);

	trap_set(0x21, 0, trap_stub(0x21));
	trap_set(0x42, 0, trap_stub(0x21));
	got = user_run(&ctx);
	expect_eq("int 0x21 with DPL 0", got.vector, X86_GP);
	expect_eq("its rip", got.rip, ctx.rip);
	check(got.error == 0x21 * 8 + 2 || got.error == 0x21 * 16 + 2,
	      "int 0x21: error code 0x%lx", got.error);
}

static void int80_without_handler(void)
{
	struct regs ctx = user_context(code_int80), got;

	set_trap_table(NULL);
	trap_set(X86_GP, 0, trap_stub(X86_GP));
	got = user_run(&ctx);
	expect_eq("int 0x80 without handler", got.vector, X86_GP);
	expect_eq("its error code", got.error, 0x80 * 8 + 2);
	expect_eq("its rip", got.rip, ctx.rip);
	trap_init();
}

/* The user pages again, below 4 GiB, in both roots. */
static void compat_map(void)
{
	struct va_chain c;
	u64 *l4 = user_l4();

	chain_build(&c, COMPAT_BASE);
	for (u64 i = 0; i < 512; i++) {
		u64 e = user_l1()[i];
		if (e)
			mmu_update1(va_maddr(&c.l1[i]), e);
	}
	long rc = mmu_update1(va_maddr(&l4[COMPAT_BASE >> 39]),
			      va_maddr(c.l3) | PTE_TABLE);
	require(rc == 0, "compat mapping: error %ld", rc);
}

/*
 * SYSCALL in the last two bytes below 2^47: where it returns to is no address.
 */
static void at_the_edge(void)
{
	static u8 page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	const u64 edge = 1UL << 47;
	struct regs ctx = user_context(code_syscall), got;
	struct va_chain c;
	long rc;

	page[PAGE_SIZE - 2] = 0x0f;
	page[PAGE_SIZE - 1] = 0x05;
	chain_build(&c, edge - PAGE_SIZE);
	rc = mmu_update1(va_maddr(&c.l1[511]), va_maddr(page) | PTE_PAGE);
	require(rc == 0, "last page: error %ld", rc);
	rc = mmu_update1(va_maddr(&user_l4()[255]), va_maddr(c.l3) | PTE_TABLE);
	require(rc == 0, "last slot: error %ld", rc);
	ctx.rip = edge - 2;
	got = user_run(&ctx);
	expect_eq("syscall at the edge", got.vector, TRAP_SYSCALL);
	expect_eq("its rip", got.rip, edge);
	expect_eq("its rcx", got.rcx, edge);
}

static struct regs compat_context(const char *label)
{
	struct regs ctx = user_context(label);

	ctx.rip = user_va(label) - USER_BASE + COMPAT_BASE;
	ctx.rsp = USER_STACK_TOP - USER_BASE + COMPAT_BASE;
	ctx.cs = USER_CS32;
	ctx.rax = 0x1234;
	return ctx;
}

static void compat_traps(void)
{
	struct regs ctx = compat_context(code_int80), want = ctx, got;

	got = user_run(&ctx);
	want.vector = 0x80;
	want.rip += 2;
	expect_entry("compat int 0x80", &got, &want);
	ctx = want = compat_context(code_ud2);
	got = user_run(&ctx);
	want.vector = X86_UD;
	expect_entry("compat ud2", &got, &want);
}

/* Compat callbacks are optional: Linux drops the feature if refused. */
static bool optional_callback(u16 type, const char *entry)
{
	struct callback_register reg = {type, 0, (u64)entry};

	return callback_op(CALLBACKOP_register, &reg) == 0;
}

static void compat_syscall(void)
{
	struct regs ctx = compat_context(code_syscall), got;

	if (!optional_callback(CALLBACKTYPE_syscall32, entry_syscall32))
		return;
	got = user_run(&ctx);
	if (got.vector == X86_UD)
		return; /* an Intel CPU */
	expect_eq("compat syscall", got.vector, TRAP_SYSCALL32);
	expect_eq("its cs", got.cs, USER_CS32);
	expect_eq("its ss", got.ss, USER_SS);
	expect_eq("its rip", got.rip, ctx.rip + 2);
	expect_eq("its rax", got.rax, 0x1234);
}

static void sysenter_with(u64 flags)
{
	struct regs ctx = compat_context(code_sysenter), got;

	expect_rc("dr6", set_debugreg(6, DR6_NONE), 0);
	ctx.rflags |= flags;
	got = user_run(&ctx);
	expect_eq("sysenter with flags", got.vector, TRAP_SYSENTER);
	expect_eq("its flags", got.rflags & ODD, flags);
	expect_eq("its rax", got.rax, ctx.rax);
	expect_eq("its dr6", (u64)get_debugreg(6), DR6_NONE);
	expect_eq("its handler's flags",
		  fault.rflags & (FL_TF | FL_NT | FL_AC | FL_IF), FL_IF);
	/* Nothing of it is left: the next one steps over one instruction. */
	ctx = compat_context(code_nop_ud2);
	ctx.rflags |= FL_TF;
	got = user_run(&ctx);
	expect_eq("a step after it", got.vector, X86_DB);
	expect_eq("its rip", got.rip, ctx.rip + 1);
}

static void compat_sysenter(void)
{
	struct regs ctx = compat_context(code_sysenter), got;

	if (!optional_callback(CALLBACKTYPE_sysenter, entry_sysenter))
		return;
	got = user_run(&ctx);
	if (got.vector == X86_UD || got.vector == X86_GP)
		return; /* an AMD CPU */
	expect_eq("sysenter", got.vector, TRAP_SYSENTER);
	expect_eq("its cs", got.cs & 0xffff, 3);
	expect_eq("its ss", got.ss & 0xffff, USER_SS);
	expect_eq("its rip", got.rip, 0);
	expect_eq("its rsp", got.rsp, 0);
	for (u64 i = 0; i < ARRAY_SIZE(odd_flags); i++)
		sysenter_with(odd_flags[i]);
}

TEST("syscall")
{
	user_init();
	syscalls();
	no_callback();
	software_interrupts();
	int80_without_handler();
	at_the_edge();
	compat_map();
	compat_traps();
	compat_syscall();
	compat_sysenter();
}
