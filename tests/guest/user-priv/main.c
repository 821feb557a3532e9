// SPDX-License-Identifier: MIT
//
// user-priv: what the kernel may, a guest process may not.
//
// Guest kernel and guest user run at the same hardware privilege in the classic
// design, so it is the hypervisor that must tell them apart when it emulates: a
// process that could read CR3, write an MSR or make hypercalls would own its
// kernel.
//
// Provoked by a context in user mode for each instruction of emul-*. Expected:
// #GP(0) at the instruction, or #UD where the CPU says so; SYSCALL with any
// hypercall number in RAX is a system call of the process, bounced to the guest
// kernel; kernel memory (the hypervisor's and, as the user root does not map
// it, the guest kernel's) is not readable.

#include "guest.h"

USER_CODE(u_cr0, "mov %cr0, %rax");
USER_CODE(u_cr3, "mov %rax, %cr3");
USER_CODE(u_cr4, "mov %cr4, %rax");
USER_CODE(u_clts, "clts");
USER_CODE(u_rdmsr, "rdmsr");
USER_CODE(u_wrmsr, "wrmsr");
USER_CODE(u_cli, "cli");
USER_CODE(u_sti, "sti");
USER_CODE(u_hlt, "hlt");
USER_CODE(u_wbinvd, "wbinvd");
USER_CODE(u_invd, "invd");
USER_CODE(u_invlpg, "invlpg (%rsi)");
USER_CODE(u_dr7, "mov %dr7, %rax");
USER_CODE(u_setdr0, "mov %rax, %dr0");
USER_CODE(u_lgdt, "lgdt (%rsp)");
USER_CODE(u_lidt, "lidt (%rsp)");
USER_CODE(u_ltr, "ltr %ax");
USER_CODE(u_lldt, "lldt %ax");
USER_CODE(u_swapgs, "swapgs");
USER_CODE(u_outs, "outsb");
USER_CODE(u_ins, "insb");

static const struct {
	const char *name, *code;
} table[] = {
	{"mov from cr0", u_cr0}, {"mov to cr3", u_cr3},
	{"mov from cr4", u_cr4}, {"clts", u_clts},
	{"rdmsr", u_rdmsr},      {"wrmsr", u_wrmsr},
	{"cli", u_cli},          {"sti", u_sti},
	{"hlt", u_hlt},          {"wbinvd", u_wbinvd},
	{"invd", u_invd},        {"invlpg", u_invlpg},
	{"mov from dr7", u_dr7}, {"mov to dr0", u_setdr0},
	{"lgdt", u_lgdt},        {"lidt", u_lidt},
	{"ltr", u_ltr},          {"lldt", u_lldt},
	{"swapgs", u_swapgs},    {"outsb", u_outs},
	{"insb", u_ins},
};

static void instructions(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(table); i++) {
		struct regs ctx = user_context(table[i].code), want, got;
		ctx.rcx = 0xc0000101;
		ctx.rdx = 0x80;
		ctx.rsi = ctx.rdi = USER_DATA;
		ctx.rsp -= 64;
		want = ctx;
		want.vector = X86_GP;
		got = user_run(&ctx);
		expect_entry(table[i].name, &got, &want);
	}
}

USER_CODE(u_syscall, "syscall");

static void no_hypercalls(void)
{
	for (u64 nr = 0; nr < 64; nr++) {
		struct regs ctx = user_context(u_syscall), got;
		ctx.rax = nr;
		ctx.rdi = ctx.rsi = USER_DATA;
		got = user_run(&ctx);
		check(got.vector == TRAP_SYSCALL && got.rax == nr,
		      "syscall %lu: %s, rax 0x%lx", nr, trap_name(got.vector),
		      got.rax);
	}
}

USER_CODE(u_read, "movb (%rsi), %al; ud2");
USER_CODE(u_write, "movb %al, (%rsi); ud2");
USER_CODE(u_jump, "jmp *%rsi");

/* Present or not is the hypervisor's business; the process just faults. */
static void address(u64 va)
{
	static const struct {
		const char *code;
		u64 bits;
	} kinds[] = {{u_read, 0}, {u_write, PF_W}, {u_jump, PF_I}};

	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct regs ctx = user_context(kinds[i].code), got;
		ctx.rsi = va;
		got = user_run(&ctx);
		check(got.vector == X86_PF &&
			      (got.error & ~PF_P) == (PF_U | kinds[i].bits) &&
			      fault.cr2 == va,
		      "0x%lx: %s error 0x%lx cr2 0x%lx", va,
		      trap_name(got.vector), got.error, fault.cr2);
	}
}

static void memory(void)
{
	address(0xffff808000000000UL);
	address(0xffff82d040200000UL);
	address(0xffff830000000000UL);
	address(0xffff87fffffff000UL);
	address((u64)&shared_info);
	address((u64)virt_base);
	address(0xffffffffff5ff000UL);
	address(0x1000);
}

TEST("user-priv")
{
	user_init();
	instructions();
	no_hypercalls();
	memory();
}
