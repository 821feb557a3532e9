// SPDX-License-Identifier: MIT
//
// debugreg: breakpoints of the guest.
//
// Debug registers are the guest's to use for its own addresses. One on a
// hypervisor address, or with general detect on, would hand control over inside
// the hypervisor.
//
// Provoked by set_debugreg and get_debugreg with each register, and by the MOV
// instructions; then a code and a data breakpoint. Expected (abi.md 4.6,
// gate.md S10): addresses in the hypervisor's slots are refused (-EPERM), DR8
// and up do not exist, DR7 with general detect is refused; values read back;
// DR6 starts as 0xffff0ff0 and DR7 as 0x400; a breakpoint gives a #DB with its
// bit in DR6; MOV forms agree with the calls.

#include "guest.h"

static u64 mov_from_dr7(void)
{
	u64 val = 0;

	TRY("mov %%dr7, %0", : "+r"(val));
	expect_no_fault("mov from dr7");
	return val;
}

static void initial(void)
{
	expect_eq("dr6", (u64)get_debugreg(6), 0xffff0ff0);
	expect_eq("dr7", (u64)get_debugreg(7), 0x400);
	expect_eq("dr7 by mov", mov_from_dr7(), 0x400);
	for (u32 i = 0; i < 4; i++)
		expect_eq("address", (u64)get_debugreg(i), 0);
}

static void refused(void)
{
	static const u64 bad[] = {
		0xffff800000000000UL,
		0xffff82d040200000UL,
		0xffff830000000000UL,
		0xffff87fffffffff8UL,
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		for (u32 reg = 0; reg < 4; reg++)
			expect_rc("hypervisor address",
				  set_debugreg(reg, bad[i]), -XEN_EPERM);
		TRY("mov %0, %%dr0", : : "r"(bad[i]));
		expect_fault("mov of one to dr0", X86_GP, 0);
	}
	check(set_debugreg(8, 0) < 0, "dr8 was set");
	check(set_debugreg(0xffffffff, 0) < 0, "dr -1 was set");
	check(set_debugreg(7, 0x2400) < 0, "general detect was set");
	check(!(get_debugreg(7) & 0x2000), "dr7 has general detect");
	expect_eq("dr0", (u64)get_debugreg(0), 0);
}

static void read_back(void)
{
	u64 val = 0;

	for (u32 i = 0; i < 4; i++) {
		expect_rc("set", set_debugreg(i, (u64)virt_base + i * 16), 0);
		expect_eq("get", (u64)get_debugreg(i), (u64)virt_base + i * 16);
	}
	TRY("mov %%dr2, %0", : "+r"(val));
	expect_eq("dr2 by mov", val, (u64)virt_base + 32);
	TRY("mov %0, %%dr1", : : "r"(0x4000UL));
	expect_no_fault("mov to dr1");
	expect_eq("dr1", (u64)get_debugreg(1), 0x4000);
	for (u32 i = 0; i < 4; i++)
		set_debugreg(i, 0);
}

static volatile u32 hits;
static volatile u64 hit_rip, hit_dr6;

/* RF lets the instruction run that a code breakpoint stopped. */
static bool on_debug(struct regs *regs)
{
	if (regs->vector != X86_DB)
		return false;
	hits++;
	hit_rip = regs->rip;
	hit_dr6 = (u64)get_debugreg(6);
	set_debugreg(6, 0xffff0ff0);
	set_debugreg(7, 0x400);
	return true;
}

static volatile u64 watched;
extern char bp_here[];

static void breakpoints(void)
{
	trap_hook = on_debug;
	set_debugreg(0, (u64)bp_here);
	expect_rc("code breakpoint", set_debugreg(7, 0x402), 0);
	asm volatile(".globl bp_here; bp_here: nop");
	expect_eq("code hits", hits, 1);
	expect_eq("its rip", hit_rip, (u64)bp_here);
	expect_eq("its dr6", hit_dr6 & 0xf, 1);

	set_debugreg(3, (u64)&watched);
	expect_rc("data breakpoint", set_debugreg(7, 0xd0000400 | 0x80), 0);
	watched = 1;
	expect_eq("data hits", hits, 2);
	expect_eq("its dr6", hit_dr6 & 0xf, 8);
	trap_hook = NULL;
}

TEST("debugreg")
{
	initial();
	refused();
	read_back();
	breakpoints();
}
