// SPDX-License-Identifier: MIT
//
// emul-cr: control register moves by the guest kernel.
//
// The guest kernel runs without privilege, so each move to or from a control
// register traps. Linux still reads CR0 to CR4, sets and clears CR0.TS, and
// writes CR4 with bits that it believes to own.
//
// Provoked by the instructions themselves, with several registers. Expected
// (abi.md 3.2): CR0 reads as protected mode with paging; only TS may change,
// other changes are a #GP; CLTS clears it; CR2 reads as written; CR3 reads as
// the L4's MFN << 12, writing the same is fine, a bad frame is refused with a
// #GP and changes nothing; writes to CR4 are accepted with bits that are not
// the guest's ignored; CR1, CR5 and CR8 do not exist.

#include "guest.h"

#define CR0_PE 1UL
#define CR0_TS 8UL
#define CR0_PG (1UL << 31)
#define CR0_CD (1UL << 30)
#define CR4_PAE (1UL << 5)
#define CR4_VME (1UL << 0)
#define CR4_PGE (1UL << 7)
#define CR4_SMEP (1UL << 20)
#define CR4_SMAP (1UL << 21)

static u64 read_cr(const char *what, u64 (*read)(void))
{
	u64 val = read();

	expect_no_fault(what);
	return val;
}

#define READER(n)                                       \
	static u64 read_cr##n(void)                     \
	{                                               \
		u64 val = 0;                            \
		TRY("mov %%cr" #n ", %0", : "+r"(val)); \
		return val;                             \
	}
#define WRITER(n)                                                \
	static void write_cr##n(u64 val)                         \
	{                                                        \
		TRY("mov %0, %%cr" #n, : : "r"(val) : "memory"); \
	}
READER(0)
READER(2)
READER(3)
READER(4)
WRITER(0)
WRITER(2)
WRITER(3)
WRITER(4)
#undef READER
#undef WRITER

static void cr0(void)
{
	u64 val = read_cr("read of cr0", read_cr0);

	check((val & (CR0_PE | CR0_PG)) == (CR0_PE | CR0_PG), "cr0 0x%lx", val);
	write_cr0(val | CR0_TS);
	expect_no_fault("setting TS");
	expect_eq("cr0 with TS", read_cr0(), val | CR0_TS);
	TRY("clts", :);
	expect_no_fault("clts");
	expect_eq("cr0 after clts", read_cr0(), val & ~CR0_TS);
	write_cr0(val ^ CR0_CD);
	expect_fault("cr0.CD", X86_GP, 0);
	write_cr0(val & ~CR0_PG);
	expect_fault("cr0.PG", X86_GP, 0);
	write_cr0(val & ~CR0_PE);
	expect_fault("cr0.PE", X86_GP, 0);
	expect_eq("cr0 at the end", read_cr0(), val & ~CR0_TS);
}

static void cr2(void)
{
	write_cr2(0x123456789abcUL);
	expect_no_fault("write of cr2");
	expect_eq("cr2", read_cr("read of cr2", read_cr2), 0x123456789abcUL);
	u64 tmp;
	check(!try_read((void *)0x7123, &tmp), "0x7123 is mapped");
	expect_eq("cr2 after a fault", read_cr2(), 0x7123);
	expect_eq("vcpu_info's cr2", vcpu_info->arch.cr2, 0x7123);
}

static void cr3(void)
{
	u64 own = va_maddr((void *)start_info->pt_base);

	expect_eq("cr3", read_cr("read of cr3", read_cr3), own);
	write_cr3(own);
	expect_no_fault("write of cr3");
	write_cr3(va_maddr(page_alloc()));
	expect_fault("cr3 with a data page", X86_GP, 0);
	write_cr3(0xfffffffff000UL);
	expect_fault("cr3 with no frame", X86_GP, 0);
	expect_eq("cr3 at the end", read_cr3(), own);
}

static void cr4(void)
{
	u64 val = read_cr("read of cr4", read_cr4), hidden;

	check(val & CR4_PAE, "cr4 0x%lx", val);
	hidden = val & (CR4_VME | CR4_PGE);
	check(hidden == 0 || on_stock_xen(), "cr4 shows 0x%lx", hidden);
	write_cr4(val);
	expect_no_fault("same cr4");
	write_cr4(val | CR4_PGE);
	expect_no_fault("cr4 with PGE");
	write_cr4(0x660);
	expect_no_fault("cr4 = 0x660");
	check(read_cr4() & CR4_PAE, "PAE was cleared");
	write_cr4(val | CR4_SMEP | CR4_SMAP);
	check(fault.vector == TRAP_NONE || fault.vector == X86_GP,
	      "cr4 with SMEP");
	u64 tmp = 5;
	check(try_write(&tmp, 6) && tmp == 6, "memory after cr4 writes");
	write_cr4(val);
}

static void others(void)
{
	TRY("mov %%cr8, %%rax", : : : "rax");
	expect_fault("read of cr8", X86_GP, 0);
	TRY("mov %%rax, %%cr8", : : "a"(0UL));
	expect_fault("write of cr8", X86_GP, 0);
	/* CPUs say #UD; TCG looks at the privilege first. */
	TRY(".byte 0x0f, 0x20, 0xc8", : : : "rax"); /* cr1 */
	check(fault.vector == X86_UD || fault.vector == X86_GP, "cr1 read");
	TRY(".byte 0x0f, 0x22, 0xe8", : : "a"(0UL)); /* cr5 */
	check(fault.vector == X86_UD || fault.vector == X86_GP, "cr5 written");
}

#define CR3_BY(reg)                                  \
	({                                           \
		register u64 r_ asm(#reg) = 0;       \
		TRY("mov %%cr3, %0", : "+r"(r_));    \
		expect_eq("cr3 to " #reg, r_, want); \
	})

static void operands(void)
{
	u64 want = read_cr3();

	CR3_BY(rax);
	CR3_BY(rcx);
	CR3_BY(rdx);
	CR3_BY(rsi);
	CR3_BY(rdi);
	CR3_BY(r8);
	CR3_BY(r12);
	CR3_BY(r13);
	CR3_BY(r15);
}

TEST("emul-cr")
{
	cr0();
	cr2();
	cr3();
	cr4();
	others();
	operands();
}
