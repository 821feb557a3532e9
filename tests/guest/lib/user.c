// SPDX-License-Identifier: MIT
//
// User mode; see user.h. An entry from user mode abandons its kernel stack:
// user_exit() copies the registers out and goes on where user_run() was
// called, so a test reads like straight code.

#include "guest.h"

void user_enter(const struct regs *regs, u64 vgcf);
NORETURN void user_resume(void);

static u8 kernel_stack[2 * PAGE_SIZE] __attribute__((aligned(4096)));
static struct va_chain chain;
static u64 *root;
static void *data, *stack;
static struct regs exit_regs;
static enum { IDLE, RUN_USER, RUN_KERNEL } running;
static u8 context_stack[2 * PAGE_SIZE] __attribute__((aligned(4096)));

static void map(u64 va, const void *page, u64 flags)
{
	long rc = mmu_update1(va_maddr(&chain.l1[va >> 12 & 511]),
			      va_mfn(page) << 12 | flags);

	require(rc == 0, "user mapping of 0x%lx: error %ld", va, rc);
}

static void map_pages(void)
{
	u64 va = USER_BASE;

	for (char *p = user_text_start; p < user_text_end; p += PAGE_SIZE) {
		map(va, p, PTE_PAGE);
		va += PAGE_SIZE;
	}
	data = page_alloc();
	stack = page_alloc();
	map(USER_DATA, data, PTE_PAGE);
	map(USER_STACK, stack, PTE_PAGE);
}

void user_init(void)
{
	u64 slot = USER_BASE >> 39;
	long rc;

	chain_build(&chain, USER_BASE);
	map_pages();
	root = page_alloc();
	root[slot] = va_maddr(chain.l3) | PTE_TABLE;
	page_make_ro(root);
	rc = pin(4, root);
	require(rc == 0, "pinning the user root: error %ld", rc);
	rc = mmuext1(MMUEXT_NEW_USER_BASEPTR, va_mfn(root));
	require(rc == 0, "NEW_USER_BASEPTR: error %ld", rc);
	rc = stack_switch(FLAT_KERNEL_SS, kernel_stack_top());
	require(rc == 0, "stack_switch: error %ld", rc);
}

u64 kernel_stack_top(void)
{
	return (u64)kernel_stack + sizeof(kernel_stack);
}

u64 user_va(const char *label)
{
	return USER_BASE + (u64)(label - user_text_start);
}

void *user_data(void)
{
	return data;
}

void *user_stack(void)
{
	return stack;
}

u64 *user_l1(void)
{
	return chain.l1;
}

u64 *user_l4(void)
{
	return root;
}

struct regs user_context(const char *label)
{
	return (struct regs){
		.rip = user_va(label),
		.cs = USER_CS64,
		.rflags = FL_IF | FL_ONE,
		.rsp = USER_STACK_TOP,
		.ss = USER_SS,
	};
}

struct regs kernel_context(const char *label)
{
	return (struct regs){
		.rip = (u64)label,
		.cs = FLAT_KERNEL_CS & ~3UL,
		.rflags = FL_ONE,
		.rsp = context_stack_top(),
		.ss = FLAT_KERNEL_SS,
	};
}

u64 context_stack_top(void)
{
	return (u64)context_stack + sizeof(context_stack);
}

struct regs user_run_flags(const struct regs *context, u64 vgcf)
{
	running = RUN_USER;
	user_enter(context, vgcf);
	running = IDLE;
	return exit_regs;
}

struct regs kernel_run(const struct regs *context)
{
	running = RUN_KERNEL;
	user_enter(context, 0);
	running = IDLE;
	return exit_regs;
}

static bool same(const char *what, const char *field, u64 got, u64 want)
{
	return check(got == want, "%s: %s is 0x%lx, want 0x%lx", what, field,
		     got, want);
}

bool expect_entry(const char *what, const struct regs *got,
		  const struct regs *want)
{
	static const char names[][4] = {
		"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10",
		"r9",  "r8",  "rax", "rcx", "rdx", "rsi", "rdi",
	};
	u64 mask = !(want->rflags & FL_IF);
	bool ok = true;

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		ok &= same(what, names[i], (&got->r15)[i], (&want->r15)[i]);
	ok &= same(what, "vector", got->vector, want->vector);
	ok &= same(what, "error code", got->error, want->error);
	ok &= same(what, "rip", got->rip, want->rip);
	ok &= same(what, "cs", got->cs, want->cs | mask << 32);
	ok &= same(what, "rflags", got->rflags & ~FL_RF, want->rflags);
	ok &= same(what, "rsp", got->rsp, want->rsp);
	ok &= same(what, "ss", got->ss, want->ss);
	return ok;
}

bool kernel_running(void)
{
	return running == RUN_KERNEL;
}

struct regs user_run(const struct regs *context)
{
	return user_run_flags(context, 0);
}

USER_CODE(lib_read, "movb (%rsi), %al; ud2");
USER_CODE(lib_write, "movb %al, (%rsi); ud2");
USER_CODE(lib_jump, "jmp *%rsi");

struct regs user_access(const char *code, u64 va)
{
	struct regs ctx = user_context(code);

	ctx.rsi = va;
	ctx.rdx = 0x80;
	return user_run(&ctx);
}

void expect_user_fault(const char *code, u64 va, u64 bits)
{
	struct regs got = user_access(code, va);

	check(got.vector == X86_PF && (got.error & ~PF_P) == (PF_U | bits) &&
		      fault.cr2 == va,
	      "0x%lx: %s error 0x%lx cr2 0x%lx", va, trap_name(got.vector),
	      got.error, fault.cr2);
}

void expect_closed_to_users(u64 va)
{
	expect_user_fault(lib_read, va, 0);
	expect_user_fault(lib_write, va, PF_W);
	expect_user_fault(lib_jump, va, PF_I);
}

void expect_upper_half_closed(void)
{
	for (u64 slot = 256; slot < 512; slot++)
		expect_closed_to_users(0xffff000000000000UL | slot << 39);
	expect_closed_to_users((u64)virt_base);
	expect_closed_to_users((u64)m2p());
}

void user_exit(const struct regs *regs)
{
	require(running != IDLE, "%s from user mode that nobody started",
		trap_name(regs->vector));
	exit_regs = *regs;
	fault_record(regs);
	if (regs->vector == TRAP_EVENT)
		event_handle();
	user_resume();
}
