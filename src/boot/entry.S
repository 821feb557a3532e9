// SPDX-License-Identifier: MIT
//
// From the loader to C. Three protocols end here: Multiboot 1, Multiboot 2 and
// PVH. All three enter in 32-bit protected mode with flat segments, paging off
// and interrupts off; they differ in what EAX and EBX hold. The file carries
// their headers, checks that the processor can run us at all (and says so in
// words if not), builds the boot page tables and calls boot_start(magic, info)
// in long mode on the early block's stack.
//
// The image is linked at IMAGE_BASE and loaded at IMAGE_PHYS, so the 32-bit
// half names symbols by PHYS(sym).
//
// The boot page tables map, all writable and executable:
//   the low 4 GiB at 0 (identity) and at DIRECT_BASE
//   16 MiB from IMAGE_PHYS at IMAGE_BASE
// mm_init replaces them; the other processors pass through them once more.

#include "boot/multiboot.h"
#include "boot/selectors.h"
#include "config.h"
#include "gate/registers.inc"
#include "gate/stubs.inc"
#include "hw/asm.h"
#include "hw/x86.h"

#define PVH_START_MAGIC 0x336ec578
#define XEN_ELFNOTE_PHYS32_ENTRY 18

#define CPUID_EXT_NX (1 << 20)
#define CPUID_EXT_LM (1 << 29)
#define MISC_ENABLE_XD_OFF (1 << 2)	// in the high half: bit 34

#define COM1 0x3f8
#define VGA_TEXT 0xb8000

// Entries of 2 MiB, PTEs of a page table, all in one place for the loops.
#define BOOT_TABLE (PTE_P | PTE_RW)
#define BOOT_LARGE (PTE_P | PTE_RW | PTE_PSE)
#define SLOT(va) (((va) >> 39) & 511)

	.section .boot.header, "a"

	.balign 8
mb1_header:
#define MB1_FLAGS \
	(MB1_HEADER_PAGE_ALIGN | MB1_HEADER_MEMORY | MB1_HEADER_ADDRESSES)
	.long MB1_HEADER_MAGIC
	.long MB1_FLAGS
	.long -(MB1_HEADER_MAGIC + MB1_FLAGS)
	// Raw load addresses: loaders of the first protocol refuse 64-bit ELF.
	.long PHYS(mb1_header)
	.long PHYS(image_start)
	.long PHYS(image_file_end)
	.long PHYS(image_end)
	.long PHYS(boot_multiboot)

	.balign 8
mb2_header:
	.long MB2_HEADER_MAGIC
	.long 0					// i386, protected mode
	.long mb2_header_end - mb2_header
	.long -(MB2_HEADER_MAGIC + (mb2_header_end - mb2_header))

	.balign 8
	.short MB2_HEADER_TAG_REQUEST, 0
	.long 12
	.long MB2_TAG_MMAP

	.balign 8
	.short MB2_HEADER_TAG_ADDRESS, 0
	.long 24
	.long PHYS(mb2_header)
	.long PHYS(image_start)
	.long PHYS(image_file_end)
	.long PHYS(image_end)

	.balign 8
	.short MB2_HEADER_TAG_ENTRY, 0
	.long 12
	.long PHYS(boot_multiboot)

	.balign 8
	.short MB2_HEADER_TAG_MODULE_ALIGN, 0
	.long 8

	.balign 8
	.short MB2_HEADER_TAG_END, 0
	.long 8
mb2_header_end:

	.section .note.pvh, "a", @note
	.balign 4
	.long 4					// size of the name
	.long 8					// size of the value
	.long XEN_ELFNOTE_PHYS32_ENTRY
	.asciz "Xen"
	.quad PHYS(boot_pvh)

	.section .boot.text, "ax"
	.code32

// In: EBX = address of struct hvm_start_info. The others are undefined.
FUNC(boot_pvh)
	mov	$PVH_START_MAGIC, %eax
	// falls through
END(boot_pvh)

// In: EAX = the protocol's magic, EBX = address of its information.
// From here on ESI = magic and EBP = info until long mode.
FUNC(boot_multiboot)
	cli
	cld
	mov	%eax, %esi
	mov	%ebx, %ebp
	mov	$PHYS(early_stack_end), %esp

	xor	%eax, %eax		// loaders may leave garbage in .bss
	mov	$PHYS(bss_start), %edi
	mov	$PHYS(image_end), %ecx
	sub	%edi, %ecx
	shr	$2, %ecx
	rep stosl

	call	check_cpu
	call	build_tables
	call	boot_enable_paging

	lgdtl	PHYS(boot_gdt_phys)
	ljmpl	$BOOT_CS64, $PHYS(entered_long_mode)
END(boot_multiboot)

// Returns only on a processor with CPUID, long mode and NX. NX may be merely
// switched off on Intel processors; then it is switched on.
LOCAL_FUNC(check_cpu)
	pushfl				// no CPUID when EFLAGS.ID is stuck
	pop	%eax
	mov	%eax, %ecx
	xor	$RFLAGS_ID, %eax
	push	%eax
	popfl
	pushfl
	pop	%eax
	xor	%ecx, %eax
	test	$RFLAGS_ID, %eax
	jz	unsupported_cpu

	mov	$0x80000000, %eax
	cpuid
	cmp	$0x80000001, %eax
	jb	unsupported_cpu
	mov	$0x80000001, %eax
	cpuid
	test	$CPUID_EXT_LM, %edx
	jz	unsupported_cpu
	test	$CPUID_EXT_NX, %edx
	jnz	1f

	xor	%eax, %eax
	cpuid
	cmp	$0x756e6547, %ebx	// "Genu": only Intel has the switch
	jne	unsupported_cpu
	mov	$MSR_MISC_ENABLE, %ecx
	rdmsr
	test	$MISC_ENABLE_XD_OFF, %edx
	jz	unsupported_cpu
	and	$~MISC_ENABLE_XD_OFF, %edx
	wrmsr
1:	ret
END(check_cpu)

// Prints the reason to the serial line and the screen, then stops for good.
LOCAL_FUNC(unsupported_cpu)
	mov	$PHYS(unsupported_text), %esi
	mov	$VGA_TEXT, %edi
1:	lodsb
	test	%al, %al
	jz	3f
	mov	$0x0f, %ah		// white on black
	cmp	$' ', %al
	jb	2f			// the screen has no line ends
	stosw
2:	call	serial_putc
	jmp	1b
3:	cli
	hlt
	jmp	3b
END(unsupported_cpu)

// In: AL. Clobbers EDX, ECX, AH. Gives up waiting when there is no port.
LOCAL_FUNC(serial_putc)
	mov	%al, %ah
	mov	$(COM1 + 5), %edx
	mov	$100000, %ecx
1:	in	%dx, %al
	test	$0x20, %al		// transmitter empty
	jnz	2f
	loop	1b
2:	mov	%ah, %al
	mov	$COM1, %edx
	out	%al, %dx
	ret
END(serial_putc)

// Fills the boot page tables (all zero so far). Clobbers EAX, ECX, EDI.
LOCAL_FUNC(build_tables)
	movl	$(PHYS(boot_l3_low) + BOOT_TABLE), PHYS(boot_l4)
	movl	$(PHYS(boot_l3_low) + BOOT_TABLE), \
		PHYS(boot_l4) + 8 * SLOT(DIRECT_BASE)
	movl	$(PHYS(boot_l3_image) + BOOT_TABLE), \
		PHYS(boot_l4) + 8 * SLOT(IMAGE_BASE)
	movl	$(PHYS(boot_l2_image) + BOOT_TABLE), PHYS(boot_l3_image)

	mov	$PHYS(boot_l3_low), %edi	// 4 tables of 1 GiB each
	mov	$(PHYS(boot_l2_low) + BOOT_TABLE), %eax
	mov	$4, %ecx
1:	mov	%eax, (%edi)
	add	$4096, %eax
	add	$8, %edi
	loop	1b

	mov	$PHYS(boot_l2_low), %edi	// 2048 pages of 2 MiB
	mov	$BOOT_LARGE, %eax
	mov	$2048, %ecx
1:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	loop	1b

	mov	$PHYS(boot_l2_image), %edi
	mov	$(IMAGE_PHYS + BOOT_LARGE), %eax
	mov	$8, %ecx
1:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	loop	1b
	ret
END(build_tables)

// Turns on PAE, long mode, NX and paging with write protection. Clobbers EAX,
// ECX, EDX. The other processors come this way too (trampoline.S).
FUNC(boot_enable_paging)
	mov	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$PHYS(boot_l4), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$(EFER_LME | EFER_NXE), %eax
	wrmsr
	mov	$(CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG), %eax
	mov	%eax, %cr0
	ret
END(boot_enable_paging)

	.code64

// At the physical address still. In: ESI = magic, EBP = info.
LOCAL_FUNC(entered_long_mode)
	movabs	$1f, %rax
	jmp	*%rax
1:	lgdt	boot_gdt_virt(%rip)	// the identity map goes away in mm_init
	mov	$BOOT_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	lea	early_stack_end(%rip), %rsp
	push	$0			// ends back traces
	mov	%esi, %edi
	mov	%ebp, %esi
	xor	%ebp, %ebp
	call	boot_start
	ud2
END(entered_long_mode)

// In: RDI = new stack top, RSI = function that does not return.
FUNC(boot_switch_stack)
	mov	%rdi, %rsp
	xor	%ebp, %ebp
	push	$0
	jmp	*%rsi
END(boot_switch_stack)

// Exceptions before the real IDT: the stubs end in early_trap(regs).
	.balign 16
	.globl early_trap_stubs
	.hidden early_trap_stubs
early_trap_stubs:
	trap_stubs early_trap_common, early_trap_common

LOCAL_FUNC(early_trap_common)
	save_registers
	cld
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	early_trap
	ud2
END(early_trap_common)

	.section .boot.data, "a"

	.balign 8
	.globl boot_gdt, boot_gdt_virt
	.hidden boot_gdt, boot_gdt_virt
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	// BOOT_CS64
	.quad 0x00cf93000000ffff	// BOOT_DS
	.quad 0x00cf9b000000ffff	// BOOT_CS32

boot_gdt_phys:
	.short BOOT_GDT_BYTES - 1
	.long PHYS(boot_gdt)
boot_gdt_virt:
	.short BOOT_GDT_BYTES - 1
	.quad boot_gdt

unsupported_text:
	.ascii "ringfort: this processor cannot run the hypervisor: it needs "
	.ascii "a 64-bit CPU with NX and SYSCALL.\r\n"
	.ascii "ringfort: use a 64-bit machine; if it is one, enable 'NX' or "
	.ascii "'execute disable' in the firmware setup.\r\n"
	.byte 0

	.bss
	.balign 4096
	.globl boot_l4
	.hidden boot_l4
boot_l4:
	.skip 4096
boot_l3_low:
	.skip 4096
boot_l3_image:
	.skip 4096
boot_l2_low:
	.skip 4 * 4096
boot_l2_image:
	.skip 4096

// A block of the shape that cpu/percpu.h describes, so that cpu_this() works
// from the first line of C on: it finds a struct cpu of zeros, processor 0.
	.section .early_block, "aw", @nobits
	.skip PERCPU_STACK
	.globl early_stack, early_stack_end
	.hidden early_stack, early_stack_end
early_stack:
	.skip PERCPU_STACK_SIZE
early_stack_end:
	.skip PERCPU_DATA_SIZE
