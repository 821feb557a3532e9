// SPDX-License-Identifier: MIT
//
// segbase: FS and GS bases, and the two GS bases of kernel and user.
//
// A PV kernel has no SWAPGS: the hypervisor holds the base of the mode that is
// not running, and must exchange them on every way in and out of user mode. A
// wrong base gives the kernel another CPU's data, or the process the kernel's.
//
// Provoked by set_segment_base of each kind, read by both modes and by MSR.
// Expected (abi.md 4.6): the user sees GS_USER, the kernel GS_KERNEL, both see
// FS; non-canonical bases are refused (-EINVAL); GS_USER_SEL takes a selector
// for the user, a bad one loads as null; an unknown kind is refused.

#include "guest.h"

USER_CODE(code_gs, "mov %gs:0, %rax; mov %fs:0, %rbx; mov %gs, %ecx; ud2");

static u64 words[4] = {0xaaaa, 0xbbbb, 0xcccc, 0xdddd};

static u64 gs_word(void)
{
	u64 val;

	asm volatile("mov %%gs:0, %0" : "=r"(val));
	return val;
}

static u64 fs_word(void)
{
	u64 val;

	asm volatile("mov %%fs:0, %0" : "=r"(val));
	return val;
}

static void set(u32 which, u64 base)
{
	expect_rc("set_segment_base", set_segment_base(which, base), 0);
}

/* User data words, as user mode addresses them. */
static u64 user_word(u32 n, u64 val)
{
	((u64 *)user_data())[n] = val;
	return USER_DATA + n * 8;
}

static void both_modes(void)
{
	struct regs ctx = user_context(code_gs), got;

	set(SEGBASE_FS, user_word(0, 0x1111));
	set(SEGBASE_GS_USER, user_word(1, 0x2222));
	set(SEGBASE_GS_KERNEL, (u64)&words[2]);
	for (u32 i = 0; i < 20; i++) {
		expect_eq("kernel gs", gs_word(), 0xcccc);
		got = user_run(&ctx);
		expect_eq("vector", got.vector, X86_UD);
		expect_eq("user gs", got.rax, 0x2222);
		expect_eq("user fs", got.rbx, 0x1111);
	}
	set(SEGBASE_FS, (u64)&words[1]);
	expect_eq("kernel fs", fs_word(), 0xbbbb);
	expect_eq("kernel gs", gs_word(), 0xcccc);
}

static void by_msr(void)
{
	u32 lo, hi;

	set(SEGBASE_GS_USER, 0x123456789000);
	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0xc0000102));
	expect_eq("KERNEL_GS_BASE", (u64)hi << 32 | lo, 0x123456789000);
	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0xc0000101));
	expect_eq("GS_BASE", (u64)hi << 32 | lo, (u64)&words[2]);
	asm volatile("wrmsr"
		     :
		     : "a"((u32)USER_DATA + 16), "d"((u32)(USER_DATA >> 32)),
		       "c"(0xc0000102));
	user_word(2, 0x3333);
	struct regs ctx = user_context(code_gs);
	set(SEGBASE_FS, USER_DATA);
	expect_eq("user gs by MSR", user_run(&ctx).rax, 0x3333);
}

static void refused(void)
{
	const u64 bad = 0x8000000000000000UL;

	expect_rc("bad FS", set_segment_base(SEGBASE_FS, bad), -XEN_EINVAL);
	expect_rc("bad user GS", set_segment_base(SEGBASE_GS_USER, bad),
		  -XEN_EINVAL);
	expect_rc("bad kernel GS", set_segment_base(SEGBASE_GS_KERNEL, bad),
		  -XEN_EINVAL);
	expect_rc("kind 4", set_segment_base(4, 0), -XEN_EINVAL);
	expect_eq("kernel gs", gs_word(), 0xcccc);
}

/* The user's GS selector; a null one, and one that cannot be loaded. */
static void selectors(void)
{
	struct regs ctx = user_context(code_gs), got;

	set(SEGBASE_GS_USER_SEL, 0);
	set(SEGBASE_GS_USER, user_word(3, 0x4444));
	got = user_run(&ctx);
	expect_eq("user gs word", got.rax, 0x4444);
	expect_eq("user gs selector", got.rcx & 0xffff, 0);
	long rc = set_segment_base(SEGBASE_GS_USER_SEL, 0x1233);
	check(rc == 0 || rc == -XEN_EINVAL, "bad selector: %ld", rc);
	set(SEGBASE_GS_USER, user_word(3, 0x4444));
	got = user_run(&ctx);
	expect_eq("gs after a bad selector", got.rcx & ~3UL & 0xffff, 0);
	expect_eq("kernel gs", gs_word(), 0xcccc);
	set(SEGBASE_GS_USER_SEL, FLAT_USER_DS32);
	set(SEGBASE_GS_USER, user_word(3, 0x5555));
	got = user_run(&ctx);
	expect_eq("flat selector", got.rcx & 0xffff, FLAT_USER_DS32);
	expect_eq("its word", got.rax, 0x5555);
	expect_eq("kernel gs", gs_word(), 0xcccc);
}

TEST("segbase")
{
	user_init();
	both_modes();
	by_msr();
	refused();
	selectors();
}
