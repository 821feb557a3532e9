// SPDX-License-Identifier: MIT
//
// What is counted, for administrators and `bench/`: every way from a guest
// into the hypervisor and what it cost. A running vCPU counts for itself, an
// idle processor for its own: plain increments of memory that nobody else
// writes. count() is in cpu/percpu.h; names and sums are in cpu/counters.c.
#pragma once

#include "lib/types.h"

struct vcpu;

#define COUNTER_HYPERCALLS 64 // as HYPERCALL_MAX
#define COUNTER_TRAPS 32
#define COUNTER_EMULATED 20 // as OP_MAX in cpu/priv.h

enum counter {
	// From the guest and back.
	CNT_SYSCALL, // system calls bounced to guest kernels, SYSENTER included
	CNT_HYPERCALL, // by number, those in multicalls included
	CNT_HYPERCALL_LAST = CNT_HYPERCALL + COUNTER_HYPERCALLS - 1,
	CNT_TRAP, // exceptions bounced to guest kernels, by vector below 32
	CNT_TRAP_LAST = CNT_TRAP + COUNTER_TRAPS - 1,
	CNT_SOFT_INT, // INT n bounced to guest kernels
	CNT_EMUL, // privileged instructions emulated, by enum emul_op
	CNT_EMUL_LAST = CNT_EMUL + COUNTER_EMULATED - 1,
	CNT_IO, // port accesses done for guests
	CNT_PTWR, // page-table writes emulated
	CNT_PF_SPURIOUS, // page faults with nothing left to do
	CNT_FPU, // FPU traps that only concerned us

	// Interrupts of the machine.
	CNT_IRQ_DEVICE,
	CNT_IRQ_TIMER,
	CNT_IRQ_FLUSH, // another processor asks for a TLB flush
	CNT_IRQ_KICK, // or to look at its pending work
	CNT_IRQ_OTHER,

	// Events.
	CNT_EVENT, // upcalls delivered
	CNT_NMI, // NMIs delivered
	CNT_EVENT_SEND, // EVTCHNOP_send
	CNT_EVENT_RAISE, // ports made pending, for any reason and any domain

	// Address spaces.
	CNT_CR3, // CR3 writes, for any reason
	CNT_CR3_MODE, // of these: guest user/kernel switches
	CNT_CR3_GATE, // of these: through the closed gate, in and out
	CNT_CR3_ROOT, // of these: new root, new vCPU
	CNT_CR4, // CR4 writes
	CNT_FLUSH, // TLB flushes of the whole, on the processor itself
	CNT_FLUSH_ASKED, // processors asked to flush: frames change their use
	CNT_FLUSH_ASKED_GUEST, // because guests want it
	CNT_FLUSH_ASKED_WRAP, // because the TLB clock has come round
	CNT_INVLPG, // single invalidations
	CNT_MMU_UPDATE, // requests in mmu_update calls

	CNT_SWITCH, // vCPUs loaded
	CNT_MAX,
};

// Takes over what v, which is about to be freed, has counted.
void counters_leave(const struct vcpu *v);
// All processors' and vCPUs', also of those that are gone, since the start or
// counters_reset().
u64 counter_total(u32 which);
void counters_reset(void);

// A counter, or several of a kind.
struct counter_group {
	const char *name;
	u16 first, n;
	const char *const *names; // of each, or 0: it has none. 0 when n is 1
};
extern const struct counter_group counter_groups[];
extern const u32 counter_group_count;

// Debug key 'c': the sums that `bench/` reads, in one line.
void counters_print(void);
// Debug key 'C': what each vCPU and each idle processor has counted.
void counters_print_all(void);
