// SPDX-License-Identifier: MIT
//
// The closed gate: what is mapped while a guest runs behind it. Its kernel is
// in ring 1 and its programs in ring 3, both on this processor's mirror of
// their root, which shows of the hypervisor these two pages of text and the
// data pages of gate/closed.h. Between a program and its kernel nothing else is
// needed:
//
// who                         done here
// SYSCALL of a program        frame on its kernel's stack, to its handler
// page fault of a program     likewise
// iret hypercall              its frame checked and loaded
// hypercalls of a task switch calls.inc
//
// Everything else, and what does not look usual, goes on in C: load the full
// root, make struct regs on the main stack, gate_entered(); C comes back by
// closed_leave. Rules (gate.md S1 to S10):
//
// - Interrupts are off, so nobody but this processor writes to the data pages,
//   and no guest does while these instructions run.
// - Guests' memory is touched only between the labels touch_*; the address has
//   been found to be outside the hypervisor's slots; any fault there undoes the
//   attempt and goes to C. Nothing is committed before the last such access.
// - A word of the guest's is read once, to the stack or a register.
// - RSP, CR3 and jump targets come from instructions or the read-only page.
//
// The page is mapped once for each processor with its data behind it, so that
// RIP-relative addresses find the processor. `jmp *` is for the image's text.

#include "asm-offsets.h"
#include "config.h"
#include "gate/registers.inc"
#include "gate/stubs.inc"
#include "hw/asm.h"
#include "hw/x86.h"

#define DATA(at) (closed_text_start + (at)-PERCPU_CLOSED_TEXT)(%rip)
#define RO(field) DATA(PERCPU_CLOSED_RO + field)
#define RW(field) DATA(PERCPU_CLOSED_RW + field)
#define STACK_END(n) DATA(PERCPU_CLOSED_RW + 4096 - (n)*GATE_STACK_BYTES)

#define CALL_KERNEL_SS	RW(GATE_RW_KERNEL_SS)
#define CALL_KERNEL_SP	RW(GATE_RW_KERNEL_SP)
#define CALL_STACK_SWITCHES RW(GATE_RW_STACK_SWITCHES)
#define CALL_SEGMENT_BASES RW(GATE_RW_SEGMENT_BASES)
#include "gate/calls.inc"

// Words of a hardware frame above error code and vector.
#define F_ERROR 0
#define F_RIP 8
#define F_CS 16
#define F_RFLAGS 24
#define F_RSP 32
#define F_SS 40

// Frames on the kernel's stack, abi.md 3.1.
#define SYSCALL_FRAME (7*8)
#define FAULT_FRAME (8*8)

// RAX = where a frame of \bytes lies on the kernel's stack. The guest may write
// to the word that says where that is, so it is found here whether that is
// above the hypervisor's slots. Takes RDX.
.macro kernel_frame bytes, else
	mov	RW(GATE_RW_KERNEL_SP), %rax
	and	$~15, %rax
	sub	$\bytes, %rax
	movabs	$HV_END, %rdx
	cmp	%rdx, %rax
	jb	\else
.endm

	.section .closed.text, "ax", @progbits

// ------------------------------------------------------------------- to C

// In: RSP = error code and vector with a hardware frame of the guest above, all
// other registers the guest's.
LOCAL_FUNC(to_c)
	mov	%rax, RW(GATE_RW_RAX)
	mov	%cr3, %rax
	cmp	RO(GATE_RO_FULL_CR3), %rax
	je	1f			// a kernel that was let stay there
	mov	RO(GATE_RO_FULL_CR3), %rax
	mov	%rax, %cr3
1:	mov	%rsp, %rax
	mov	RO(GATE_RO_STACK_TOP), %rsp
	push	F_SS(%rax)
	push	F_RSP(%rax)
	push	F_RFLAGS(%rax)
	push	F_CS(%rax)
	push	F_RIP(%rax)
	push	F_ERROR(%rax)
	mov	RW(GATE_RW_RAX), %rax
	save_registers
	cld
	jmp	*RO(GATE_RO_ENTER)
	int3
END(to_c)

// From C, on the full root. In: RDI = the guest's frame on the main stack.
FUNC(closed_leave)
	mov	%rdi, %rsp
	restore_registers
	mov	%rax, RW(GATE_RW_RAX)
	mov	%rsp, %rax
	lea	STACK_END(0), %rsp
	push	F_SS(%rax)
	push	F_RSP(%rax)
	push	F_RFLAGS(%rax)
	push	F_CS(%rax)
	push	F_RIP(%rax)
	mov	RO(GATE_RO_GUEST_CR3), %rax
	mov	%rax, %cr3
	mov	RW(GATE_RW_RAX), %rax
	// falls through
END(closed_leave)

// In: RSP = a hardware frame at the end of the stack. The processor may refuse
// it: see iret_refused.
LOCAL_FUNC(closed_iret)
	iretq
	int3
END(closed_iret)

// ----------------------------------------------------------- system calls

// In: RCX = return address, R11 = flags, RSP = the guest's.
FUNC(closed_syscall)
	mov	%rsp, RW(GATE_RW_RSP)
	lea	STACK_END(0), %rsp
	cmpb	$0, RW(GATE_RW_IN_KERNEL)
	jne	kernel_syscall

	mov	%rax, RW(GATE_RW_RAX)
	mov	%rdx, RW(GATE_RW_RDX)
	cmpq	$0, RO(GATE_RO_SYSCALL_RIP)
	je	syscall_undo
	mov	RO(GATE_RO_INFO), %rdx
	cmpb	$0, INFO_MASK(%rdx)
	jne	syscall_undo
	kernel_frame SYSCALL_FRAME, syscall_undo
	mov	RW(GATE_RW_RSP), %rdx
touch_syscall:
	mov	%rcx, (%rax)
	mov	%r11, 8(%rax)
	mov	%rcx, 16(%rax)
	movq	$SEL_USER_CS64, 24(%rax) // and above it the mask, 0
	mov	%r11, 32(%rax)
	mov	%rdx, 40(%rax)
	movq	$SEL_USER_SS, 48(%rax)
touch_syscall_end:
	push	$SEL_RING1_SS
	push	%rax
	mov	%r11, %rax
	and	$~BOUNCE_CLEARED_DF, %eax
	push	%rax
	push	$SEL_RING1_CS
	push	RO(GATE_RO_SYSCALL_RIP)
	mov	RO(GATE_RO_INFO), %rdx
	mov	RO(GATE_RO_SYSCALL_MASKS), %al
	mov	%al, INFO_MASK(%rdx)
	swapgs
	movq	$1, RW(GATE_RW_IN_KERNEL)
	incq	RW(GATE_RW_SYSCALLS)
	mov	RW(GATE_RW_RDX), %rdx
	mov	RW(GATE_RW_RAX), %rax
	jmp	closed_iret
	int3
END(closed_syscall)

// The attempt above comes to nothing.
LOCAL_FUNC(syscall_undo)
	lea	STACK_END(0), %rsp
	mov	RW(GATE_RW_RDX), %rdx
	mov	RW(GATE_RW_RAX), %rax
	// falls through
END(syscall_undo)

// In: RSP = end of the stack, other registers as after SYSCALL.
LOCAL_FUNC(syscall_to_c)
	push	$SEL_USER_SS
	push	RW(GATE_RW_RSP)
	push	%r11
	push	$SEL_USER_CS64
	push	%rcx
	push	$0
	movl	$VEC_SYSCALL, 4(%rsp)
	jmp	to_c
	int3
END(syscall_to_c)

FUNC(closed_syscall32)
	mov	%rsp, RW(GATE_RW_RSP)
	lea	STACK_END(0), %rsp
	push	$SEL_USER_SS
	push	RW(GATE_RW_RSP)
	push	%r11
	push	$SEL_USER_CS32
	push	%rcx
	push	$0
	movl	$VEC_SYSCALL32, 4(%rsp)
	jmp	to_c
	int3
END(closed_syscall32)

// As gate_sysenter. In: RSP = end of the stack.
FUNC(closed_sysenter)
	push_sysenter closed_sysenter_saved
	jmp	to_c
	int3
END(closed_sysenter)

// --------------------------------------------------------- iret hypercall

// A hypercall. The frame at the guest's RSP: RAX R11 RCX flags RIP CS RFLAGS
// RSP SS. The address must be above the hypervisor's slots; behind the last
// page lies address 0, which is the guest's too.
LOCAL_FUNC(kernel_syscall)
	cmp	$HYPERCALL_IRET, %rax
	jne	task_hypercall
	cmpb	$0, RO(GATE_RO_IRET_OK)
	je	syscall_to_c
	mov	%rcx, RW(GATE_RW_RCX)
	mov	%rdx, RW(GATE_RW_RDX)
	mov	%r11, RW(GATE_RW_R11)
	mov	RW(GATE_RW_RSP), %rax
	movabs	$HV_END, %rdx
	cmp	%rdx, %rax
	jb	iret_undo
touch_iret:
	push	64(%rax)
	push	56(%rax)
	push	48(%rax)
	push	40(%rax)
	push	32(%rax)
	mov	24(%rax), %rdx
	mov	16(%rax), %rcx
	mov	8(%rax), %r11
	mov	(%rax), %rax
touch_iret_end:
	test	$IRET_IN_SYSCALL, %edx
	jnz	iret_undo
	mov	RO(GATE_RO_INFO), %rdx
	testl	$RFLAGS_IF, (F_RFLAGS - 8)(%rsp)
	jz	1f
	movb	$0, INFO_MASK(%rdx)
	cmpb	$0, INFO_PENDING(%rdx)
	jne	iret_undo
	jmp	2f
1:	movb	$1, INFO_MASK(%rdx)
2:	andl	$GUEST_RFLAGS, (F_RFLAGS - 8)(%rsp)
	movl	$0, (F_RFLAGS - 4)(%rsp)
	orl	$(RFLAGS_IF | RFLAGS_MBS), (F_RFLAGS - 8)(%rsp)
	mov	(F_CS - 8)(%rsp), %edx
	not	%edx
	test	$3, %edx
	jz	iret_to_user
	movq	$SEL_RING1_CS, (F_CS - 8)(%rsp)
	movq	$SEL_RING1_SS, (F_SS - 8)(%rsp)
	incq	RW(GATE_RW_IRETS)
	mov	RW(GATE_RW_RDX), %rdx
	jmp	closed_iret
	int3
END(kernel_syscall)

LOCAL_FUNC(iret_to_user)
	cmpb	$0, RO(GATE_RO_USERS_OK)
	je	iret_undo
	movzwl	(F_CS - 8)(%rsp), %edx
	mov	%rdx, (F_CS - 8)(%rsp)
	movzwl	(F_SS - 8)(%rsp), %edx
	or	$3, %edx
	mov	%rdx, (F_SS - 8)(%rsp)
	swapgs
	movq	$0, RW(GATE_RW_IN_KERNEL)
	incq	RW(GATE_RW_IRETS)
	mov	RW(GATE_RW_RDX), %rdx
	jmp	closed_iret
	int3
END(iret_to_user)

// C does the hypercall from its beginning; the upcall mask may be set as it
// will set it.
LOCAL_FUNC(iret_undo)
	lea	STACK_END(0), %rsp
	mov	RW(GATE_RW_R11), %r11
	mov	RW(GATE_RW_RDX), %rdx
	mov	RW(GATE_RW_RCX), %rcx
	mov	$HYPERCALL_IRET, %eax
	jmp	syscall_to_c
	int3
END(iret_undo)

// In: RAX = which, RSP = the end of the stack.
LOCAL_FUNC(task_hypercall)
	cmpb	$0, RO(GATE_RO_TASKS_OK)
	je	syscall_to_c
	mov	%rcx, RW(GATE_RW_RCX)
	mov	%rdx, RW(GATE_RW_RDX)
	if_task_hypercall task_load_gs, 1f, task_undo
1:	push	$SEL_RING1_SS
	push	RW(GATE_RW_RSP)
	push	%r11
	push	$SEL_RING1_CS
	mov	RW(GATE_RW_RCX), %rcx
	push	%rcx
	mov	RW(GATE_RW_RDX), %rdx
	xor	%eax, %eax
	jmp	closed_iret
	int3
END(task_hypercall)

LOCAL_FUNC(task_undo)
	mov	RW(GATE_RW_RCX), %rcx
	mov	RW(GATE_RW_RDX), %rdx
	jmp	syscall_to_c
	int3
END(task_undo)

// In: RSP = anything. The GS selector did not load.
LOCAL_FUNC(task_gs_refused)
	swapgs
	lea	STACK_END(0), %rsp
	mov	$HYPERCALL_SET_SEGMENT_BASE, %eax
	jmp	task_undo
	int3
END(task_gs_refused)

// -------------------------------------------------------------- exceptions

// As gate_trap_stubs and gate_irq_stubs.
	.balign	16
FUNC(closed_trap_stubs)
	trap_stubs trap, page_fault
END(closed_trap_stubs)

	.balign	8
FUNC(closed_irq_stubs)
	irq_stubs interrupt
END(closed_irq_stubs)

LOCAL_FUNC(interrupt)
	testb	$3, F_CS(%rsp)
	jz	1f
	irq_vector
	jmp	to_c
1:	jmp	*RO(GATE_RO_IRQ)
	int3
END(interrupt)

LOCAL_FUNC(trap)
	testb	$3, F_CS(%rsp)
	jz	trap_in_ring0
	jmp	to_c
	int3
END(trap)

LOCAL_FUNC(page_fault)
	testb	$3, F_CS(%rsp)
	jz	trap_in_ring0
	cmpb	$0, RW(GATE_RW_IN_KERNEL)
	jne	to_c
	testb	$PFEC_RSVD, F_ERROR(%rsp)
	jnz	to_c
	mov	%rax, RW(GATE_RW_RAX)
	mov	%rdx, RW(GATE_RW_RDX)
	mov	%cr2, %rax
	mov	%rax, RW(GATE_RW_CR2)
	cmpq	$0, RO(GATE_RO_FAULT_RIP)
	je	fault_undo
	mov	RO(GATE_RO_INFO), %rdx
	cmpb	$0, INFO_MASK(%rdx)
	jne	fault_undo
	kernel_frame FAULT_FRAME, fault_undo
touch_fault:
	mov	%rcx, (%rax)
	mov	%r11, 8(%rax)
	mov	F_ERROR(%rsp), %edx
	mov	%rdx, 16(%rax)
	mov	F_RIP(%rsp), %rdx
	mov	%rdx, 24(%rax)
	movzwl	F_CS(%rsp), %edx // and above it the mask, 0
	mov	%rdx, 32(%rax)
	mov	F_RFLAGS(%rsp), %rdx
	mov	%rdx, 40(%rax)
	mov	F_RSP(%rsp), %rdx
	mov	%rdx, 48(%rax)
	movzwl	F_SS(%rsp), %edx
	mov	%rdx, 56(%rax)
touch_fault_end:
	mov	%rax, F_RSP(%rsp)
	mov	RO(GATE_RO_INFO), %rdx
	mov	RW(GATE_RW_CR2), %rax
	mov	%rax, INFO_CR2(%rdx)
	mov	RO(GATE_RO_FAULT_MASKS), %al
	mov	%al, INFO_MASK(%rdx)
	mov	RO(GATE_RO_FAULT_RIP), %rax
	mov	%rax, F_RIP(%rsp)
	movq	$SEL_RING1_CS, F_CS(%rsp)
	andl	$~BOUNCE_CLEARED, F_RFLAGS(%rsp)
	movq	$SEL_RING1_SS, F_SS(%rsp)
	swapgs
	movq	$1, RW(GATE_RW_IN_KERNEL)
	incq	RW(GATE_RW_FAULTS)
	mov	RW(GATE_RW_RDX), %rdx
	mov	RW(GATE_RW_RAX), %rax
	add	$8, %rsp
	jmp	closed_iret
	int3
END(page_fault)

LOCAL_FUNC(fault_undo)
	lea	STACK_END(0), %rsp
	sub	$(F_SS + 8), %rsp
	mov	RW(GATE_RW_CR2), %rax // a fault at touch_fault has changed it
	mov	%rax, %cr2
	mov	RW(GATE_RW_RDX), %rdx
	mov	RW(GATE_RW_RAX), %rax
	jmp	to_c
	int3
END(fault_undo)

// ------------------------------------------------------ exceptions in ring 0

// In: RSP = RAX pushed, error code and vector, frame.
.macro	if_between first, end, target
	lea	\first(%rip), %rax
	cmp	%rax, (F_RIP + 8)(%rsp)
	jb	9f
	lea	\end(%rip), %rax
	cmp	%rax, (F_RIP + 8)(%rsp)
	jb	\target
9:
.endm

// Either at a place above that expects it, or not the gate's: then the full
// root is loaded, as faults of these instructions at other places do not exist.
LOCAL_FUNC(trap_in_ring0)
	push	%rax
	if_between touch_syscall, touch_syscall_end, syscall_undo
	if_between touch_iret, touch_iret_end, iret_undo
	if_between touch_fault, touch_fault_end, fault_undo
	if_between task_load_gs, task_load_gs + 2, task_gs_refused
	if_between closed_iret, closed_iret + 2, iret_refused
	pop	%rax
	jmp	*RO(GATE_RO_TRAP)
	int3
END(trap_in_ring0)

// IRET did not take the guest's frame, which is still at the end of the stack
// (S6): the exception is the guest's, with that frame as its context.
LOCAL_FUNC(iret_refused)
	mov	8(%rsp), %rax		// error code and vector
	mov	%rax, RW(GATE_RW_RCX)
	pop	%rax
	lea	STACK_END(0), %rsp
	sub	$(F_SS + 8), %rsp
	push	%rax
	mov	RW(GATE_RW_RCX), %rax
	mov	%rax, 8(%rsp)
	pop	%rax
	orl	$VEC_REFUSED, 4(%rsp)
	jmp	to_c
	int3
END(iret_refused)

// ------------------------------------------------- NMI, #MC, #DF and #DB
//
// They come between any two instructions, on stacks of their own (\n). From the
// guest they go to C as all others. In ring 0 on the full root it was the
// hypervisor, whose frame is not for a page that guests can read (S7): it moves
// to the stack that these vectors have elsewhere, and entry.S goes on. In ring
// 0 on the guest's root it was this file: C sees a frame of ring 0 on that same
// other stack, with the full root loaded; back here all is put as it was.

// One word of the frame, from this stack to the other, whose end is in RCX.
.macro	move_word at
	mov	(\at + 16)(%rsp), %rax
	mov	%rax, (\at - 48)(%rcx)
	movq	$0, (\at + 16)(%rsp)
.endm

// RAX and RCX have been pushed here. All that was on this stack goes to the
// other one.
.macro	move_frame other
	lea	DATA(\other + 4096), %rcx
	move_word F_ERROR
	move_word F_RIP
	move_word F_CS
	move_word F_RFLAGS
	move_word F_RSP
	move_word F_SS
	mov	8(%rsp), %rax
	mov	%rax, -56(%rcx)
	movq	$0, 8(%rsp)
	mov	(%rsp), %rax
	mov	%rax, -64(%rcx)
	movq	$0, (%rsp)
	lea	-64(%rcx), %rsp
	pop	%rcx
	pop	%rax
.endm

.macro	ist_stub name, vector, error_code, n, other
FUNC(\name)
	push_vector \vector, \error_code
	testb	$3, F_CS(%rsp)
	jnz	to_c
	push	%rax
	push	%rcx
	mov	%cr3, %rax
	cmp	RO(GATE_RO_GUEST_CR3), %rax
	je	1f
	move_frame \other
	jmp	*RO(GATE_RO_IST)
	int3

1:	mov	RO(GATE_RO_FULL_CR3), %rax
	mov	%rax, %cr3
	move_frame \other
	save_registers
	cld
	mov	%rsp, %rdi
	sub	$8, %rsp
	call	*RO(GATE_RO_WINDOW)
	add	$8, %rsp
	restore_registers
	push	%rax
	push	%rcx
	lea	STACK_END(\n), %rcx
	.irp	at, F_RIP, F_CS, F_RFLAGS, F_RSP, F_SS
	mov	(\at + 16)(%rsp), %rax
	mov	%rax, (\at - 48)(%rcx)
	.endr
	mov	8(%rsp), %rax
	mov	%rax, -48(%rcx)
	mov	(%rsp), %rax
	mov	%rax, -56(%rcx)
	lea	-56(%rcx), %rsp
	mov	RO(GATE_RO_GUEST_CR3), %rax
	mov	%rax, %cr3
	pop	%rcx
	pop	%rax
	iretq
	int3
END(\name)
.endm

	ist_stub closed_nmi, VEC_NMI, 0, IST_NMI, PERCPU_IST_NMI
	ist_stub closed_machine_check, VEC_MC, 0, IST_MC, PERCPU_IST_MC
	ist_stub closed_double_fault, VEC_DF, 1, IST_DF, PERCPU_IST_DF
	ist_stub closed_debug, VEC_DB, 0, IST_DB, PERCPU_IST_DB

// ------------------------------------------------------- on the full root

	.section .text.hot.entry, "ax", @progbits

// In: RDI = the guest's frame, RSI = closed_leave's address in this processor's
// block.
FUNC(closed_go)
	jmp	*%rsi
	int3
END(closed_go)

// In: RSP = the guest's frame at the top of the main stack.
FUNC(closed_enter)
	mov	%rsp, %rdi
	sub	$8, %rsp
	xor	%ebp, %ebp
	call	gate_entered
	jmp	exit_to_guest
	int3
END(closed_enter)
