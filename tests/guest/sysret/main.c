// SPDX-License-Identifier: MIT
//
// sysret: returns of system calls behind an open gate.
//
// Linux returns to its programs with the selectors of its own GDT and, from a
// system call, with RCX = RIP and R11 = RFLAGS. SYSRET does that at a fraction
// of IRET's price, but it loads flat segments whatever the GDT says, takes RIP
// and RFLAGS from those registers, and treats some flags oddly.
//
// Provoked by iret frames of that form, and of forms that differ in one thing.
// Expected: every register arrives as the frame has it, whichever instruction
// was used; the guest's descriptors count, also when they were changed a moment
// ago; a single step stops behind the first instruction; what cannot be loaded
// is the guest's own exception.

#include "guest.h"

#define DESC_SS 0x00cff3000000ffffUL
#define DESC_CODE64 0x00affb000000ffffUL
#define CS64 0x33
#define SS 0x2b

USER_CODE(code_ud2, "ud2");
USER_CODE(code_nop, "nop; ud2");
USER_CODE(code_selectors, "mov %cs, %eax; mov %ss, %ebx; ud2");

static u64 *gdt;

static void install(void)
{
	u64 mfn;

	gdt = page_alloc();
	mfn = va_mfn(gdt);
	gdt[SS / 8] = DESC_SS;
	gdt[CS64 / 8] = DESC_CODE64;
	page_make_ro(gdt);
	expect_rc("set_gdt", set_gdt(&mfn, 512), 0);
}

static void describe(u64 sel, u64 desc)
{
	expect_rc("update_descriptor",
		  update_descriptor(va_maddr(&gdt[sel / 8]), desc), 0);
}

static struct regs context(const char *label, u64 flags)
{
	struct regs r = user_context(label);
	u64 *gpr = &r.r15;

	for (u64 i = 0; i < 15; i++)
		gpr[i] = 0xb0b0b0b0b0b0b0b0UL + i * 0x0101;
	r.cs = CS64;
	r.ss = SS;
	r.rflags |= flags;
	r.rcx = r.rip;
	r.r11 = r.rflags;
	return r;
}

static void arrives(const char *what, const struct regs *r, u64 vector,
		    u64 error)
{
	struct regs want = *r, got = user_run(r);

	want.vector = vector;
	want.error = error;
	expect_entry(what, &got, &want);
}

static void plain(void)
{
	struct regs r = context(code_ud2, 0), got;

	for (u32 i = 0; i < 10; i++)
		arrives("plain", &r, X86_UD, 0);
	r = context(code_ud2, FL_DF | FL_CF | FL_AC | FL_ID);
	arrives("flags", &r, X86_UD, 0);
	r = context(code_ud2, FL_NT);
	arrives("NT", &r, X86_UD, 0);
	r = context(code_selectors, 0);
	got = user_run(&r);
	expect_eq("CS", got.rax, CS64);
	expect_eq("SS", got.rbx, SS);
}

static void registers_that_differ(void)
{
	struct regs r = context(code_ud2, 0);

	r.rcx = 0x1234;
	arrives("RCX", &r, X86_UD, 0);
	r = context(code_ud2, 0);
	r.r11 ^= FL_ZF;
	arrives("R11", &r, X86_UD, 0);
	r = context(code_ud2, 0);
	r.cs = USER_CS64;
	r.ss = USER_SS;
	arrives("selectors of the ABI", &r, X86_UD, 0);
}

static void single_step(void)
{
	struct regs r = context(code_nop, FL_TF), got = user_run(&r);

	expect_eq("vector", got.vector, X86_DB);
	expect_eq("behind the first instruction", got.rip, r.rip + 1);
}

static void descriptors_count(void)
{
	struct regs r = context(code_ud2, 0);

	describe(CS64, DESC_SS);
	arrives("code that is data", &r, X86_GP, CS64 & ~3);
	describe(CS64, DESC_CODE64);
	arrives("code again", &r, X86_UD, 0);
	describe(SS, DESC_CODE64);
	arrives("stack that is code", &r, X86_GP, SS & ~3);
	describe(SS, DESC_SS);
	arrives("stack again", &r, X86_UD, 0);
}

/* TCG's IRET does not look at RIP: the fault may come with the fetch. */
static void beyond_the_end(void)
{
	struct regs r = context(code_ud2, 0), got;

	r.rip = r.rcx = 0x0000800000000000UL;
	got = user_run(&r);
	check(got.vector == X86_GP || got.vector == X86_PF,
	      "bad RIP: vector %lu", got.vector);
	expect_eq("its rip", got.rip, r.rip);
	r = context(code_ud2, 0);
	arrives("afterwards", &r, X86_UD, 0);
}

TEST("sysret")
{
	user_init();
	install();
	plain();
	registers_that_differ();
	single_step();
	descriptors_count();
	beyond_the_end();
}
