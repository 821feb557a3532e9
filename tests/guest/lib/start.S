// SPDX-License-Identifier: MIT
//
// The ELF notes that make this file a PV kernel, and its first instructions.
// The entry state is kept whole before anything is touched, since it is part
// of what is tested. Only the notes that every test needs are here; a test
// adds others (INIT_P2M, HYPERCALL_PAGE, MOD_START_PFN) with NOTE_QUAD().

#include <xen/xen.h>
#include <xen/elfnote.h>
#include <xen/features.h>

	.macro note type, kind, value:vararg
	.pushsection .note.Xen, "a", @note
	.balign 4
	.long 2f - 1f, 4f - 3f, \type
1:	.asciz "Xen"
2:	.balign 4
3:	\kind \value
4:	.balign 4
	.popsection
	.endm

	note XEN_ELFNOTE_XEN_VERSION, .asciz, "xen-3.0"
	note XEN_ELFNOTE_GUEST_OS, .asciz, "ringfort-test"
	note XEN_ELFNOTE_GUEST_VERSION, .asciz, "1"
	note XEN_ELFNOTE_LOADER, .asciz, "generic"
	note XEN_ELFNOTE_PAE_MODE, .asciz, "yes"
	note XEN_ELFNOTE_FEATURES, .asciz, "!writable_page_tables|pae_pgdir_above_4gb"
	note XEN_ELFNOTE_SUPPORTED_FEATURES, .long, (1 << XENFEAT_dom0)
	note XEN_ELFNOTE_VIRT_BASE, .quad, virt_base
	note XEN_ELFNOTE_PADDR_OFFSET, .quad, 0
	note XEN_ELFNOTE_ENTRY, .quad, guest_entry
	note XEN_ELFNOTE_HV_START_LOW, .quad, __HYPERVISOR_VIRT_START
	note XEN_ELFNOTE_L1_MFN_VALID, .quad, 1, 1

	.text
	.globl guest_entry
	.type guest_entry, @function
guest_entry:
	mov %rax, entry_state + 0x00(%rip)
	mov %rbx, entry_state + 0x08(%rip)
	mov %rcx, entry_state + 0x10(%rip)
	mov %rdx, entry_state + 0x18(%rip)
	mov %rsi, entry_state + 0x20(%rip)
	mov %rdi, entry_state + 0x28(%rip)
	mov %rbp, entry_state + 0x30(%rip)
	mov %rsp, entry_state + 0x38(%rip)
	mov %r8, entry_state + 0x40(%rip)
	mov %r9, entry_state + 0x48(%rip)
	mov %r10, entry_state + 0x50(%rip)
	mov %r11, entry_state + 0x58(%rip)
	mov %r12, entry_state + 0x60(%rip)
	mov %r13, entry_state + 0x68(%rip)
	mov %r14, entry_state + 0x70(%rip)
	mov %r15, entry_state + 0x78(%rip)
	pushfq
	pop entry_state + 0x80(%rip)
	mov %cs, entry_state + 0x88(%rip)
	mov %ss, entry_state + 0x90(%rip)
	mov %ds, entry_state + 0x98(%rip)
	mov %es, entry_state + 0xa0(%rip)
	mov %fs, entry_state + 0xa8(%rip)
	mov %gs, entry_state + 0xb0(%rip)
	mov %rsi, start_info(%rip)
	lea boot_stack_end(%rip), %rsp
	xor %ebp, %ebp
	cld
	call guest_start
	ud2
	.size guest_entry, . - guest_entry

	/* In .data: .bss would do too, but this is written before any C. */
	.data
	.balign 8
	.globl entry_state
entry_state:
	.fill 23, 8, 0
	.globl start_info
start_info:
	.quad 0

	.bss
	.balign 16
	.globl boot_stack
boot_stack:
	.skip 4 * 4096
	.globl boot_stack_end
boot_stack_end:

	.section .note.GNU-stack, "", @progbits
