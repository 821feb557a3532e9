// SPDX-License-Identifier: MIT
//
// How the other processors come in. A STARTUP interrupt starts one in real
// mode at the beginning of a page below 1 MiB, to which smp.c has copied the
// code between ap_trampoline and ap_trampoline_end. That code works at any
// address: it jumps into the image as soon as it is in protected mode.
//
// smp.c starts one processor at a time and names it in ap_number. A processor
// takes the number, so a late one that smp.c has given up finds 0 and halts.
// Nobody else uses the early stack by now.

#include "config.h"
#include "hw/asm.h"
#include "hw/x86.h"

#include "boot/selectors.h"

	.section .rodata.trampoline, "a"
	.code16
	.globl ap_trampoline, ap_trampoline_end
	.hidden ap_trampoline, ap_trampoline_end
ap_trampoline:
	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	trampoline_gdtr - ap_trampoline
	mov	$(CR0_PE | CR0_ET), %eax
	mov	%eax, %cr0
	ljmpl	$BOOT_CS32, $PHYS(ap_protected)
trampoline_gdtr:
	.short	BOOT_GDT_BYTES - 1
	.long	PHYS(boot_gdt)
ap_trampoline_end:

	.section .boot.text, "ax"
	.code32
LOCAL_FUNC(ap_protected)
	mov	$BOOT_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	xchg	%eax, PHYS(ap_number)
	test	%eax, %eax
	jz	ap_not_wanted
	mov	$PHYS(early_stack_end), %esp
	call	boot_enable_paging
	ljmpl	$BOOT_CS64, $PHYS(ap_long_mode)
ap_not_wanted:
	hlt
	jmp	ap_not_wanted
END(ap_protected)

	.code64
LOCAL_FUNC(ap_long_mode)
	movabs	$1f, %rax
	jmp	*%rax
1:	lgdt	boot_gdt_virt(%rip)
	mov	ap_root(%rip), %rax
	mov	%rax, %cr3
	mov	ap_stack(%rip), %rsp
	xor	%ebp, %ebp
	push	$0
	call	ap_start
	ud2
END(ap_long_mode)
