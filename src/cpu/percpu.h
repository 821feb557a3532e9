// SPDX-License-Identifier: MIT
//
// What one processor owns. Each has a block of PERCPU_SIZE bytes of addresses,
// aligned to its size: entry stubs, this structure, stacks, and the windows
// through which the running vCPU's GDT and LDT are seen (config.h has the
// offsets). A stack pointer rounded down finds the block, so the hypervisor
// needs no segment register of its own: GS belongs to the guest (gate.md S8).
#pragma once

#include "config.h"
#include "cpu/counters.h"
#include "cpu/lockcheck.h"
#include "cpu/regs.h"
#include "hw/percpu.h"
#include "lib/lock.h"
#include "lib/types.h"
#include "sched/timer.h"

struct vcpu;

// Bits of cpu->pending: rare work for the way out to the guest.
#define PENDING_SCHED 0x1u // ask the scheduler who runs next
#define PENDING_TIMER 0x2u // the timer interrupt came: run expired timers
#define PENDING_NMI 0x4u // an NMI for dom0 came: wake it
#define PENDING_PARK 0x10u // somebody wants all others to stand still
#define PENDING_EVENT 0x20u // the running vCPU was told of an event
#define PENDING_ROOT 0x8u // the loaded vCPU's root must be reloaded
#define PENDING_FLUSH 0x40u // flush_due

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 iomap_base;
} __attribute__((packed));

struct cpu {
	// Used by the entry stubs, RIP-relative: keep the first two first.
	u64 guest_rsp; // scratch: where SYSCALL entry parks the guest's RSP
	u64 stack_top; // end of the main stack, just above struct regs
	struct cpu *self;

	u32 id; // 0.. in the order found; 0 is the boot processor
	u32 apic_id;
	u32 acpi_id;
	bool online;

	u32 pending; // PENDING_* ; atomic or of others, cleared by us
	struct vcpu *curr; // running vCPU, 0 when idle
	struct vcpu *loaded; // whose state is in the registers (lazy when idle)
	struct vcpu *rooted; // whose root CR3 may hold
	struct vcpu *fpu_owner; // whose FPU state is live in the registers
	u64 cr3; // what CR3 holds, to save a read; or next holds
	u64 left_root; // of a guest: CR3 may hold it still (root_next); or 0
	u32 work; // preemption budget used since entry (preempt_due)
	struct timer_queue timers;
	u64 count[CNT_MAX]; // while idle
	u64 count_shift; // bytes from here to those of curr; 0: our own

	u32 fault_vector, fault_error; // last fault that the extable caught
	u16 star_user; // what SYSRET makes selectors from
	u32 ldt_entries; // length of the LDT that LDTR points at
	bool ts; // CR0.TS is set
	bool breakpoints; // DR7 has some enabled
	u64 cr4; // what CR4 holds
	u64 xcr0; // what XCR0 holds, 0 without XSAVE
	u64 tsc_aux; // what the MSR holds

	struct mirrors *mirrors; // copies of roots (mm/mirror.c), or 0
	bool closed; // the closed gate's tables and entries are loaded

	u32 flush_stamp; // tlb clock value of our last full flush
	u64 fresh; // the TLB is as it would be after a flush when `weakened` of
		// the loaded vCPU's domain was this (mm/fresh.c)
	u64 fresh_widened; // and its `widened` this
	u32 flush_due; // FLUSH_*: one that was put off (mm/tlb.h)
	// Others count wanted up and wait until done has followed.
	u32 flush_wanted, flush_done;
	bool flush_late; // flush before a guest runs again
	bool flush_owed; // flush if a guest's fault seems to need it (mm/fresh.c)
	bool flushed_idle; // somebody had to wake us for a flush
	bool polls; // looks at pending without being interrupted
	u64 poll_ns; // how long it does, when idle
	bool called; // another processor had work for it, since it is idle
	u64 idle_took_ns; // how long it was idle the last time
	u64 halted_ns; // in all, but for
	u64 halted_since_ns; // ... the present time, 0 while awake

	struct held_locks locks; // debug builds only
	u64 alive_ns; // irq/watchdog.c: when it last said so
	u32 nmi_ask; // what others want to know by NMI
};

_Static_assert(sizeof(struct cpu) <= PERCPU_DATA_SIZE, "fits its place");
_Static_assert(PERCPU_DATA == PERCPU_STACK + PERCPU_STACK_SIZE, "one page");

// cpu_this() is in hw/percpu.h: from the stack pointer here, a plain variable
// in host tests. Base address of a processor's block:
static inline u64 percpu_base(u32 cpu)
{
	return PERCPU_BASE + (u64)cpu * PERCPU_SIZE;
}

// The structure of another processor, id below cpu_count().
static inline struct cpu *cpu_of(u32 cpu)
{
	return (struct cpu *)(percpu_base(cpu) + PERCPU_DATA);
}

// The frame of the guest that entered last on this processor.
static inline struct regs *guest_regs(void)
{
	return (struct regs *)(cpu_this()->stack_top - sizeof(struct regs));
}

// The counters of who runs on c.
static inline u64 *cpu_counters(struct cpu *c)
{
	return (u64 *)((char *)c->count + c->count_shift);
}

// One more of c, for who runs here.
static inline void count(enum counter c)
{
	cpu_counters(cpu_this())[c]++;
}

// n more of c.
static inline void count_more(enum counter c, u64 n)
{
	cpu_counters(cpu_this())[c] += n;
}

// One more of the i-th in a group of counters.
static inline void count_nth(enum counter first, u64 i)
{
	cpu_counters(cpu_this())[first + i]++;
}

// From now on c counts for v, which runs there; 0: for itself, idle.
static inline void count_for(struct cpu *c, u64 *vcpu_counters)
{
	c->count_shift = vcpu_counters ? (u64)vcpu_counters - (u64)c->count : 0;
}

// Sets PENDING_* bits of any processor. It sees them on its way out; one that
// sleeps or runs a guest needs a VEC_IPI_KICK besides.
static inline void cpu_pend(struct cpu *c, u32 bits)
{
	__atomic_or_fetch(&c->pending, bits, __ATOMIC_SEQ_CST);
}

// Number of processors found and started.
u32 cpu_count(void);
// How long a processor was halted in all.
u64 cpu_halted_ns(const struct cpu *c);

// Does what others wait for (a flush), since interrupts are off here.
cold_code void cpu_answer(void);

// Long hypercalls call this with the work units (table entries, frames, array
// elements) done since the last call. True when it is time to stop, keep the
// progress and return hypercall_restart(): about 100 us of work. Others that
// wait for an answer of this processor get it here.
#define PREEMPT_BUDGET 4096u
static inline bool preempt_due(u32 units)
{
	struct cpu *c = cpu_this();

	if (unlikely(READ_ONCE(c->flush_wanted) != c->flush_done))
		cpu_answer();
	c->work += units;
	return c->work >= PREEMPT_BUDGET;
}
