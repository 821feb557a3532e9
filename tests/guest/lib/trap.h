// SPDX-License-Identifier: MIT
//
// Entries from the hypervisor into a test kernel, and expected faults.
//
// Every vector, the event, syscall, failsafe and NMI callbacks come to one
// place with all registers saved as `struct regs`. There, in this order: the
// test's own hook; for an entry from user mode the return to the caller of
// user_run(); the event handler; the exception table (TRY) and the guard
// (guarded_call). Anything else ends the test with `fail`.

#pragma once

#include "abi.h"

/* As pushed by trap.S; from `rip` on it is the hypervisor's own frame. */
struct regs {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
	u64 rax, rcx, rdx, rsi, rdi;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

/* Values of regs.vector for entries that are not exceptions. */
enum {
	TRAP_EVENT = 0x100,
	TRAP_FAILSAFE,
	TRAP_SYSCALL,
	TRAP_SYSCALL32,
	TRAP_SYSENTER,
	TRAP_NMI,
	TRAP_NONE = 0xffff,
};

/* What a handler runs on: the flat selectors of the mode the kernel is in. */
bool is_kernel_cs(u64 cs);
bool is_kernel_ss(u64 ss);

/* What the last expected fault looked like. */
struct fault {
	u64 vector; /* TRAP_NONE: there was none */
	u64 error, cr2;
	struct regs regs; /* the interrupted context as pushed */
	u64 frame; /* lowest address of the bounce frame */
	u64 rflags, cs, ss; /* live in the handler */
	u8 mask; /* evtchn_upcall_mask in the handler */
};

extern struct fault fault;

/* DS, ES, FS and GS of the last failsafe frame. */
extern u64 failsafe_selectors[4];

/* Live at the last entry, whatever it was. */
extern u64 entry_rflags, entry_cs, entry_ss;

/* Called first on every entry when set; true means handled: resume. */
extern bool (*trap_hook)(struct regs *regs);

void trap_init(void);
const char *trap_name(u64 vector);

/* Address of the stub for a vector, for tests that set their own table. */
u64 trap_stub(u32 vector);

/* Sets one entry; flags are the DPL and 4 for "mask events". */
long trap_set(u8 vector, u8 flags, u64 address);

/* Where the raw frame of this entry begins on the stack. */
u64 trap_frame(const struct regs *regs);

/* Fills `fault` from an entry that a hook wants to keep. */
void fault_record(const struct regs *regs);

/* Forgets the last fault, so that another may come. */
static inline void fault_expect(void)
{
	fault.vector = TRAP_NONE;
	asm volatile("" : : : "memory");
}

/* A fault at `at` goes on at `fix`; the fault is in `fault`. */
#define EX(at, fix)                       \
	".pushsection .ex_table, \"a\"\n" \
	".quad " #at ", " #fix "\n"       \
	".popsection\n"

/*
 * Run one instruction that may fault and go on behind it. The rest of the
 * macro's arguments are the asm operands, starting with a colon.
 */
#define TRY(insn, ...)                                                    \
	do {                                                              \
		fault_expect();                                           \
		asm volatile("1: " insn "\n2:\n" EX(1b, 2b) __VA_ARGS__); \
		asm volatile("" : : : "memory");                          \
	} while (0)

/* The same for a trap whose saved RIP is behind the instruction. */
#define TRY_TRAP(insn, ...)                                         \
	do {                                                        \
		fault_expect();                                     \
		asm volatile(insn "\n2:\n" EX(2b, 2b) __VA_ARGS__); \
		asm volatile("" : : : "memory");                    \
	} while (0)

/* Memory accesses that may fault; false if they did. */
bool try_read(const volatile void *va, u64 *val);
bool try_write(volatile void *va, u64 val);
bool try_write8(volatile void *va, u8 val);

/* Calls fn(arg); any fault inside ends it. False if there was one. */
bool guarded_call(void (*fn)(u64), u64 arg);

/* Check the last fault; a mismatch is a failure of the hypervisor. */
bool expect_fault(const char *what, u64 vector, u64 error);
bool expect_page_fault(const char *what, u64 error, const volatile void *cr2);
bool expect_no_fault(const char *what);
