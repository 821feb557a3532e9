// SPDX-License-Identifier: MIT
//
// emul-io: port instructions of dom0's kernel.
//
// dom0 drives the devices, so most ports are its own; but the interrupt
// controllers, the timer and the console UART are the hypervisor's. A port that
// is not given reads as ones and drops writes. PCI configuration goes through a
// latch of the domain's own, since the hypervisor uses it too.
//
// Provoked by IN and OUT in each width and form, with the 0x66 prefix and as
// strings. Expected (abi.md 3.4): the RTC answers through 0x70/0x71; the PCI
// host bridge shows at 0xcf8/0xcfc with byte and word reads at offsets; PIC,
// PIT and console UART read ones; string forms move RDI, RSI and RCX, honour
// DF, and report a bad buffer as #PF at its address; only the accumulator's
// part of the width changes; the PM timer runs (not on stock Xen). From user
// mode all of it is a #GP until the kernel raises IOPL or gives a bitmap of
// ports.

#include "guest.h"

/* Linux asks for this first; stock Xen insists on it. */
static void raise_iopl(void)
{
	struct physdev_set_iopl iopl = {.iopl = 1};

	expect_rc("set_iopl", physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
}

static u8 inb(u16 port)
{
	u8 val = 0x5a;

	TRY("inb %w1, %b0", : "+a"(val) : "d"(port));
	expect_no_fault("inb");
	return val;
}

static u16 inw(u16 port)
{
	u16 val = 0x5a5a;

	TRY("inw %w1, %w0", : "+a"(val) : "d"(port));
	expect_no_fault("inw");
	return val;
}

static u32 inl(u16 port)
{
	u32 val = 0x5a5a5a5a;

	TRY("inl %w1, %k0", : "+a"(val) : "d"(port));
	expect_no_fault("inl");
	return val;
}

static void outb(u16 port, u8 val)
{
	TRY("outb %b0, %w1", : : "a"(val), "d"(port));
	expect_no_fault("outb");
}

static void outl(u16 port, u32 val)
{
	TRY("outl %k0, %w1", : : "a"(val), "d"(port));
	expect_no_fault("outl");
}

static void rtc(void)
{
	outb(0x70, 0x0d);
	check(inb(0x71) & 0x80, "RTC register D says no power");
	outb(0x70, 0x0b);
	check(inb(0x71) & 2, "RTC register B: no 24-hour mode");
}

#define BRIDGE 0x12378086 /* QEMU's i440FX */

static void pci(void)
{
	outl(0xcf8, 0x80000000);
	expect_eq("latch", inl(0xcf8), 0x80000000);
	expect_eq("bridge", inl(0xcfc), BRIDGE);
	expect_eq("device id", inw(0xcfe), BRIDGE >> 16);
	expect_eq("vendor high byte", inb(0xcfd), BRIDGE >> 8 & 0xff);
	outl(0xcf8, 0x8000f800);
	expect_eq("no such device", inl(0xcfc), 0xffffffff);
	outl(0xcf8, 0);
	expect_eq("latch off", inl(0xcfc), 0xffffffff);
}

/* The hypervisor's ports: PIC, PIT counters, console UART. */
static void not_ours(void)
{
	static const u16 ports[] = {
		0x20, 0x21, 0xa0, 0xa1, 0x40, 0x42, 0x3f8, 0x3fd,
	};

	for (u32 i = 0; i < ARRAY_SIZE(ports); i++) {
		if (ports[i] != 0x42)
			check(inb(ports[i]) == 0xff, "port 0x%x is readable",
			      ports[i]);
		outb(ports[i], 0xff);
	}
	outb(0x3f9, 0);
	say("emul-io: the console survives writes to its UART");
}

/* Upper parts of RAX: kept by the byte and word forms, cleared by dword. */
static void widths(void)
{
	u64 rax = 0x1122334455667788;

	TRY("inb $0x21, %%al", : "+a"(rax));
	expect_eq("in al, imm8", rax, 0x11223344556677ff);
	rax = 0x1122334455667788;
	TRY("inw %%dx, %%ax", : "+a"(rax) : "d"(0xa0));
	expect_eq("in ax, dx", rax & ~0xffffUL, 0x1122334455660000);
	rax = 0x1122334455667788;
	TRY("inl %%dx, %%eax", : "+a"(rax) : "d"(0xcf8));
	expect_eq("in eax, dx", rax >> 32, 0);
	TRY("outw %%ax, $0x80", : : "a"(0));
	expect_no_fault("out imm8, ax");
	TRY("outb %%al, $0x80", : : "a"(0));
	expect_no_fault("out imm8, al");
}

static void strings(void)
{
	static u8 buf[16];
	u64 rdi = (u64)buf, rcx = 4, rsi = (u64)buf;

	memset(buf, 0x33, sizeof(buf));
	TRY("rep insb", : "+D"(rdi), "+c"(rcx) : "d"(0x21) : "memory");
	expect_no_fault("rep insb");
	expect_eq("rcx", rcx, 0);
	expect_eq("rdi", rdi, (u64)buf + 4);
	check(buf[0] == 0xff && buf[3] == 0xff && buf[4] == 0x33,
	      "rep insb stored %x %x %x", buf[0], buf[3], buf[4]);
	rcx = 3;
	TRY("rep outsb", : "+S"(rsi), "+c"(rcx) : "d"(0x80));
	expect_no_fault("rep outsb");
	expect_eq("rsi", rsi, (u64)buf + 3);
	rdi = (u64)buf + 8;
	asm volatile("std" : : : "cc");
	TRY("insl", : "+D"(rdi) : "d"(0x20) : "memory");
	asm volatile("cld" : : : "cc");
	expect_no_fault("insl with DF");
	expect_eq("rdi with DF", rdi, (u64)buf + 4);
	expect_eq("insl", *(u32 *)(buf + 8), 0xffffffff);
	rcx = 0;
	rdi = 0x1000;
	TRY("rep insb", : "+D"(rdi), "+c"(rcx) : "d"(0x21) : "memory");
	expect_no_fault("rep insb of nothing");
}

static void string_faults(void)
{
	u64 rdi = 0x7000, rsi = 0x7000;

	TRY("insb", : "+D"(rdi) : "d"(0x21) : "memory");
	expect_page_fault("insb to nowhere", PF_W, (void *)0x7000);
	TRY("outsb", : "+S"(rsi) : "d"(0x80) : "memory");
	expect_page_fault("outsb from nowhere", 0, (void *)0x7000);
	rdi = start_info->pt_base;
	TRY("insb", : "+D"(rdi) : "d"(0x21) : "memory");
	check(fault.vector == X86_PF && (fault.error & ~PF_P) == PF_W &&
		      fault.cr2 == start_info->pt_base,
	      "insb to a page table: %s error 0x%lx", trap_name(fault.vector),
	      fault.error);
}

static void pm_timer(void)
{
	u32 first = inl(0x608);

	if (on_stock_xen())
		return;
	for (u32 i = 0; i < 1000; i++)
		if (inl(0x608) != first)
			return;
	check_failed("the PM timer stands at 0x%x", first);
}

USER_CODE(code_in, "inb $0x71, %al; ud2");
USER_CODE(code_out, "outb %al, $0x80; ud2");

static void user_ports(void)
{
	struct physdev_set_iopl iopl = {.iopl = 3};
	struct regs in = user_context(code_in), out = user_context(code_out);
	struct regs got = user_run(&in);

	expect_eq("in from user mode", got.vector, X86_GP);
	expect_eq("its error code", got.error, 0);
	expect_eq("its rip", got.rip, in.rip);
	expect_eq("out from user mode", user_run(&out).vector, X86_GP);
	expect_rc("set_iopl", physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
	got = user_run(&in);
	expect_eq("in with IOPL 3", got.vector, X86_UD);
	expect_eq("its rip", got.rip, in.rip + 2);
	expect_eq("no IOPL in the frame", got.rflags & FL_IOPL, 0);
	raise_iopl();
	expect_eq("in with IOPL 1", user_run(&in).vector, X86_GP);
	iopl.iopl = 4;
	expect_rc("IOPL 4", physdev_op(PHYSDEVOP_set_iopl, &iopl), -XEN_EINVAL);
}

/* A bit per port; clear means allowed. */
static void user_bitmap(void)
{
	static u8 bitmap[8192];
	struct physdev_set_iobitmap set = {.nr_ports = 65536};
	struct regs in = user_context(code_in), out = user_context(code_out);

	memset(bitmap, 0xff, sizeof(bitmap));
	bitmap[0x71 / 8] &= (u8) ~(1 << 0x71 % 8);
	set_xen_guest_handle_raw(set.bitmap, bitmap);
	expect_rc("set_iobitmap", physdev_op(PHYSDEVOP_set_iobitmap, &set), 0);
	expect_eq("in of a port in the bitmap", user_run(&in).vector, X86_UD);
	expect_eq("out of another", user_run(&out).vector, X86_GP);
	set.nr_ports = 0x71;
	expect_rc("shorter", physdev_op(PHYSDEVOP_set_iobitmap, &set), 0);
	expect_eq("in behind its end", user_run(&in).vector, X86_GP);
	set.nr_ports = 65537;
	expect_rc("too long", physdev_op(PHYSDEVOP_set_iobitmap, &set),
		  -XEN_EINVAL);
}

TEST("emul-io")
{
	user_init();
	raise_iopl();
	rtc();
	pci();
	not_ours();
	widths();
	strings();
	string_faults();
	pm_timer();
	user_ports();
	user_bitmap();
}
