// SPDX-License-Identifier: MIT
//
// Fixed-width names and the number kinds of the hypervisor. A machine frame
// number is a structure of its own so that it cannot be mixed up with an
// address, a guest's pseudo-physical frame number or a count.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t i32;
typedef int64_t i64;

// Machine frame number: number of a 4 KiB frame of the physical address space.
typedef struct {
	u64 n;
} mfn_t;

typedef u64 maddr_t; // machine (physical) address, bytes
typedef u64 gva_t; // virtual address in a guest; never dereferenced directly

#define MFN(x) ((mfn_t){(x)})
#define MFN_NONE MFN(~0ull)

// Comparing, and frame number from and to the address of its first byte.
static inline bool mfn_eq(mfn_t a, mfn_t b)
{
	return a.n == b.n;
}

static inline bool mfn_is_none(mfn_t m)
{
	return m.n == ~0ull;
}

static inline mfn_t maddr_mfn(maddr_t a)
{
	return MFN(a >> 12);
}

static inline maddr_t mfn_maddr(mfn_t m)
{
	return m.n << 12;
}

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096ull
#define PAGE_MASK (~(PAGE_SIZE - 1))

#define KIB(n) ((u64)(n) << 10)
#define MIB(n) ((u64)(n) << 20)
#define GIB(n) ((u64)(n) << 30)

#define BIT(n) (1ull << (n))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a) (((x) + (a)-1) & ~((u64)(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((u64)(a)-1))
#define PAGES_OF(bytes) (((u64)(bytes) + PAGE_SIZE - 1) >> PAGE_SHIFT)

#define min(a, b)                     \
	({                            \
		__auto_type a_ = (a); \
		__auto_type b_ = (b); \
		a_ < b_ ? a_ : b_;    \
	})
#define max(a, b)                     \
	({                            \
		__auto_type a_ = (a); \
		__auto_type b_ = (b); \
		a_ > b_ ? a_ : b_;    \
	})

#define container_of(p, type, member) \
	((type *)(void *)((char *)(p)-offsetof(type, member)))

#define must_check __attribute__((warn_unused_result))
#define no_return _Noreturn
#define printf_like(f, a) __attribute__((format(printf, f, a)))
#define no_inline __attribute__((noinline))
#define always_inline inline __attribute__((always_inline))
#define maybe_unused __attribute__((unused))
// What a guest's task switch goes through, and nothing else: the compiler takes
// more trouble over it. Where it lies in memory hv.lds.S says, function by
// function: CR3 is written there, and each page that is used afterwards is a TLB
// entry to be filled again.
#define hot_code __attribute__((hot))
#define hot_const __attribute__((section(".data.rel.ro.hot")))
#define hot_data __attribute__((section(".data.hot")))
#define hot_table __attribute__((section(".data.hot.table"))) // behind those
// Rarely called: compilers keep what leads there out of the common path's way.
#define cold_code __attribute__((cold))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

// A plain load or store the compiler must do exactly once, for memory that a
// guest or another processor writes at the same time.
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
