// SPDX-License-Identifier: MIT
//
// pte-write: writes to a live L1 by plain instructions.
//
// Linux changes most entries by hypercall, but clears and write-protects them
// with single instructions on the mapped table: `xchg`, `lock and`, `lock btr`,
// `mov`, `lock cmpxchg`. These fault, since the table is read-only, and the
// hypervisor carries them out after the usual checks.
//
// Provoked by each form of abi.md 4.4 on an entry of a linked L1: all operand
// sizes, RIP-relative, base plus index, high registers. Expected: memory,
// register and flag results exactly as on ordinary memory; RIP behind the
// instruction; no other register changed; the entry obeys the rules (U=1). Each
// form is also run on an ordinary page to get what the CPU itself says.

#include "guest.h"

#define ITS_OWN (0x7ff0000000000000UL | PTE_G)
#define FLAGS (FL_CF | FL_ZF | 0x8d4) /* and PF, AF, SF, OF */

/* In: rax, rcx, rdx; rdi = the entry, rsi = table, r9 = its index. */
#define FORM_CODE(name, text) USER_CODE(form_##name, text "; ud2")

FORM_CODE(mov64, "mov %rax, (%rdi)");
FORM_CODE(mov64_r15, "mov %rax, %r15; mov %r15, (%rdi)");
FORM_CODE(mov64_sib, "mov %rax, (%rsi,%r9,8)");
FORM_CODE(mov64_disp, "mov %rax, 0x40(%rdx)");
FORM_CODE(mov64_r12, "mov %rdi, %r12; mov %rax, (%r12)");
FORM_CODE(mov64_r13, "mov %rdi, %r13; mov %rax, (%r13)");
FORM_CODE(mov_imm, "movq $0x60, (%rdi)");
FORM_CODE(mov_imm_neg, "movq $-0x1000, (%rdi)");
FORM_CODE(mov32, "movl %eax, (%rdi)");
FORM_CODE(mov32_high, "movl %ecx, 4(%rdi)");
FORM_CODE(mov_imm32, "movl $0x0, (%rdi)");
FORM_CODE(mov16, "movw %cx, 6(%rdi)");
FORM_CODE(mov8, "movb %cl, (%rdi)");
FORM_CODE(mov8_ah, "movb %ah, 1(%rdi)");
FORM_CODE(mov8_sil, "push %rsi; mov %ecx, %esi; movb %sil, (%rdi); pop %rsi");
FORM_CODE(mov_imm8, "movb $0x25, (%rdi)");
FORM_CODE(xchg64, "xchg %rax, (%rdi)");
FORM_CODE(xchg64_r8, "xor %r8, %r8; xchg %r8, (%rdi)");
FORM_CODE(xchg32, "xchg %ecx, (%rdi)");
FORM_CODE(cmpxchg_hit, "mov (%rdi), %rax; lock cmpxchg %rcx, (%rdi)");
FORM_CODE(cmpxchg_miss, "lock cmpxchg %rcx, (%rdi)");
FORM_CODE(cmpxchg32, "mov (%rdi), %eax; lock cmpxchg %ecx, (%rdi)");
FORM_CODE(cmpxchg_plain, "mov (%rdi), %rax; cmpxchg %rcx, (%rdi)");
FORM_CODE(and8_lock, "lock andb $0xfd, (%rdi)");
FORM_CODE(and64_lock, "mov $-3, %r10; lock and %r10, (%rdi)");
FORM_CODE(and64_imm8, "lock andq $-3, (%rdi)");
FORM_CODE(and32_imm, "andl $0xfffffffd, (%rdi)");
FORM_CODE(and64_imm32, "andq $0xfffffffffffff7ff, (%rdi)");
FORM_CODE(or64, "mov $0x40, %ebx; lock or %rbx, (%rdi)");
FORM_CODE(or8_imm, "orb $0x20, (%rdi)");
FORM_CODE(or16_imm, "orw $0x200, (%rdi)");
FORM_CODE(xor64, "mov $0x200, %ebx; xor %rbx, (%rdi)");
FORM_CODE(xor8_imm, "lock xorb $0x2, (%rdi)");
FORM_CODE(btr_lock, "lock btrl $5, (%rdi)");
FORM_CODE(btr64_lock, "lock btrq $6, (%rdi)");
FORM_CODE(btr64_high, "lock btrq $63, (%rdi)");
FORM_CODE(bts, "btsq $10, (%rdi)");
FORM_CODE(bts_lock, "lock btsl $9, (%rdi)");
FORM_CODE(btc, "btcq $1, (%rdi)");
FORM_CODE(btr_reg, "mov $6, %ebx; lock btr %rbx, (%rdi)");

/* On which entries a form makes one that is legal. */
enum when { ANY, ABSENT, PRESENT };

#define F(n)                      \
	{                         \
#n, form_##n, ANY \
	}
#define F_ABSENT(n)                  \
	{                            \
#n, form_##n, ABSENT \
	}
#define F_PRESENT(n)                  \
	{                             \
#n, form_##n, PRESENT \
	}
static const struct form {
	const char *name, *code;
	enum when when;
} forms[] = {
	F(mov64),         F(mov64_r15),
	F(mov64_sib),     F(mov64_disp),
	F(mov64_r12),     F(mov64_r13),
	F(mov_imm),       F(mov_imm_neg),
	F(mov32),         F_ABSENT(mov32_high),
	F(mov_imm32),     F_ABSENT(mov16),
	F(mov8),          F_ABSENT(mov8_ah),
	F(mov8_sil),      F_PRESENT(mov_imm8),
	F(xchg64),        F(xchg64_r8),
	F(xchg32),        F(cmpxchg_hit),
	F(cmpxchg_miss),  F(cmpxchg32),
	F(cmpxchg_plain), F(and8_lock),
	F(and64_lock),    F(and64_imm8),
	F(and32_imm),     F(and64_imm32),
	F(or64),          F(or8_imm),
	F(or16_imm),      F(xor64),
	F(xor8_imm),      F(btr_lock),
	F(btr64_lock),    F(btr64_high),
	F(bts),           F(bts_lock),
	F(btc),           F(btr_reg),
};

/* The live L1 and a plain copy; entry 8 is the one that is written. */
static u64 *live, *plain, *data_a, *data_b;
#define SLOT 8

static struct regs context(const char *code, u64 *table, u64 old, u64 new)
{
	struct regs ctx = kernel_context(code);
	u64 *gpr = &ctx.r15;

	for (u64 i = 0; i < 15; i++)
		gpr[i] = 0x0303030303030303UL * (i + 1);
	ctx.rax = new;
	ctx.rcx = old & ~(PTE_D | PTE_A);
	ctx.rdi = (u64)&table[SLOT];
	ctx.rsi = (u64)table;
	ctx.r9 = SLOT;
	ctx.rdx = (u64)table;
	return ctx;
}

/* Pointers into the two tables differ; the rest must be the same. */
static void same_outcome(const struct form *f, struct regs *got,
			 struct regs *want)
{
	static const u8 pointers[] = {
		offsetof(struct regs, rdi) / 8, offsetof(struct regs, rsi) / 8,
		offsetof(struct regs, rdx) / 8, offsetof(struct regs, r12) / 8,
		offsetof(struct regs, r13) / 8,
	};

	check(got->vector == X86_UD, "%s: ended by %s error 0x%lx", f->name,
	      trap_name(got->vector), got->error);
	check(got->rip == want->rip, "%s: rip 0x%lx, want 0x%lx", f->name,
	      got->rip, want->rip);
	check((got->rflags & FLAGS) == (want->rflags & FLAGS),
	      "%s: flags 0x%lx, want 0x%lx", f->name, got->rflags & FLAGS,
	      want->rflags & FLAGS);
	for (u32 i = 0; i < ARRAY_SIZE(pointers); i++)
		(&got->r15)[pointers[i]] = (&want->r15)[pointers[i]] = 0;
	for (u32 i = 0; i < 15; i++)
		check((&got->r15)[i] == (&want->r15)[i],
		      "%s: register %u is 0x%lx, want 0x%lx", f->name, i,
		      (&got->r15)[i], (&want->r15)[i]);
}

static void one(const struct form *f, u64 old, u64 new)
{
	struct regs ctx, want, got;
	u64 entry;

	expect_rc("preset", mmu_update1(va_maddr(&live[SLOT]), old), 0);
	entry = live[SLOT];
	plain[SLOT] = entry;
	ctx = context(f->code, plain, entry, new);
	want = kernel_run(&ctx);
	ctx = context(f->code, live, entry, new);
	got = kernel_run(&ctx);
	same_outcome(f, &got, &want);
	u64 expected = plain[SLOT];
	if (expected & PTE_P)
		expected |= PTE_US;
	check(((live[SLOT] ^ expected) & ~ITS_OWN) == 0 || !(expected & PTE_P),
	      "%s: entry 0x%lx, want 0x%lx", f->name, live[SLOT], expected);
	check((expected & PTE_P) || live[SLOT] == expected,
	      "%s: entry 0x%lx, want 0x%lx", f->name, live[SLOT], expected);
	check(live[SLOT - 1] == 0 && live[SLOT + 1] == 0,
	      "%s: a neighbour changed", f->name);
}

/* The new mapping is used at once after the flush that the guest makes. */
static void mapping_is_live(void)
{
	volatile u64 *window = test_page(SLOT);
	u64 val;

	data_a[0] = 0xaaaa;
	data_b[0] = 0xbbbb;
	live[SLOT] = va_maddr(data_a) | PTE_PAGE;
	expect_eq("first page", *window, 0xaaaa);
	live[SLOT] = va_maddr(data_b) | PTE_PAGE;
	mmuext_addr(MMUEXT_INVLPG_LOCAL, window);
	expect_eq("second page", *window, 0xbbbb);
	u64 old = __atomic_exchange_n(&live[SLOT], 0, __ATOMIC_SEQ_CST);
	expect_eq("exchanged", old & PTE_ADDR, va_maddr(data_b));
	mmuext_addr(MMUEXT_INVLPG_LOCAL, window);
	check(!try_read(window, &val), "mapped after xchg with 0");
}

/* The L1 in the image itself, so that RIP-relative forms reach it. */
static u64 image_l1[512] __attribute__((aligned(4096)));

static void rip_relative(void)
{
	struct va_chain c;
	u64 old = 0x40;

	chain_build(&c, 0x0000030000000000UL);
	page_make_ro(image_l1);
	expect_rc(
		"link",
		mmu_update1(va_maddr(&c.l2[1]), va_maddr(image_l1) | PTE_TABLE),
		0);
	asm volatile("movq %0, image_slot(%%rip)"
		     :
		     : "r"(va_maddr(data_a) | PTE_PAGE)
		     : "memory");
	expect_eq("entry", image_l1[5] & PTE_ADDR, va_maddr(data_a));
	asm volatile("movl $0x80, image_slot(%%rip)" : : : "memory");
	expect_eq("lower half", (u32)image_l1[5], 0x80);
	asm volatile("movq $0x40, image_slot(%%rip)" : : : "memory");
	expect_eq("entry", image_l1[5], 0x40);
	asm volatile("xchg %0, image_slot(%%rip)" : "+r"(old) : : "memory");
	expect_eq("old entry", old, 0x40);
	asm volatile("lock btrl $6, image_slot(%%rip)" : : : "memory", "cc");
	expect_eq("entry", image_l1[5], 0);
}
asm(".set image_slot, image_l1 + 40");

TEST("pte-write")
{
	live = test_l1();
	plain = page_alloc();
	data_a = page_alloc();
	data_b = page_alloc();
	u64 rw = va_maddr(data_a) | PTE_PAGE, ro = va_maddr(data_b) | PTE_RO;

	for (u32 i = 0; i < ARRAY_SIZE(forms); i++) {
		if (forms[i].when != ABSENT) {
			one(&forms[i], rw, ro);
			one(&forms[i], rw, 0);
		}
		if (forms[i].when != PRESENT) {
			one(&forms[i], 0, rw);
			one(&forms[i], 0x000ffe0000000e60UL, 0x60);
		}
	}
	mapping_is_live();
	rip_relative();
}
