// SPDX-License-Identifier: MIT
//
// emul-misc: the other privileged instructions of a guest kernel.
//
// Provoked by CLI, STI, HLT, WBINVD, INVD, RDTSC, RDPMC, XSETBV, SGDT, SIDT,
// SLDT, STR, SMSW, VERW, LAR, LSL and by those that no PV kernel may use: LGDT,
// LIDT, LLDT, LTR, SWAPGS, SYSRET, MOV to a null SS. Expected (abi.md 3.2): CLI
// and STI do nothing at all, not even to the upcall mask; HLT blocks with
// events on until one comes, or is a #GP (so on stock Xen); WBINVD works for
// dom0; the store and verify instructions run (SGDT and its like natively or
// emulated); loading system tables is a #GP; nothing kills the domain.

#include "guest.h"

static void cli_sti(void)
{
	u64 flags;

	events_mask();
	TRY("sti", :);
	expect_no_fault("sti");
	expect_eq("mask after sti", vcpu_info->evtchn_upcall_mask, 1);
	events_unmask();
	TRY("cli", :);
	expect_no_fault("cli");
	expect_eq("mask after cli", vcpu_info->evtchn_upcall_mask, 0);
	asm volatile("pushfq; pop %0" : "=r"(flags));
	check(flags & FL_IF, "the real IF is off");
	events_mask();
	asm volatile("pushfq; push $0; popfq; pushfq; pop %0; popfq"
		     : "=r"(flags)
		     :
		     : "cc");
	check(flags & FL_IF, "popfq took IF away");
}

static void hlt(void)
{
	struct vcpu_set_singleshot_timer timer = {
		.timeout_abs_ns = 0,
	};
	u32 port = port_bind_virq(VIRQ_TIMER), upcalls = event_upcalls;

	events_mask();
	expect_rc("singleshot", vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer),
		  0);
	TRY("hlt", : : : "memory");
	if (fault.vector == TRAP_NONE) {
		check(event_upcalls > upcalls, "hlt ended without an event");
		expect_eq("mask after hlt", vcpu_info->evtchn_upcall_mask, 0);
	} else {
		expect_fault("hlt", X86_GP, 0);
	}
	events_mask();
	port_close(port);
}

static void caches_and_counters(void)
{
	u64 a = rdtsc(), b = rdtsc();

	check(b > a, "the TSC does not advance");
	TRY("wbinvd", : : : "memory");
	expect_no_fault("wbinvd");
	TRY("rdpmc", : : "c"(0) : "rax", "rdx");
	check(fault.vector == X86_GP || fault.vector == TRAP_NONE, "rdpmc: %s",
	      trap_name(fault.vector));
}

static void stores(void)
{
	static u8 buf[16];
	u64 val = 0;

	TRY("sgdt %0", : "=m"(buf));
	expect_no_fault("sgdt");
	TRY("sidt %0", : "=m"(buf));
	expect_no_fault("sidt");
	TRY("sldt %0", : "+r"(val));
	expect_no_fault("sldt");
	TRY("str %0", : "+r"(val));
	expect_no_fault("str");
	TRY("smsw %0", : "+r"(val));
	expect_no_fault("smsw");
	check(val & 1, "smsw 0x%lx", val);
}

static void verifications(void)
{
	u64 val = 0;
	u8 ok;

	asm volatile("verw %w1; setz %0"
		     : "=r"(ok)
		     : "r"(FLAT_KERNEL_SS)
		     : "cc");
	expect_eq("verw of SS", ok, 1);
	asm volatile("lar %2, %1; setz %0"
		     : "=r"(ok), "+r"(val)
		     : "r"((u64)FLAT_KERNEL_CS)
		     : "cc");
	expect_eq("lar of CS", ok, 1);
	check((val >> 13 & 3) == 3 && (val >> 15 & 1), "lar 0x%lx", val);
	asm volatile("lsl %2, %1; setz %0"
		     : "=r"(ok), "+r"(val)
		     : "r"((u64)FLAT_KERNEL_SS)
		     : "cc");
	expect_eq("lsl of SS", ok, 1);
	expect_eq("limit", val, 0xffffffff);
	asm volatile("verr %w1; setz %0" : "=r"(ok) : "r"(0x1234 | 3) : "cc");
	expect_eq("verr of nothing", ok, 0);
}

/*
 * Ring 1 may have a null SS. QEMU 7.2 takes the ring from SS then and makes it
 * ring 0: nothing to be tried there.
 */
static void null_ss(void)
{
	if (behind_open_gate() || behind_closed_gate())
		return;
	TRY("mov %w0, %%ss", : : "r"(0));
	expect_fault("null SS", X86_GP, 0);
}

static void refused(void)
{
	static const u8 table[10];

	TRY("lgdt %0", : : "m"(table));
	expect_fault("lgdt", X86_GP, 0);
	TRY("lidt %0", : : "m"(table));
	expect_fault("lidt", X86_GP, 0);
	TRY("lldt %w0", : : "r"(0));
	expect_fault("lldt", X86_GP, 0);
	TRY("ltr %w0", : : "r"(0));
	expect_fault("ltr", X86_GP, 0);
	TRY("swapgs", :);
	expect_fault("swapgs", X86_GP, 0);
	TRY("sysretq", : : : "memory");
	check(fault.vector == X86_GP || fault.vector == X86_UD, "sysret: %s",
	      trap_name(fault.vector));
	null_ss();
	TRY("mov %w0, %%ds", : : "r"(0x1233));
	expect_fault("bad DS", X86_GP, 0x1230);
	TRY("lmsw %w0", : : "r"(0));
	check(fault.vector == X86_GP || fault.vector == TRAP_NONE, "lmsw");
}

/* XCR0 is real where there is XSAVE. */
static void xsetbv(void)
{
	u32 a = 1, b, c = 0, d;
	u32 lo = 0, hi = 0;

	asm volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; cpuid"
		     : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (!(c >> 26 & 1))
		return;
	u64 cr4;
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	TRY("mov %0, %%cr4", : : "r"(cr4 | 1UL << 18));
	expect_no_fault("setting CR4.OSXSAVE");
	TRY("xgetbv", : "+a"(lo), "+d"(hi) : "c"(0));
	expect_no_fault("xgetbv");
	TRY("xsetbv", : : "a"(lo), "d"(hi), "c"(0));
	expect_no_fault("xsetbv of the same");
	TRY("xsetbv", : : "a"(lo & ~1U), "d"(hi), "c"(0));
	expect_fault("xsetbv without x87", X86_GP, 0);
	TRY("xsetbv", : : "a"(lo), "d"(hi), "c"(5));
	expect_fault("xsetbv of XCR5", X86_GP, 0);
}

/* Linux asks for this first; stock Xen insists on it. */
static void raise_iopl(void)
{
	struct physdev_set_iopl iopl = {.iopl = 1};

	expect_rc("set_iopl", physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
}

TEST("emul-misc")
{
	raise_iopl();
	cli_sti();
	hlt();
	caches_and_counters();
	stores();
	verifications();
	refused();
	xsetbv();
}
