// SPDX-License-Identifier: MIT
//
// The numbers the whole hypervisor agrees on: where things live in the
// address space, and how many of each there may be. Included by C, assembly
// and the linker script, hence macros and no C syntax. docs/memory-map.md
// tells the same in prose.
#pragma once

// Numbers in columns, remarks beside them:
// clang-format off

// The ABI reserves L4 slots 256..271 for the hypervisor. Every address of
// ours lies there, so no guest address can alias one.
#define HV_START		0xffff800000000000
#define HV_END			0xffff880000000000
#define HV_FIRST_SLOT		256
#define HV_NR_SLOTS		16

#define M2P_BASE		0xffff800000000000	// slot 256, guest RO
#define PERCPU_BASE		0xffff808000000000	// slot 257
#define MMIO_BASE		0xffff80c000000000	// slot 257, upper half
#define MMIO_END		0xffff810000000000
#define IMAGE_BASE		0xffff810000000000	// slot 258
#define FRAMES_BASE		0xffff818000000000	// slot 259
#define M2P_RW_BASE		0xffff81c000000000	// slot 259, upper half
#define DIRECT_BASE		0xffff820000000000	// slots 260..271: 6 TiB
#define DIRECT_END		0xffff880000000000

// Physical address the image is linked to load at.
#define IMAGE_PHYS		0x200000

// One block of addresses per processor (see struct cpu in cpu/percpu.h).
// The block is aligned to its size so that any stack pointer finds it.
#define PERCPU_SIZE		0x40000
#define PERCPU_STUB		0x00000	// entry stubs: shared text, read-only
#define PERCPU_STACK		0x02000	// main stack, guard page below
#define PERCPU_STACK_SIZE	0x07800
#define PERCPU_DATA		0x09800	// struct cpu, in the stack's last page
#define PERCPU_DATA_SIZE	0x00800
#define PERCPU_IST_NMI		0x0b000	// each IST stack: one page, guard below
#define PERCPU_IST_MC		0x0d000
#define PERCPU_IST_DF		0x0f000
#define PERCPU_IST_DB		0x11000
#define PERCPU_CLOSED_TEXT	0x19000	// closed gate: entry and exit, 2 pages
#define PERCPU_CLOSED_RO	0x1b000	// what that needs to know, and the TSS
#define PERCPU_CLOSED_RW	0x1c000	// its scratch words and stacks
#define PERCPU_CLOSED_INFO	0x1d000	// the vCPU's vcpu_info; on its roots only
#define PERCPU_CLOSED_IDT	0x1e000	// its IDT
#define PERCPU_GDT		0x20000	// 16 pages: 14 guest, 1 ours, 1 empty
#define PERCPU_LDT		0x30000	// 16 pages: the vCPU's LDT

#define MAX_CPUS		128
#define MAX_VCPUS		128	// per domain

// Selectors, in the reserved part of the GDT (page 14). The ring-3 ones are
// ABI (FLAT_RING3_*), the others are ours.
#define GDT_GUEST_PAGES		14
#define SEL_HV_CS		0xe008
#define SEL_HV_DS		0xe010
#define SEL_RING1_CS		0xe019	// gate mode
#define SEL_USER_CS32		0xe023
#define SEL_USER_SS		0xe02b
#define SEL_USER_CS64		0xe033
#define SEL_RING1_SS		0xe039	// gate mode
// What SYSRET loads for programs behind an open gate: Linux asks for these.
#define SEL_SYSRET_CS32		0x0023
#define SEL_SYSRET_SS		0x002b
#define SEL_SYSRET_CS64		0x0033
#define SEL_TSS			0xe040	// 16 bytes
#define SEL_LDT			0xe050	// 16 bytes

// IST indices in the TSS (1-based as the hardware counts).
#define IST_NMI			1
#define IST_MC			2
#define IST_DF			3
#define IST_DB			4
