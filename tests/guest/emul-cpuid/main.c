// SPDX-License-Identifier: MIT
//
// emul-cpuid: the CPUID policy, by the forced-emulation prefix.
//
// A guest kernel that finds SMEP, PCID, PGE or PSE would use them, and they are
// not its to use. Without CPUID faulting the plain instruction shows the
// hardware, so PV kernels put `ud2; "xen"` before it and get the policy.
//
// Provoked by the prefix in kernel and in user mode. Expected (abi.md 3.3): the
// signature at 0x40000000, version 4.17 next to it, no hidden feature, the
// HYPERVISOR bit; RIP goes behind prefix and instruction; other registers and
// the upper halves: zero-extended; the prefix before anything but CPUID stays
// an undefined instruction at the prefix.

#include "guest.h"

#define PREFIX ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; "

struct leaf {
	u32 eax, ebx, ecx, edx;
};

static struct leaf cpuid(u32 index, u32 sub)
{
	struct leaf l = {.eax = index, .ecx = sub};

	TRY(PREFIX "cpuid",
	    : "+a"(l.eax), "=b"(l.ebx), "+c"(l.ecx), "=d"(l.edx));
	expect_no_fault("forced cpuid");
	return l;
}

/* The plain instruction just runs, whatever it shows. */
static void plain(void)
{
	u32 eax = 0, ebx, ecx = 0, edx;

	TRY("cpuid", : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	expect_no_fault("cpuid");
	check(eax >= 1, "max leaf %u", eax);
}

static void hypervisor_leaves(void)
{
	struct leaf l = cpuid(0x40000000, 0);

	check(l.eax >= 0x40000002 && l.eax < 0x40000100, "max leaf 0x%x",
	      l.eax);
	check(l.ebx == 0x566e6558 && l.ecx == 0x65584d4d && l.edx == 0x4d4d566e,
	      "signature 0x%x 0x%x 0x%x", l.ebx, l.ecx, l.edx);
	expect_eq("version leaf", cpuid(0x40000001, 0).eax, 4 << 16 | 17);
	l = cpuid(0x40000002, 0);
	expect_eq("hypercall pages", l.eax, 1);
	check(l.ebx >= 0x40000000 && l.ebx < 0x40010000,
	      "hypercall page MSR 0x%x", l.ebx);
}

struct hidden {
	const char *name;
	u32 leaf, word, bit; /* word: 0 ebx, 1 ecx, 2 edx */
};

static const struct hidden hidden[] = {
	{"VME", 1, 2, 1},
	{"PSE", 1, 2, 3},
	{"PGE", 1, 2, 13},
	{"PSE36", 1, 2, 17},
	{"VMX", 1, 1, 5},
	{"PCID", 1, 1, 17},
	{"X2APIC", 1, 1, 21},
	{"TSC_DEADLINE", 1, 1, 24},
	{"SMEP", 7, 0, 7},
	{"INVPCID", 7, 0, 10},
	{"SMAP", 7, 0, 20},
	{"UMIP", 7, 1, 2},
	{"PKU", 7, 1, 3},
	{"SVM", 0x80000001, 1, 2},
	{"1G pages", 0x80000001, 2, 26},
};

static u32 word(const struct hidden *h)
{
	struct leaf l = cpuid(h->leaf, 0);

	return h->word == 0 ? l.ebx : h->word == 1 ? l.ecx : l.edx;
}

/* FSGSBASE is hidden by Ringfort for speed; stock Xen shows it. */
static void features(void)
{
	const struct hidden fsgsbase = {"FSGSBASE", 7, 0, 0};
	struct leaf l = cpuid(1, 0);

	for (u32 i = 0; i < ARRAY_SIZE(hidden); i++)
		check(!(word(&hidden[i]) >> hidden[i].bit & 1), "%s shows",
		      hidden[i].name);
	if (!on_stock_xen())
		check(!(word(&fsgsbase) & 1), "FSGSBASE shows");
	check(l.ecx >> 31 & 1, "HYPERVISOR does not show");
	check(l.edx & 1, "no FPU");
	check(l.edx >> 6 & 1, "no PAE");
	check(cpuid(0x80000001, 0).edx >> 29 & 1, "no long mode");
	check(cpuid(0, 0).eax >= 1, "max leaf");
}

USER_CODE(code_cpuid, PREFIX "cpuid; ud2");
USER_CODE(code_not_cpuid, PREFIX "nop; ud2");

static void in_user_mode(void)
{
	struct regs ctx = user_context(code_cpuid), got;

	ctx.rax = 0xffffffff40000000UL;
	ctx.rbx = ctx.rcx = ctx.rdx = ~0UL;
	got = user_run(&ctx);
	expect_eq("vector", got.vector, X86_UD);
	expect_eq("rip", got.rip, ctx.rip + 7);
	expect_eq("rbx", got.rbx, 0x566e6558);
	expect_eq("rcx", got.rcx, 0x65584d4d);
	expect_eq("rdx", got.rdx, 0x4d4d566e);
	expect_eq("upper half of rax", got.rax >> 32, 0);
	ctx = user_context(code_not_cpuid);
	got = user_run(&ctx);
	expect_eq("prefix alone", got.vector, X86_UD);
	expect_eq("its rip", got.rip, ctx.rip);
}

TEST("emul-cpuid")
{
	user_init();
	plain();
	hypervisor_leaves();
	features();
	in_user_mode();
}
