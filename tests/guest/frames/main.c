// SPDX-License-Identifier: MIT
//
// frames: the bounce frame of exceptions, byte by byte.
//
// An exception in a PV guest goes to the hypervisor, which builds a frame on
// the guest kernel's stack and continues at the registered handler. Entry code
// in Linux pops RCX and R11 and then runs its native code on the rest, so each
// word and the alignment must be exact.
//
// Provoked by contexts with known registers, each of which runs one faulting
// instruction: in kernel mode (with several stack alignments, flags, and both
// values of the upcall mask) and in user mode. Expected (abi.md 3.1): from low
// to high RCX, R11, [error code], RIP, CS | mask << 32, RFLAGS, RSP, SS; on
// kernel_sp from user mode, else on the current stack, aligned down to 16; CS
// 0xe030 from kernel and 0xe033 from user mode, SS 0xe02b; pushed IF = !mask
// and IOPL = 0; the handler runs on 0xe033/0xe02b (open gate: 0xe019/0xe039) with TF, NT, RF, AC clear;
// all other registers are unchanged; the upcall mask changes only if the trap
// entry says so; U in a page-fault error code means user mode; CR2 in vcpu_info
// is the one that the CPU reads.

#include "guest.h"

USER_CODE(code_ud2, "ud2");
USER_CODE(code_int3, "int3");
USER_CODE(code_int4, "int $4");
USER_CODE(code_divide, "divl %ecx");
USER_CODE(code_gp, "movq (%rdi), %rax");
USER_CODE(code_write, "movl %eax, (%rsi)");
USER_CODE(code_read, "movl (%rsi), %eax");
USER_CODE(code_jump, "jmp *%rsi");
USER_CODE(code_nop, "nop; nop");
USER_CODE(code_int80, "int $0x80");
USER_CODE(code_cr0, "mov %cr0, %rax");

#define NON_CANONICAL 0x8000000000000000UL
#define BAD_ADDRESS 0x0000700000000128UL

struct kind {
	const char *name;
	const char *code;
	u64 vector, error;
	u32 length; /* of the instruction, for traps */
	u64 extra_flags;
	u64 rip; /* if the fault is not at the label */
	bool is_pf;
};

static const struct kind kinds[] = {
	{"ud2", code_ud2, X86_UD, 0, 0, 0, 0, false},
	{"int3", code_int3, X86_BP, 0, 1, 0, 0, false},
	{"int 4", code_int4, X86_OF, 0, 2, 0, 0, false},
	{"divide", code_divide, X86_DE, 0, 0, 0, 0, false},
	{"#GP", code_gp, X86_GP, 0, 0, 0, 0, false},
	{"read fault", code_read, X86_PF, 0, 0, 0, 0, true},
	{"write fault", code_write, X86_PF, PF_W, 0, 0, 0, true},
	{"fetch fault", code_jump, X86_PF, PF_I, 0, 0, BAD_ADDRESS, true},
	{"single step", code_nop, X86_DB, 0, 1, FL_TF, 0, false},
	{"int 0x80", code_int80, 0x80, 0, 2, 0, 0, false},
};

/* Distinct values in all registers that the codes do not use otherwise. */
static void fill(struct regs *r)
{
	u64 *gpr = &r->r15;

	for (u64 i = 0; i < 15; i++)
		gpr[i] = 0x1111111111111111UL * (i + 1) ^ 0xabcdef << i;
	r->rcx = 0x5555000000000000UL;
	r->rdi = NON_CANONICAL;
	r->rsi = BAD_ADDRESS;
}

/* What the handler itself runs with. */
static void handler_state(const struct kind *k, u8 mask)
{
	const u64 clear = FL_TF | FL_NT | FL_RF | FL_AC | FL_VM | FL_IOPL;

	check(is_kernel_cs(fault.cs), "%s: handler cs 0x%lx", k->name,
	      fault.cs);
	check(is_kernel_ss(fault.ss), "%s: handler ss 0x%lx", k->name,
	      fault.ss);
	check(!(fault.rflags & clear) && (fault.rflags & FL_IF),
	      "%s: handler rflags 0x%lx", k->name, fault.rflags);
	check(fault.mask == mask, "%s: handler upcall mask %u", k->name,
	      fault.mask);
}

/* `from` is the context as it was entered. */
static void compare(const struct kind *k, const struct regs *got,
		    const struct regs *from, u64 stack)
{
	bool has_code = k->vector == X86_GP || k->is_pf;
	struct regs want = *from;

	want.vector = k->vector;
	want.error = k->error | (k->is_pf && (from->cs & 3) == 3 ? PF_U : 0);
	want.rip = k->rip ? k->rip : from->rip + k->length;
	expect_entry(k->name, got, &want);
	check(fault.frame == (stack & ~15UL) - (has_code ? 64 : 56),
	      "%s: frame at 0x%lx for a stack of 0x%lx", k->name, fault.frame,
	      stack);
	if (k->is_pf)
		check(fault.cr2 == BAD_ADDRESS, "%s: cr2 0x%lx", k->name,
		      fault.cr2);
}

static void one_kernel(const struct kind *k, u64 rsp_offset, u64 flags)
{
	struct regs ctx = kernel_context(k->code);

	fill(&ctx);
	ctx.rsp -= rsp_offset;
	ctx.rflags |= flags | k->extra_flags;
	struct regs got = kernel_run(&ctx);
	compare(k, &got, &ctx, ctx.rsp);
	handler_state(k, !(ctx.rflags & FL_IF));
}

static void from_kernel(const struct kind *k)
{
	static const u64 flag_sets[] = {
		0, FL_IF, FL_DF, FL_NT, FL_CF | FL_ZF | FL_IF, FL_AC, FL_ID,
	};

	for (u64 off = 0; off < 32; off += off < 16 ? 1 : 8)
		one_kernel(k, off, 0);
	for (u32 i = 0; i < ARRAY_SIZE(flag_sets); i++)
		one_kernel(k, 0, flag_sets[i]);
}

static void one_user(const struct kind *k, u64 flags, u64 sp_offset)
{
	struct regs ctx = user_context(k->code);
	u64 kernel_sp = kernel_stack_top() - sp_offset;

	stack_switch(FLAT_KERNEL_SS, kernel_sp);
	fill(&ctx);
	ctx.rflags |= flags | k->extra_flags;
	struct regs got = user_run(&ctx);
	compare(k, &got, &ctx, kernel_sp);
	handler_state(k, 0);
}

static void from_user(const struct kind *k)
{
	for (u64 off = 0; off <= 16; off += 4)
		one_user(k, 0, off);
	one_user(k, FL_DF, 0);
	one_user(k, FL_NT | FL_AC, 0);
	one_user(k, FL_CF | FL_ZF | FL_ID, 0);
	stack_switch(FLAT_KERNEL_SS, kernel_stack_top());
}

/* A trap entry with flag 4 masks events; the frame has the old mask. */
static void masking_entry(void)
{
	struct regs ctx = kernel_context(code_ud2);

	trap_set(X86_UD, 4, trap_stub(X86_UD));
	fill(&ctx);
	ctx.rflags |= FL_IF;
	struct regs got = kernel_run(&ctx);
	compare(&kinds[0], &got, &ctx, ctx.rsp);
	handler_state(&kinds[0], 1);

	ctx = user_context(code_ud2);
	fill(&ctx);
	got = user_run(&ctx);
	compare(&kinds[0], &got, &ctx, kernel_stack_top());
	handler_state(&kinds[0], 1);
	trap_set(X86_UD, 0, trap_stub(X86_UD));
	events_mask();
}

/* A register read of a privileged kind is the user's own #GP. */
static void privileged_in_user(void)
{
	const struct kind k = {.name = "mov from cr0", .vector = X86_GP};
	struct regs ctx = user_context(code_cr0);

	fill(&ctx);
	struct regs got = user_run(&ctx);
	compare(&k, &got, &ctx, kernel_stack_top());
}

TEST("frames")
{
	user_init();
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		from_kernel(&kinds[i]);
		from_user(&kinds[i]);
		events_mask();
	}
	masking_entry();
	privileged_in_user();
}
