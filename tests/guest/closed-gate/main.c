// SPDX-License-Identifier: MIT
//
// closed-gate: a kernel in ring 1 that wants more than it may have.
//
// Ring 1 is no user to the pages: what keeps such a kernel out is that the
// hypervisor is not mapped while it runs, and that the few pages that are do
// not let it write what ring 0 believes.
//
// Provoked by dom0-gate=closed on two processors, dom0 on the first. Expected
// (gate.md A2 to A4, S2, S3, S10): of each part of the hypervisor's address
// space there is nothing; of the gate's pages the read-only ones cannot be
// written and the other processor's are not there; writing garbage to the
// page that can be written changes nothing for system calls, faults and irets,
// whether their stacks are good or bad; kernel stacks and iret frames in that
// page, or across its neighbours, end the domain and nobody else (variants); a
// process finds the upper half closed, with U=1 in the error code, in whatever
// way it was entered; breakpoints on what ring 0 touches for it, and behind a
// MOV SS, do no harm.

#include "guest.h"
#include "place.h"

/* The block of a processor, and the gate's pages in it (src/config.h). */
#define BLOCK(cpu) (0xffff808000000000UL + (cpu)*0x40000UL)
#define TEXT (BLOCK(0) + 0x19000)
#define BELIEVED (BLOCK(0) + 0x1b000)
#define SCRATCH (BLOCK(0) + 0x1c000)
#define IDT (BLOCK(0) + 0x1e000)
#define GDT_OWN (BLOCK(0) + 0x2e000)

/* Stacks fill the page from here on; below is what ring 0 parks. */
#define STACKS (SCRATCH + 0x600)
#define SCRATCH_END (SCRATCH + 0x1000)

/* Words of it that are the guest's own affair. */
#define MODE_WORD 6 /* which of its modes runs */
#define STACK_WORD 8 /* what stack_switch said */

USER_CODE(u_syscall, "syscall; ud2");
USER_CODE(u_read, "movb (%rsi), %al; ud2");
USER_CODE(u_step, "nop; syscall; nop; ud2");
USER_CODE(u_mov_ss, "mov (%rsi), %ss; syscall; ud2");
USER_CODE(u_mov_ss_int3, "mov (%rsi), %ss; int3; ud2");
USER_CODE(u_mov_ss_int80, "mov (%rsi), %ss; int $0x80; ud2");
USER_CODE(k_iret, "mov $23, %eax; syscall; ud2");
USER_CODE(k_behind, "ud2");

// ------------------------------------------------------------ what is mapped

static void nothing_at(const char *what, u64 va)
{
	u64 val;

	check(!try_read((void *)va, &val), "%s: 0x%lx can be read", what, va);
	expect_page_fault(what, 0, (void *)va);
	check(!try_write((void *)va, 0), "%s: 0x%lx can be written", what, va);
	expect_page_fault(what, PF_W, (void *)va);
}

static void read_only_at(const char *what, u64 va)
{
	u64 val;

	check(try_read((void *)va, &val), "%s: 0x%lx is not there", what, va);
	check(!try_write((void *)va, 0), "%s: 0x%lx can be written", what, va);
	expect_page_fault(what, PF_P | PF_W, (void *)va);
}

static void hypervisor_is_not_there(void)
{
	nothing_at("its main stack", BLOCK(0) + 0x9758);
	nothing_at("what it knows of the processor", BLOCK(0) + 0x9800);
	nothing_at("its entry stubs", BLOCK(0));
	nothing_at("its NMI stack", BLOCK(0) + 0xbff8);
	nothing_at("devices", 0xffff80c000000000UL);
	nothing_at("its text", 0xffff810000000000UL);
	nothing_at("its frame table", 0xffff818000000000UL);
	nothing_at("the M2P for writing", 0xffff81c000000000UL);
	for (u64 slot = 260; slot < 272; slot++)
		nothing_at("the direct map", 0xffff000000000000UL | slot << 39);
	for (u64 page = 0; page < 0x40; page++)
		nothing_at("another processor's", BLOCK(1) + page * PAGE_SIZE);
}

static void gate_pages(void)
{
	read_only_at("text", TEXT);
	read_only_at("text", TEXT + PAGE_SIZE);
	read_only_at("what is believed", BELIEVED);
	read_only_at("IDT", IDT);
	read_only_at("GDT", GDT_OWN);
	read_only_at("GDT window", GDT_OWN - PAGE_SIZE);
	read_only_at("LDT window", BLOCK(0) + 0x30000);
	read_only_at("the M2P", 0xffff800000000000UL);
	nothing_at("beside the text", TEXT - PAGE_SIZE);
	nothing_at("behind the IDT", IDT + PAGE_SIZE);
}

// ------------------------------------------------------------------- scratch

/* All but the mode and the kernel's stack. */
static void garbage(u64 seed)
{
	u64 *word = (u64 *)SCRATCH;

	for (u32 i = 0; i < PAGE_SIZE / 8; i++) {
		seed = seed * 6364136223846793005UL + 1442695040888963407UL;
		if (i != MODE_WORD && i != STACK_WORD)
			word[i] = i % 3 ? seed : BELIEVED + (seed >> 52 & ~7UL);
	}
}

static void crossings(void)
{
	struct regs ctx = user_context(u_syscall), got;

	got = user_run(&ctx);
	expect_eq("syscall", got.vector, TRAP_SYSCALL);
	expect_eq("its frame", fault.frame, kernel_stack_top() - 56);
	ctx = user_context(u_read);
	ctx.rsi = 0x700000000000;
	got = user_run(&ctx);
	expect_eq("fault", got.vector, X86_PF);
	expect_eq("its address", fault.cr2, ctx.rsi);
	ctx = user_context(u_read);
	ctx.cs = 0x1233;
	got = user_run(&ctx);
	expect_eq("refused iret", got.vector, X86_GP);
	hypercall_poke();
}

static void scratch_is_not_believed(void)
{
	for (u64 i = 0; i < 50; i++) {
		garbage(i);
		crossings();
	}
}

// ------------------------------------------------------------------ processes

static void upper_half(void)
{
	expect_upper_half_closed();
	for (u64 page = 0x19; page < 0x40; page++)
		expect_closed_to_users(BLOCK(0) + page * PAGE_SIZE);
}

// ------------------------------------------------------------ debug registers

/* It may be hit by this kernel's own code as well. */
static bool on_debug(struct regs *regs)
{
	if (regs->vector != X86_DB)
		return false;
	set_debugreg(7, 0x400);
	return true;
}

static void break_on(u64 va, u64 dr7)
{
	trap_hook = on_debug;
	expect_rc("breakpoint", set_debugreg(0, va), 0);
	expect_rc("enable", set_debugreg(7, dr7), 0);
}

static void break_off(void)
{
	trap_hook = NULL;
	set_debugreg(7, 0x400);
	set_debugreg(0, 0);
	set_debugreg(6, 0xffff0ff0);
}

#define BREAK_WRITE_8 0x90402 /* on register 0 */
#define BREAK_ACCESS_8 0xb0402

/* Each word that ring 0 writes to the kernel's stack, */
static void breakpoints_in_frames(void)
{
	for (u64 at = kernel_stack_top() - 64; at < kernel_stack_top();
	     at += 8) {
		struct regs ctx = user_context(u_syscall), got;

		break_on(at, BREAK_WRITE_8);
		got = user_run(&ctx);
		break_off();
		expect_eq("a frame with a breakpoint", got.vector,
			  TRAP_SYSCALL);
	}
}

#define IRET_WORDS 9

/* or reads from it. */
static void breakpoints_in_iret(void)
{
	u64 *words = (u64 *)context_stack_top() - IRET_WORDS - 1;

	for (u32 i = 0; i < IRET_WORDS; i++) {
		struct regs ctx = kernel_context(k_iret), got;

		memset(words, 0, IRET_WORDS * 8);
		words[4] = (u64)k_behind;
		words[5] = FLAT_KERNEL_CS;
		words[5] &= ~3UL;
		words[6] = ctx.rflags;
		words[7] = (u64)words;
		words[8] = FLAT_KERNEL_SS;
		ctx.rsp = (u64)words;
		break_on((u64)&words[i], BREAK_ACCESS_8);
		got = kernel_run(&ctx);
		break_off();
		expect_eq("an iret with a breakpoint", got.vector, X86_UD);
		expect_eq("its rip", got.rip, (u64)k_behind);
	}
}

static void single_steps(void)
{
	struct regs ctx = user_context(u_step), got;

	ctx.rflags |= FL_TF;
	got = user_run(&ctx);
	expect_eq("a step", got.vector, X86_DB);
	got.rflags |= FL_TF;
	got = user_run(&got);
	expect_eq("a step into the kernel", got.vector, TRAP_SYSCALL);
	expect_eq("TF in its frame", got.rflags & FL_TF, FL_TF);
	expect_eq("TF in the handler", fault.rflags & FL_TF, 0);
}

/* The breakpoint waits for the instruction behind the MOV to be done. */
static void mov_ss_and(const char *what, const char *code, u64 vector)
{
	struct regs ctx = user_context(code), got;

	*(u64 *)user_data() = USER_SS;
	ctx.rsi = USER_DATA;
	break_on(USER_DATA, BREAK_ACCESS_8);
	got = user_run(&ctx);
	break_off();
	expect_eq(what, got.vector, vector);
	crossings();
}

// ------------------------------------------------------------- ends (variants)

static void enter_on(const char *code, u64 stack)
{
	struct regs ctx = user_context(code);

	user_init();
	expect_rc("stack_switch", stack_switch(FLAT_KERNEL_SS, stack), 0);
	ctx.rsi = 0x700000000000;
	crash_expected();
	user_run(&ctx);
}

static void syscall_on_scratch(void)
{
	enter_on(u_syscall, SCRATCH_END);
}

static void syscall_on_parked(void)
{
	enter_on(u_syscall, STACKS);
}

static void syscall_across_the_edge(void)
{
	enter_on(u_syscall, 0xffff880000000020UL);
}

/* The word that stack_switch sets, without it. */
static void enter_on_forged(u64 stack)
{
	struct regs ctx = user_context(u_syscall);

	user_init();
	((volatile u64 *)SCRATCH)[STACK_WORD] = stack;
	crash_expected();
	user_run(&ctx);
}

static void forged_stack_is_believed(void)
{
	enter_on_forged(BELIEVED + 0x800);
}

static void forged_stack_is_scratch(void)
{
	enter_on_forged(SCRATCH_END);
}

static void fault_on_scratch(void)
{
	enter_on(u_read, SCRATCH_END);
}

static void fault_on_info(void)
{
	enter_on(u_read, SCRATCH_END + PAGE_SIZE);
}

static void fault_on_nothing(void)
{
	char *page = page_alloc();

	update_va_mapping(page, 0, UVMF_INVLPG);
	enter_on(u_read, (u64)page + PAGE_SIZE);
}

static void iret_from_scratch(void)
{
	struct regs ctx = kernel_context(k_iret);

	ctx.rsp = SCRATCH_END - 512 * 5 - 128;
	crash_expected();
	kernel_run(&ctx);
}

static void trap_on_scratch(void)
{
	struct regs ctx = kernel_context(u_syscall + 2); /* its ud2 */

	ctx.rsp = SCRATCH_END;
	crash_expected();
	kernel_run(&ctx);
}

static const struct {
	const char *name;
	void (*run)(void);
} ends[] = {
	{"syscall-on-scratch", syscall_on_scratch},
	{"syscall-on-parked", syscall_on_parked},
	{"syscall-across-the-edge", syscall_across_the_edge},
	{"forged-stack-is-believed", forged_stack_is_believed},
	{"forged-stack-is-scratch", forged_stack_is_scratch},
	{"fault-on-scratch", fault_on_scratch},
	{"fault-on-info", fault_on_info},
	{"fault-on-nothing", fault_on_nothing},
	{"iret-from-scratch", iret_from_scratch},
	{"trap-on-scratch", trap_on_scratch},
};

static void end_if_asked(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(ends); i++)
		if (cmdline_has(ends[i].name)) {
			ends[i].run();
			check_failed("%s: still alive", ends[i].name);
			test_end();
		}
}

TEST("closed-gate")
{
	place_vcpu(0, 0);
	end_if_asked();
	hypervisor_is_not_there();
	gate_pages();
	user_init();
	crossings();
	scratch_is_not_believed();
	upper_half();
	breakpoints_in_frames();
	breakpoints_in_iret();
	crossings();
	single_steps();
	mov_ss_and("MOV SS, SYSCALL", u_mov_ss, TRAP_SYSCALL);
	mov_ss_and("MOV SS, INT3", u_mov_ss_int3, X86_BP);
	mov_ss_and("MOV SS, INT 0x80", u_mov_ss_int80, 0x80);
}
