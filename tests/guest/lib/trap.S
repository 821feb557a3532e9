// SPDX-License-Identifier: MIT
//
// Entry stubs. The hypervisor bounces to a handler with, from the stack
// pointer up: RCX, R11, an error code for vectors 8, 10-14 and 17, then RIP,
// CS, RFLAGS, RSP, SS. A stub takes RCX and R11 off, puts an error code of 0
// where there is none, adds its number, and so builds struct regs. The way
// back is always the iret hypercall, whose frame is RAX, R11, RCX, flags and
// the five words.

#define HYPERVISOR_iret 23

	.text

	.macro entry vector, has_error
	.balign 16
	pop %rcx
	pop %r11
	.if !\has_error
	push $0
	.endif
	push $\vector
	jmp trap_common
	.endm

	.balign 16
	.globl trap_stubs
trap_stubs:
	.set v, 0
	.rept 256
	.set e, (v == 8) | ((v >= 10) & (v <= 14)) | (v == 17)
	entry v, e
	.set v, v + 1
	.endr
	.balign 16

	.macro callback name, number
	.globl \name
\name:
	entry \number, 0
	.endm

	callback entry_event, 0x100
	callback entry_syscall, 0x102
	callback entry_syscall32, 0x103
	callback entry_sysenter, 0x104
	callback entry_nmi, 0x105

	/* The failsafe frame has DS, ES, FS and GS between R11 and RIP. */
	.globl entry_failsafe
entry_failsafe:
	pop %rcx
	pop %r11
	popq failsafe_selectors + 0(%rip)
	popq failsafe_selectors + 8(%rip)
	popq failsafe_selectors + 16(%rip)
	popq failsafe_selectors + 24(%rip)
	push $0
	push $0x101
	jmp trap_common

trap_common:
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %rax
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	pushfq
	popq entry_rflags(%rip)
	mov %cs, %eax
	mov %rax, entry_cs(%rip)
	mov %ss, %eax
	mov %rax, entry_ss(%rip)
	mov %rsp, %rdi
	mov %rsp, %rbx
	and $-16, %rsp
	cld
	call trap_dispatch
	mov %rbx, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	add $16, %rsp
	push $0
	push %rcx
	push %r11
	push %rax
	.globl do_iret
do_iret:
	mov $HYPERVISOR_iret, %eax
	syscall
	ud2

	.macro save_callee
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	.endm

	.macro restore_callee
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	.endm

	/* long guarded_enter(void (*fn)(u64), u64 arg): 1, or 0 by a fault */
	.globl guarded_enter
guarded_enter:
	save_callee
	mov %rsp, guard_rsp(%rip)
	mov %rdi, %rax
	mov %rsi, %rdi
	call *%rax
	mov $1, %eax
	jmp 1f
	.globl guard_resume
guard_resume:
	mov guard_rsp(%rip), %rsp
	xor %eax, %eax
1:	movq $0, guard_rsp(%rip)
	restore_callee
	ret

	/*
	 * void user_enter(const struct regs *r, u64 vgcf): iret hypercall to
	 * the context in r. Comes back by user_resume().
	 */
	.globl user_enter
user_enter:
	save_callee
	mov %rsp, user_resume_rsp(%rip)
	push 0xa8(%rdi)
	push 0xa0(%rdi)
	push 0x98(%rdi)
	push 0x90(%rdi)
	push 0x88(%rdi)
	push %rsi
	push 0x58(%rdi)
	push 0x30(%rdi)
	push 0x50(%rdi)
	mov 0x00(%rdi), %r15
	mov 0x08(%rdi), %r14
	mov 0x10(%rdi), %r13
	mov 0x18(%rdi), %r12
	mov 0x20(%rdi), %rbp
	mov 0x28(%rdi), %rbx
	mov 0x38(%rdi), %r10
	mov 0x40(%rdi), %r9
	mov 0x48(%rdi), %r8
	mov 0x60(%rdi), %rdx
	mov 0x68(%rdi), %rsi
	mov 0x70(%rdi), %rdi
	jmp do_iret

	.globl user_resume
user_resume:
	mov user_resume_rsp(%rip), %rsp
	restore_callee
	ret

	.bss
	.balign 8
	.globl guard_rsp
guard_rsp:
	.skip 8
user_resume_rsp:
	.skip 8

	.section .note.GNU-stack, "", @progbits
