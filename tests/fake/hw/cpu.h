// SPDX-License-Identifier: MIT
//
// Privileged instructions on the host. Each calls a function of the test's if
// it has one of the name (fake_...), and else does nothing and reads zero.
#pragma once

#include "hw/x86.h"
#include "lib/types.h"

#define may_define __attribute__((weak))

struct cpuid {
	u32 a, b, c, d;
};

struct table_register {
	u16 limit;
	u64 base;
} __attribute__((packed));

#define FAKE_READ(type, name)                                   \
	extern may_define type fake_##name(void);               \
	static inline type name(void)                           \
	{                                                       \
		return fake_##name ? fake_##name() : (type){0}; \
	}
#define FAKE_DO(name)                             \
	extern may_define void fake_##name(void); \
	static inline void name(void)             \
	{                                         \
		if (fake_##name)                  \
			fake_##name();            \
	}
#define FAKE_WRITE(name, type)                      \
	extern may_define void fake_##name(type v); \
	static inline void name(type v)             \
	{                                           \
		if (fake_##name)                    \
			fake_##name(v);             \
	}
#define FAKE_READ_AT(type, name, where)                           \
	extern may_define type fake_##name(where at);             \
	static inline type name(where at)                         \
	{                                                         \
		return fake_##name ? fake_##name(at) : (type){0}; \
	}
#define FAKE_WRITE_AT(name, where, type)                      \
	extern may_define void fake_##name(where at, type v); \
	static inline void name(where at, type v)             \
	{                                                     \
		if (fake_##name)                              \
			fake_##name(at, v);                   \
	}

FAKE_READ_AT(u64, rdmsr, u32)
FAKE_WRITE_AT(wrmsr, u32, u64)
FAKE_READ(u64, read_cr0)
FAKE_READ(u64, read_cr2)
FAKE_READ(u64, read_cr3)
FAKE_READ(u64, read_cr4)
FAKE_WRITE(write_cr0, u64)
FAKE_WRITE(write_cr2, u64)
FAKE_WRITE(write_cr3, u64)
FAKE_WRITE(write_cr4, u64)
FAKE_READ(u64, read_dr6)
FAKE_READ(u64, read_dr7)
FAKE_WRITE(write_dr0, u64)
FAKE_WRITE(write_dr1, u64)
FAKE_WRITE(write_dr2, u64)
FAKE_WRITE(write_dr3, u64)
FAKE_WRITE(write_dr6, u64)
FAKE_WRITE(write_dr7, u64)
FAKE_READ(u64, rdtsc)
#define rdtsc_ordered rdtsc
FAKE_DO(cpu_pause)
FAKE_DO(cpu_idle_wait)
FAKE_WRITE(invlpg, u64)
FAKE_DO(wbinvd)
FAKE_DO(clts)
FAKE_DO(swapgs)
FAKE_READ_AT(u64, xgetbv, u32)
FAKE_WRITE_AT(xsetbv, u32, u64)
FAKE_READ_AT(u8, port_inb, u16)
FAKE_READ_AT(u16, port_inw, u16)
FAKE_READ_AT(u32, port_inl, u16)
FAKE_WRITE_AT(port_outb, u16, u8)
FAKE_WRITE_AT(port_outw, u16, u16)
FAKE_WRITE_AT(port_outl, u16, u32)
FAKE_WRITE(lldt, u16)
FAKE_WRITE(ltr, u16)
FAKE_WRITE(lgdt, const struct table_register *)
FAKE_WRITE(lidt, const struct table_register *)
FAKE_WRITE_AT(load_hv_segments, u16, u16)

// Device registers are the test's memory.
static inline u32 mmio_read32(const volatile void *p)
{
	return *(const volatile u32 *)p;
}

static inline void mmio_write32(volatile void *p, u32 v)
{
	*(volatile u32 *)p = v;
}

extern may_define struct cpuid fake_cpuid(u32 leaf, u32 subleaf);
static inline struct cpuid cpuid(u32 leaf, u32 subleaf)
{
	return fake_cpuid ? fake_cpuid(leaf, subleaf) : (struct cpuid){0};
}

static inline _Noreturn void cpu_halt_forever(void)
{
	__builtin_trap();
}
