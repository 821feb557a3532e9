// SPDX-License-Identifier: MIT
//
// A few instructions in ring 1, to see whether it holds (gate/ring1.c).

#include "config.h"
#include "hw/asm.h"
#include "hw/x86.h"

	.text

// u32 ring1_run(void): goes to ring 1, loads a null stack selector, which is
// allowed there, and reads CR0, which is not. The vector that came of it:
// VEC_GP when all is well; VEC_BP when CR0 was read. All vectors of the IDT
// lead to ring1_stubs, and RSP0 is a stack of its own.
FUNC(ring1_run)
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, ring1_rsp(%rip)
	lea	ring1_code(%rip), %rax
	mov	%rsp, %rcx
	push	$SEL_RING1_SS
	push	%rcx
	push	$RFLAGS_MBS
	push	$SEL_RING1_CS
	push	%rax
	iretq
	int3
END(ring1_run)

LOCAL_FUNC(ring1_code)
	mov	$1, %eax		// null, with the RPL of the ring
	mov	%eax, %ss
	mov	%cr0, %rax
	int3
	ud2
END(ring1_code)

// 32 of 16 bytes.
	.balign	16
FUNC(ring1_stubs)
	.set	vector, 0
	.rept	32
	.balign	16
	mov	$vector, %eax
	jmp	ring1_back
	.set	vector, vector + 1
	.endr
END(ring1_stubs)

LOCAL_FUNC(ring1_back)
	mov	ring1_rsp(%rip), %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	int3
END(ring1_back)

	.bss
	.balign	8
ring1_rsp:
	.skip	8
