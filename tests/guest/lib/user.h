// SPDX-License-Identifier: MIT
//
// Running code in guest user mode. The user root has one L4 slot (2) of its
// own, which the kernel root has too: the pages of the .user section (code),
// a data page and a stack. Code for it is position independent assembly made
// with USER_CODE().

#pragma once

#include "trap.h"

#define USER_BASE 0x0000010000000000UL
#define USER_DATA (USER_BASE + 0x100000)
#define USER_STACK (USER_BASE + 0x110000)
#define USER_STACK_TOP (USER_STACK + PAGE_SIZE)

/* Selectors of user mode as the ABI has them in the GDT. */
#define USER_CS64 FLAT_USER_CS64
#define USER_CS32 FLAT_USER_CS32
#define USER_SS FLAT_USER_SS64

/* Defines `name` as a label of user-mode code. */
#define USER_CODE(name, text)                    \
	extern char name[];                      \
	asm(".pushsection .user, \"ax\"\n"       \
	    ".balign 16\n" #name ":\n" text "\n" \
	    ".popsection\n")

/* Builds the user address space and loads the user root. */
void user_init(void);

/* Where user mode sees a USER_CODE() label. */
u64 user_va(const char *label);

/* The kernel's own addresses for the user data and stack pages. */
void *user_data(void);
void *user_stack(void);
u64 *user_l1(void);
u64 *user_l4(void);

/* Top of the stack that entries from user mode use. */
u64 kernel_stack_top(void);

/* A user context at a label: 64-bit, stack set, IF on, all else 0. */
struct regs user_context(const char *label);

/* The same for kernel mode, on a stack of its own, with events masked. */
struct regs kernel_context(const char *label);
u64 context_stack_top(void);

/*
 * Runs a context until it enters the kernel by any way; gives its state as
 * pushed then, with regs.vector saying by which way; `fault` has the rest
 * (where the frame was, what the handler ran with). user_run_flags() sets
 * the flags word of the iret frame.
 */
struct regs user_run(const struct regs *context);

/* The same for a kernel context: its first entry of any kind ends it. */
struct regs kernel_run(const struct regs *context);
struct regs user_run_flags(const struct regs *context, u64 vgcf);

/*
 * Compares an entry with what was expected, all of struct regs; `want.cs` is
 * without the saved mask, which follows from want.rflags.IF. RF is left out:
 * processors set it in what a fault pushes, TCG does not.
 */
bool expect_entry(const char *what, const struct regs *got,
		  const struct regs *want);

/* Runs user code with RSI = va (and RDX = 0x80) to its first entry. */
struct regs user_access(const char *code, u64 va);

/*
 * Such an access faults, with va in CR2 and these bits of the error code beside
 * U; reading, writing and jumping to va all do; so do they at every slot of the
 * upper half, at this kernel's image and at the M2P.
 */
void expect_user_fault(const char *code, u64 va, u64 bits);
void expect_closed_to_users(u64 va);
void expect_upper_half_closed(void);

/* For trap_dispatch(): a kernel_run() is under way. */
bool kernel_running(void);

/* For trap_dispatch(): leaves the handler for the caller of user_run(). */
NORETURN void user_exit(const struct regs *regs);
