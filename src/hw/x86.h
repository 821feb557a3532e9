// SPDX-License-Identifier: MIT
//
// Architectural constants: control registers, MSRs, flags, page-table bits,
// exception vectors. Source: Intel SDM vol. 3 and 4, AMD APM vol. 2. Used by C
// and assembly.
#pragma once

#define CR0_PE 0x1
#define CR0_MP 0x2
#define CR0_EM 0x4
#define CR0_TS 0x8
#define CR0_ET 0x10
#define CR0_NE 0x20
#define CR0_WP 0x10000
#define CR0_AM 0x40000
#define CR0_PG 0x80000000

#define CR4_VME 0x1
#define CR4_PVI 0x2
#define CR4_TSD 0x4
#define CR4_DE 0x8
#define CR4_PSE 0x10
#define CR4_PAE 0x20
#define CR4_MCE 0x40
#define CR4_PGE 0x80
#define CR4_PCE 0x100
#define CR4_OSFXSR 0x200
#define CR4_OSXMMEXCPT 0x400
#define CR4_UMIP 0x800
#define CR4_FSGSBASE 0x10000
#define CR4_PCIDE 0x20000
#define CR4_OSXSAVE 0x40000
#define CR4_SMEP 0x100000
#define CR4_SMAP 0x200000
#define CR4_PKE 0x400000

#define XCR0_X87 0x1
#define XCR0_SSE 0x2
#define XCR0_AVX 0x4
#define XCR0_AVX512 0xe0

#define DR6_DEFAULT 0xffff0ff0 // bits that read as one
#define DR6_BREAKPOINTS 0xf
#define DR6_BS 0x4000 // single step
#define DR7_DEFAULT 0x400
#define DR7_ENABLED 0xff
#define DR7_GD 0x2000

#define MSR_TSC 0x10
#define MSR_ARCH_CAPABILITIES 0x10a
#define MSR_APIC_BASE 0x1b
#define MSR_TSX_FORCE_ABORT 0x10f
#define MSR_TSX_CTRL 0x122
#define MSR_MCU_OPT_CTRL 0x123
#define MSR_PAT 0x277
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_MISC_ENABLE 0x1a0
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_FMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX 0xc0000103
#define MSR_X2APIC 0x800

#define EFER_SCE 0x1
#define EFER_LME 0x100
#define EFER_LMA 0x400
#define EFER_NXE 0x800

#define RFLAGS_CF 0x1
#define RFLAGS_MBS 0x2
#define RFLAGS_TF 0x100
#define RFLAGS_IF 0x200
#define RFLAGS_DF 0x400
#define RFLAGS_IOPL 0x3000
#define RFLAGS_NT 0x4000
#define RFLAGS_RF 0x10000
#define RFLAGS_VM 0x20000
#define RFLAGS_AC 0x40000
#define RFLAGS_VIF 0x80000
#define RFLAGS_VIP 0x100000
#define RFLAGS_ID 0x200000

#define PTE_P 0x1
#define PTE_RW 0x2
#define PTE_US 0x4
#define PTE_PWT 0x8
#define PTE_PCD 0x10
#define PTE_A 0x20
#define PTE_D 0x40
#define PTE_PSE 0x80
#define PTE_PAT 0x80
#define PTE_G 0x100
#define PTE_AVAIL 0xe00
#define PTE_NX 0x8000000000000000
#define PTE_ADDR 0x000ffffffffff000
#define PTE_PSE_PAT 0x1000

// PAT as the ABI wants it (abi.md 4.1): WB WT UC- UC WC WP UC UC.
#define PAT_VALUE 0x050100070406

#define VEC_DE 0
#define VEC_DB 1
#define VEC_NMI 2
#define VEC_BP 3
#define VEC_OF 4
#define VEC_BR 5
#define VEC_UD 6
#define VEC_NM 7
#define VEC_DF 8
#define VEC_TS 10
#define VEC_NP 11
#define VEC_SS 12
#define VEC_GP 13
#define VEC_PF 14
#define VEC_MF 16
#define VEC_AC 17
#define VEC_MC 18
#define VEC_XM 19
#define VEC_SYSCALL 0x100 // not a hardware vector: marks SYSCALL frames
#define VEC_SYSCALL32 0x101
#define VEC_SYSENTER 0x102
#define VEC_REFUSED 0x200 // added to the vector: IRET refused the frame with it
#define VEC_NONE 0x1ff // the frame was not made by an entry of this processor
#define VEC_INT80 0x80 // system calls of 32-bit programs; never a device's
// Exceptions for which the processor pushes an error code.
#define VEC_HAS_ERROR 0x60227d00

#define PFEC_P 0x1
#define PFEC_W 0x2
#define PFEC_U 0x4
#define PFEC_RSVD 0x8
#define PFEC_I 0x10
