// SPDX-License-Identifier: MIT
//
// One inline function per privileged or special instruction. This folder is
// the only place with such code; host tests replace it by tests/fake/hw/.
#pragma once

#include "hw/x86.h"
#include "lib/types.h"

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr"
		     :
		     : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32))
		     : "memory");
}

#define CR_ACCESS(n)                                                       \
	static inline u64 read_cr##n(void)                                 \
	{                                                                  \
		u64 v;                                                     \
                                                                           \
		asm volatile("mov %%cr" #n ", %0" : "=r"(v) : : "memory"); \
		return v;                                                  \
	}                                                                  \
	static inline void write_cr##n(u64 v)                              \
	{                                                                  \
		asm volatile("mov %0, %%cr" #n : : "r"(v) : "memory");     \
	}
CR_ACCESS(0)
CR_ACCESS(2)
CR_ACCESS(3)
CR_ACCESS(4)
#undef CR_ACCESS

#define DR_ACCESS(n)                                                   \
	static inline u64 read_dr##n(void)                             \
	{                                                              \
		u64 v;                                                 \
                                                                       \
		asm volatile("mov %%db" #n ", %0" : "=r"(v));          \
		return v;                                              \
	}                                                              \
	static inline void write_dr##n(u64 v)                          \
	{                                                              \
		asm volatile("mov %0, %%db" #n : : "r"(v) : "memory"); \
	}
DR_ACCESS(0)
DR_ACCESS(1)
DR_ACCESS(2)
DR_ACCESS(3)
DR_ACCESS(6)
DR_ACCESS(7)
#undef DR_ACCESS

struct cpuid {
	u32 a, b, c, d;
};

static inline struct cpuid cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid r;

	asm volatile("cpuid"
		     : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
		     : "a"(leaf), "c"(subleaf));
	return r;
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (u64)hi << 32 | lo;
}

// Not before earlier loads are done.
static inline u64 rdtsc_ordered(void)
{
	asm volatile("lfence" : : : "memory");
	return rdtsc();
}

static inline void cpu_pause(void)
{
	asm volatile("pause" : : : "memory");
}

// Enables interrupts, sleeps until one came and was handled, disables again.
static inline void cpu_idle_wait(void)
{
	asm volatile("sti; hlt; cli" : : : "memory");
}

// Lets interrupts in for a moment. With the PAUSE behind the STI, QEMU 7.2
// forgets to end the STI's shadow; its next STI has none then, and an interrupt
// that comes between the STI and the HLT above is slept over.
static inline void cpu_idle_poll(void)
{
	asm volatile("pause; sti; nop; cli" : : : "memory");
}

static inline no_return void cpu_halt_forever(void)
{
	for (;;)
		asm volatile("cli; hlt" : : : "memory");
}

static inline void invlpg(u64 va)
{
	asm volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void wbinvd(void)
{
	asm volatile("wbinvd" : : : "memory");
}

static inline void clts(void)
{
	asm volatile("clts" : : : "memory");
}

static inline void swapgs(void)
{
	asm volatile("swapgs" : : : "memory");
}

static inline void xsetbv(u32 index, u64 value)
{
	asm volatile("xsetbv"
		     :
		     : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)));
}

static inline u64 xgetbv(u32 index)
{
	u32 lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(index));
	return (u64)hi << 32 | lo;
}

#define PORT_ACCESS(suffix, type)                                             \
	static inline type port_in##suffix(u16 port)                          \
	{                                                                     \
		type v;                                                       \
                                                                              \
		asm volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port));  \
		return v;                                                     \
	}                                                                     \
	static inline void port_out##suffix(u16 port, type v)                 \
	{                                                                     \
		asm volatile("out" #suffix " %0, %1" : : "a"(v), "Nd"(port)); \
	}
PORT_ACCESS(b, u8)
PORT_ACCESS(w, u16)
PORT_ACCESS(l, u32)
#undef PORT_ACCESS

static inline u32 mmio_read32(const volatile void *p)
{
	return *(const volatile u32 *)p;
}

static inline void mmio_write32(volatile void *p, u32 v)
{
	*(volatile u32 *)p = v;
}

struct table_register {
	u16 limit;
	u64 base;
} __attribute__((packed));

static inline void lgdt(const struct table_register *t)
{
	asm volatile("lgdt %0" : : "m"(*t));
}

static inline void lidt(const struct table_register *t)
{
	asm volatile("lidt %0" : : "m"(*t));
}

// After LGDT: CS by a far return, SS, and nothing in the others.
static inline void load_hv_segments(u16 cs, u16 ds)
{
	u64 scratch;

	asm volatile("lea 1f(%%rip), %0\n"
		     "push %1\n"
		     "push %0\n"
		     "lretq\n"
		     "1: mov %2, %%ss\n"
		     "mov %3, %%ds\n"
		     "mov %3, %%es\n"
		     "mov %3, %%fs\n"
		     "mov %3, %%gs\n"
		     : "=&r"(scratch)
		     : "r"((u64)cs), "r"((u32)ds), "r"(0)
		     : "memory");
}

static inline void lldt(u16 sel)
{
	asm volatile("lldt %0" : : "r"(sel));
}

static inline void ltr(u16 sel)
{
	asm volatile("ltr %0" : : "r"(sel));
}
