// SPDX-License-Identifier: MIT
//
// Short integer names and the few bit-level facts of x86-64 that the test
// kernels share. Nothing here is specific to a hypervisor.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define PAGE_SIZE 4096UL
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NOINLINE __attribute__((noinline))
#define NORETURN __attribute__((noreturn))

/* Page-table entry bits. Bit 7 is PAT in an L1 and PSE above. */
#define PTE_P (1UL << 0)
#define PTE_RW (1UL << 1)
#define PTE_US (1UL << 2)
#define PTE_PWT (1UL << 3)
#define PTE_PCD (1UL << 4)
#define PTE_A (1UL << 5)
#define PTE_D (1UL << 6)
#define PTE_PSE (1UL << 7)
#define PTE_G (1UL << 8)
#define PTE_AVAIL (7UL << 9)
#define PTE_NX (1UL << 63)
#define PTE_ADDR 0x000ffffffffff000UL

/* What a guest normally writes at each level, and for a read-only page. */
#define PTE_TABLE (PTE_P | PTE_RW | PTE_US | PTE_A)
#define PTE_PAGE (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)
#define PTE_RO (PTE_P | PTE_US | PTE_A)

/* Exception vectors. */
enum {
	X86_DE = 0,
	X86_DB = 1,
	X86_NMI = 2,
	X86_BP = 3,
	X86_OF = 4,
	X86_BR = 5,
	X86_UD = 6,
	X86_NM = 7,
	X86_DF = 8,
	X86_TS = 10,
	X86_NP = 11,
	X86_SS = 12,
	X86_GP = 13,
	X86_PF = 14,
	X86_MF = 16,
	X86_AC = 17,
	X86_MC = 18,
	X86_XM = 19,
};

/* Page-fault error code bits. */
#define PF_P (1UL << 0)
#define PF_W (1UL << 1)
#define PF_U (1UL << 2)
#define PF_RSVD (1UL << 3)
#define PF_I (1UL << 4)

/* RFLAGS bits. */
#define FL_CF (1UL << 0)
#define FL_ONE (1UL << 1)
#define FL_ZF (1UL << 6)
#define FL_TF (1UL << 8)
#define FL_IF (1UL << 9)
#define FL_DF (1UL << 10)
#define FL_IOPL (3UL << 12)
#define FL_NT (1UL << 14)
#define FL_RF (1UL << 16)
#define FL_VM (1UL << 17)
#define FL_AC (1UL << 18)
#define FL_ID (1UL << 21)
