// SPDX-License-Identifier: MIT
//
// Every way from a guest into the hypervisor, and the ways back.
//
// who                 in ring     stack on arrival            leaves to
// SYSCALL, SYSCALL32  3, 1        the guest's (RSP unchanged) syscall_entry
// SYSENTER            3, 1        main stack (SYSENTER_ESP)   syscall_entry
// exceptions          3, 1 or 0   main (TSS.RSP0) or current  trap_entry
// interrupts          3, 1 or 0   main or current (idle)      irq_entry
// NMI #MC #DF #DB     3, 1 or 0   an IST stack of their own   nmi_entry
//
// Ring 1 is a guest kernel behind an open gate.
//
// All run on the root that the guest ran on, with IF clear. Each makes the same
// frame, struct regs:
//
// pushed by           from high to low
// hardware, or here   SS RSP RFLAGS CS RIP
// hardware, or here   error code (32 bits), and here the vector above it
// here                RDI RSI RDX RCX RAX R8-R11 RBX RBP R12-R15
//
// A guest's frame always ends at the top of the main stack. C handlers may
// change it; then guest_exit() decides what runs and the frame is restored. A
// frame from ring 0 is simply returned to. The frame's size is an odd number of
// words and its end is 16-byte aligned, hence the 8 bytes before each call.
//
// Back to the guest goes SYSRET, for frames that SYSCALL made, or else IRET; to
// ring 1 only IRET leads.
// SYSRET sets RCX and R11 to RIP and RFLAGS, which the ABI allows for system
// calls: they are saved in the frame bounced to a guest kernel.
//
// GS is the guest's throughout (gate.md S8): SWAPGS is vcpu_switch_mode()'s.
//
// Behind an open gate the commonest crossings do not get as far as C: fast.inc.

#include "asm-offsets.h"
#include "config.h"
#include "gate/fast.inc"
#include "gate/registers.inc"
#include "gate/stubs.inc"
#include "hw/asm.h"
#include "hw/extable.h"
#include "hw/x86.h"

// ------------------------------------------------------------ entry stubs
//
// This page is mapped once for each processor, always at the same distance from
// the processor's struct cpu and GDT: RIP-relative addresses find those of the
// processor that they run on. The rest of the text is out of reach of a direct
// jump from there.

	.section .gate.text, "ax", @progbits

#define DATA(field) (gate_text_start + PERCPU_DATA + field)(%rip)
#define GUEST_GDT(sel) (gate_text_start + PERCPU_GDT + (sel) - 3)(%rip)

// User code and data without bounds, accessed: so are guests' descriptors.
#define DESC_FLAT_CS64 0x00affb000000ffff
#define DESC_FLAT_SS 0x00cff3000000ffff

// In: RCX = return address, R11 = flags, RSP = the guest's. Until the second
// instruction is done, the stack is the guest's: NMI, #MC and #DB arrive on
// stacks of their own, and nothing here can fault.
.macro syscall_frame vector, cs
	mov	%rsp, DATA(CPU_GUEST_RSP)
	mov	DATA(CPU_STACK_TOP), %rsp
	push	$SEL_USER_SS
	push	DATA(CPU_GUEST_RSP)
	push	%r11
	push	$\cs
	push	%rcx
	push	$0
	movl	$\vector, 4(%rsp)
	save_scratch
.endm

.macro to_syscall_rest
	movabs	$syscall_rest, %rax
	jmp	*%rax
	int3
.endm

// Behind fast_iret. In: RSP = the frame for IRET; RCX and R11 are the user's.
// Goes to \else unless SYSRET leads to just that: the return of a system call,
// to the flat segments of gate.md D6, if the guest's own say the same. The
// other conditions are those of exit_to_guest. Takes RDX.
.macro if_sysret_does else
	cmp	%rcx, (%rsp)
	jne	\else
	cmp	%r11, 16(%rsp)
	jne	\else
	cmpq	$SEL_SYSRET_CS64, 8(%rsp)
	jne	\else
	cmpq	$SEL_SYSRET_SS, 32(%rsp)
	jne	\else
	test	$(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF), %r11d
	jnz	\else
	mov	%rcx, %rdx
	shr	$47, %rdx
	jnz	\else
	movabs	$DESC_FLAT_CS64, %rdx
	cmp	%rdx, GUEST_GDT(SEL_SYSRET_CS64)
	jne	\else
	movabs	$DESC_FLAT_SS, %rdx
	cmp	%rdx, GUEST_GDT(SEL_SYSRET_SS)
	jne	\else
.endm

FUNC(gate_syscall)
	syscall_frame VEC_SYSCALL, SEL_USER_CS64
	mov	DATA(CPU_CURR), %rdx
	cmpw	$FAST_KERNEL, VCPU_IN_KERNEL(%rdx)
	je	1f
	cmpw	$FAST_USER, VCPU_IN_KERNEL(%rdx)
	jne	3f
	fast_syscall 3f
5:	restore_scratch
	add	$8, %rsp
fast_syscall_iret:
	iretq
	int3
	EXTABLE(fast_syscall_iret, iret_fixup)

1:	cmp	$HYPERCALL_IRET, %rax
	jne	4f
	mov	FAST(REGS_RSP), %rax
	fast_iret 2f
	pop	%rcx
	pop	%rax
	if_sysret_does 6f
	mov	(5 * 8 + REGS_RDX - REGS_RAX)(%rsp), %rdx
	mov	(5 * 8 + REGS_RSI - REGS_RAX)(%rsp), %rsi
	mov	(5 * 8 + REGS_RDI - REGS_RAX)(%rsp), %rdi
	mov	24(%rsp), %rsp		// from here to the end: as on entry
	sysretq
	int3

6:	mov	(5 * 8 + REGS_RDX - REGS_RAX)(%rsp), %rdx
	mov	(5 * 8 + REGS_RSI - REGS_RAX)(%rsp), %rsi
	mov	(5 * 8 + REGS_RDI - REGS_RAX)(%rsp), %rdi
fast_iret_iret:
	iretq
	int3
	EXTABLE(fast_iret_iret, fast_iret_fixup)

2:	mov	DATA(CPU_STACK_TOP), %rsp
	sub	$FAST_DEPTH, %rsp
3:	to_syscall_rest

4:	fast_hypercall 3b
	jmp	5b
	int3
END(gate_syscall)

FUNC(gate_syscall32)
	syscall_frame VEC_SYSCALL32, SEL_USER_CS32
	to_syscall_rest
END(gate_syscall32)

FUNC(gate_sysenter)
	push_sysenter gate_sysenter_saved
	save_scratch
	to_syscall_rest
END(gate_sysenter)
.globl gate_sysenter_saved

// ------------------------------------------------------------ system calls

	.section .text.hot.entry, "ax", @progbits

	// Where closed.S joins.
	.globl	trap_common, irq_common, ist_common, exit_to_guest
	.hidden	trap_common, irq_common, ist_common, exit_to_guest

LOCAL_FUNC(syscall_rest)
	save_others
	mov	%rsp, %rdi
	sub	$8, %rsp
	xor	%ebp, %ebp		// back traces end here
	call	syscall_entry
	jmp	exit_to_guest
	int3
END(syscall_rest)

// -------------------------------------------------------------- exceptions

// What follows when the registers are saved. Handlers of frames from ring 0
// return to where they came from, without guest_exit().
.macro dispatch handler
	cld
	mov	%rsp, %rdi
	sub	$8, %rsp
	testb	$3, 8 + REGS_CS(%rsp)
	jz	1f
	xor	%ebp, %ebp
	call	\handler
	jmp	exit_to_guest
	int3
1:	call	\handler
	jmp	exit_to_hypervisor
	int3
.endm

// The vectors that use an IST have stubs further down; none is taken here.
	.balign	16
FUNC(gate_trap_stubs)
	trap_stubs trap_common, page_fault
END(gate_trap_stubs)

LOCAL_FUNC(trap_common)
	save_scratch
trap_rest:
	save_others
	dispatch trap_entry
END(trap_common)

LOCAL_FUNC(page_fault)
	save_scratch
	mov	FAST(REGS_CS), %eax
	not	%eax
	test	$3, %al			// ring 3
	jnz	trap_rest
	cmpb	$0, FAST_CPU(CPU_FLUSH_OWED)
	jne	page_fault_owed
page_fault_fast:
	mov	FAST_CPU(CPU_CURR), %rdx
	cmpw	$FAST_USER, VCPU_IN_KERNEL(%rdx)
	jne	trap_rest
	fast_page_fault trap_rest
	restore_scratch
	add	$8, %rsp
fast_page_fault_iret:
	iretq
	int3
	EXTABLE(fast_page_fault_iret, iret_fixup)
page_fault_owed:			// root_fault_again() looks at writes
	mov	FAST(REGS_ERROR), %eax
	not	%eax
	test	$(PFEC_P | PFEC_W), %al
	jz	trap_rest
	jmp	page_fault_fast
END(page_fault)

// The guest's memory faulted in a fast path: the common way, as if nothing had
// been tried. RAX is saved; RSP may have gone further down.
LOCAL_FUNC(fast_fault)
	mov	$-PERCPU_SIZE, %rax
	and	%rsp, %rax
	mov	(PERCPU_DATA + CPU_STACK_TOP)(%rax), %rsp
	sub	$FAST_DEPTH, %rsp
	cmpl	$VEC_PF, FAST(REGS_VECTOR)
	jne	syscall_rest
	mov	FAST_CPU(CPU_CURR), %rdx
	mov	VCPU_INFO(%rdx), %rdx
	mov	INFO_CR2(%rdx), %rax
	mov	%rax, %cr2
	jmp	trap_rest
	int3
END(fast_fault)

// The guest's GS selector did not load in fast_hypercall: C tries again, and
// tells it so.
LOCAL_FUNC(fast_gs_refused)
	swapgs
	jmp	syscall_rest
	int3
END(fast_gs_refused)

// -------------------------------------------------------------- interrupts

	.text

	.balign	8
FUNC(gate_irq_stubs)
	irq_stubs irq_common
END(gate_irq_stubs)

LOCAL_FUNC(irq_common)
	irq_vector
	save_registers
	dispatch irq_entry
END(irq_common)

// ------------------------------------------------- NMI, #MC, #DF and #DB
//
// They may come between any two instructions above, even before the stack is
// ours, so each has its own stack. From a guest, the frame moves to the main
// stack at once: that one is empty then, and the handler may do what any other
// may. From ring 0 the handler must not fault and not wait: an IRET would let
// the next NMI in, onto the same stack.

.macro ist_stub name, vector, error_code
FUNC(\name)
	push_vector \vector, \error_code
	jmp	ist_common
	int3
END(\name)
.endm

	ist_stub gate_nmi, VEC_NMI, 0
	ist_stub gate_machine_check, VEC_MC, 0
	ist_stub gate_double_fault, VEC_DF, 1
	ist_stub gate_debug, VEC_DB, 0

LOCAL_FUNC(ist_common)
	save_registers
	cld
	mov	%rsp, %rdi
	testb	$3, REGS_CS(%rsp)
	jz	1f

	mov	%rsp, %rsi
	mov	$-PERCPU_SIZE, %rdi	// the block this stack lies in
	and	%rsp, %rdi
	mov	(PERCPU_DATA + CPU_STACK_TOP)(%rdi), %rdi
	sub	$REGS_SIZE, %rdi
	mov	%rdi, %rsp
	mov	$(REGS_SIZE / 8), %ecx
	rep movsq
	mov	%rsp, %rdi
	sub	$8, %rsp
	xor	%ebp, %ebp
	call	nmi_entry
	jmp	exit_to_guest
	int3

1:	sub	$8, %rsp
	call	nmi_entry
	jmp	exit_to_hypervisor
	int3
END(ist_common)

// --------------------------------------------------------------- ways back

// In: RSP = 8 below a frame from ring 0.
LOCAL_FUNC(exit_to_hypervisor)
	add	$8, %rsp
	restore_registers
	add	$8, %rsp		// error code and vector
	iretq
	int3
END(exit_to_hypervisor)

	.section .text.hot.entry, "ax", @progbits

// In: RDI = where frames of guests lie, at the top of the main stack. What is
// there is given up for an empty frame. Does not return.
FUNC(gate_enter)
	lea	-8(%rdi), %rsp
	xor	%ebp, %ebp
	xor	%eax, %eax
	mov	$(REGS_SIZE / 8), %ecx
	rep stosq
	// falls through
END(gate_enter)

// In: RSP = 8 below the guest's frame, at the top of the main stack. SYSRET
// needs (gate.md S5): a frame made by SYSCALL on this processor, for AMD's
// cached attributes of SS; the selectors it loads; a canonical RIP, for Intel
// checks it in ring 0 already; none of the flags that it would treat oddly.
LOCAL_FUNC(exit_to_guest)
	lea	8(%rsp), %rdi
	call	guest_exit
	add	$8, %rsp

	cmpl	$VEC_SYSCALL, REGS_VECTOR(%rsp)
	jne	iret_to_guest
	mov	REGS_RIP(%rsp), %rcx
	mov	%rcx, %rax
	shl	$16, %rax
	sar	$16, %rax
	cmp	%rcx, %rax
	jne	iret_to_guest
	cmpq	$SEL_USER_CS64, REGS_CS(%rsp)
	jne	iret_to_guest
	cmpq	$SEL_USER_SS, REGS_SS(%rsp)
	jne	iret_to_guest
	testl	$(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF), REGS_RFLAGS(%rsp)
	jnz	iret_to_guest

	restore_registers
#define POPPED(field) (field - REGS_ERROR)(%rsp)
	mov	POPPED(REGS_RIP), %rcx
	mov	POPPED(REGS_RFLAGS), %r11
	mov	POPPED(REGS_RSP), %rsp	// from here to the end: as on entry
	sysretq
	int3
END(exit_to_guest)

// In: RSP = the guest's frame.
LOCAL_FUNC(iret_to_guest)
	restore_registers
	add	$8, %rsp
iret_insn:
	iretq
	int3
	EXTABLE(iret_insn, iret_fixup)
END(iret_to_guest)

	.text

// IRET refused the guest's selectors or addresses (S6). trap_entry() returned
// here with the guest's registers and RSP = the refused frame, which is still
// at the top of the main stack; the rest of the frame is made again, and the
// guest gets the exception with the refused frame as its context.
LOCAL_FUNC(iret_fixup)
	push	$0
	save_registers
	mov	%rsp, %rdi
	sub	$8, %rsp
	xor	%ebp, %ebp
	call	iret_fault
	jmp	exit_to_guest
	int3
END(iret_fixup)

// The same after fast_iret, whose frame lies further down: it moves up to where
// the frame of a guest ends.
LOCAL_FUNC(fast_iret_fixup)
	.set	word, 4
	.rept	5
	push	(word * 8)(%rsp)
	pop	(word * 8 + FAST_DEPTH)(%rsp)
	.set	word, word - 1
	.endr
	add	$FAST_DEPTH, %rsp
	jmp	iret_fixup
	int3
END(fast_iret_fixup)
