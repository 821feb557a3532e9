// SPDX-License-Identifier: MIT
//
// emul-msr: RDMSR and WRMSR by the guest kernel.
//
// Linux reads a dozen MSRs at boot and writes the segment bases all the time;
// the very first instruction of its that traps is a WRMSR of GS_BASE. For the
// rest it uses accessors that live with a #GP.
//
// Provoked by the instructions. Expected (abi.md 3.2): FS_BASE, GS_BASE and
// KERNEL_GS_BASE are real and refuse non-canonical values; PAT is the one of
// abi.md 4.1; EFER shows long mode, and writing it back is fine; the TSC moves;
// constants read without fault; the hypercall page's MSR fills a page of ours;
// unknown MSRs give a #GP, or read 0 and drop writes; without a #GP handler a
// bad read gives 0 rather than a crash.

#include "guest.h"

#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_EFER 0xc0000080
#define EFER_LMA (1UL << 10)
#define XEN_PAT 0x050100070406UL

static bool rdmsr(u32 index, u64 *val)
{
	u32 lo = 0x11111111, hi = 0x22222222;

	TRY("rdmsr", : "+a"(lo), "+d"(hi) : "c"(index));
	*val = (u64)hi << 32 | lo;
	return fault.vector == TRAP_NONE;
}

static bool wrmsr(u32 index, u64 val)
{
	TRY("wrmsr",
	    :
	    : "a"((u32)val), "d"((u32)(val >> 32)), "c"(index)
	    : "memory");
	return fault.vector == TRAP_NONE;
}

static void segment_base(u32 index)
{
	u64 val, old;

	check(rdmsr(index, &old), "read of 0x%x", index);
	check(wrmsr(index, (u64)&shared_info), "write of 0x%x", index);
	check(rdmsr(index, &val) && val == (u64)&shared_info,
	      "0x%x reads 0x%lx", index, val);
	check(wrmsr(index, 0x00007fffffffffffUL), "write of 0x%x", index);
	check(!wrmsr(index, 0x0000800000000000UL),
	      "0x%x takes a non-canonical base", index);
	expect_fault("non-canonical base", X86_GP, 0);
	check(rdmsr(index, &val) && val == 0x00007fffffffffffUL,
	      "0x%x reads 0x%lx", index, val);
	wrmsr(index, old);
}

static void bases_are_used(void)
{
	static u64 words[2] = {0x1111, 0x2222};
	u64 val;

	wrmsr(MSR_FS_BASE, (u64)&words[0]);
	wrmsr(MSR_GS_BASE, (u64)&words[1]);
	asm volatile("mov %%fs:0, %0" : "=r"(val));
	expect_eq("fs:0", val, 0x1111);
	asm volatile("mov %%gs:0, %0" : "=r"(val));
	expect_eq("gs:0", val, 0x2222);
	hypercall_poke();
	asm volatile("mov %%gs:0, %0" : "=r"(val));
	expect_eq("gs:0 after a hypercall", val, 0x2222);
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, 0);
}

static void constants(void)
{
	static const u32 readable[] = {0x1b, 0x8b, 0x277, MSR_EFER, 0x10};
	u64 val, again;

	for (u32 i = 0; i < ARRAY_SIZE(readable); i++)
		check(rdmsr(readable[i], &val), "read of 0x%x faults",
		      readable[i]);
	rdmsr(0x277, &val);
	expect_eq("PAT", val, XEN_PAT);
	rdmsr(MSR_EFER, &val);
	check(val & EFER_LMA, "EFER 0x%lx", val);
	check(wrmsr(MSR_EFER, val), "writing EFER back faults");
	rdmsr(0x10, &val);
	rdmsr(0x10, &again);
	check(again > val, "the TSC stands at 0x%lx", val);
}

/* A #GP; or, as the ABI also allows, reads of 0 and lost writes. */
static void unknown(u32 index)
{
	u64 val;

	if (!rdmsr(index, &val))
		expect_fault("unknown MSR read", X86_GP, 0);
	else
		check(val == 0, "MSR 0x%x reads 0x%lx", index, val);
	if (!wrmsr(index, 0))
		expect_fault("unknown MSR write", X86_GP, 0);
}

static void guarded_msrs(void)
{
	u64 val;

	unknown(0x12345678);
	unknown(0xc0010015);
	unknown(0x606);
	check(!wrmsr(0xc0000082, 0x1234) ||
		      (rdmsr(0xc0000082, &val) && val != 0x1234),
	      "LSTAR was written");
	check(!wrmsr(0xc0000081, 0x1234) ||
		      (rdmsr(0xc0000081, &val) && val != 0x1234),
	      "STAR was written");
}

static void without_handler(void)
{
	u64 val = 1;

	set_trap_table(NULL);
	bool ok = rdmsr(0x12345678, &val);
	trap_init();
	check(ok && val == 0, "without a handler: 0x%lx", val);
}

/* The MSR that CPUID leaf 0x40000002 names fills a page with call stubs. */
static void hypercall_page(void)
{
	u32 eax = 0x40000002, ebx, ecx = 0, edx;
	u8 *page = page_alloc();
	long ret;

	asm volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; cpuid"
		     : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	check(wrmsr(ebx, va_maddr(page)), "write of MSR 0x%x faults", ebx);
	asm volatile("call *%1"
		     : "=a"(ret)
		     : "r"(page + __HYPERVISOR_xen_version * 32),
		       "D"(XENVER_version), "S"(0)
		     : "memory");
	expect_eq("call by the page", (u64)ret, 4 << 16 | 17);
	check(!wrmsr(ebx, foreign_mfn(3) << 12), "a foreign page was filled");
	check(!wrmsr(ebx, start_info->shared_info | 1),
	      "page number 1 was filled");
}

TEST("emul-msr")
{
	segment_base(MSR_FS_BASE);
	segment_base(MSR_GS_BASE);
	segment_base(MSR_KERNEL_GS_BASE);
	bases_are_used();
	constants();
	guarded_msrs();
	without_handler();
	hypercall_page();
}
