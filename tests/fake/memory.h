// SPDX-License-Identifier: MIT
//
// A machine's memory in a process: RAM behind the direct map's addresses, the
// real frame table and heap on top, and domains that own frames of it. Guest
// addresses of hypercall arguments are host pointers (core.h); guest virtual
// addresses in page tables are whatever the test likes.
#pragma once

#include "boot/boot.h"
#include "core.h"
#include "domain/domain.h"
#include "hypercall/hypercall.h"
#include "hw/x86.h"
#include "mm/mm.h"
#include "mm/priv.h"

// RAM that most tests use: 16 MiB from 1 MiB on, of which the first MiB is
// "image and modules".
#define FAKE_FIRST 0x200ull // first free frame
#define FAKE_END 0x1100ull
#define FAKE_M2P 0x800000ull // address of its first 2 MiB

// Starts over: memory as above, or as the map says, all of it clear.
void fake_memory_init(void);
void fake_memory_init_map(const struct boot_info *bi);
// The same with 2 MiB from 1 MiB on, for fuzzers: it starts over quickly.
void fake_memory_init_small(void);
// A domain with one vCPU, no memory yet. Id 0 is the control domain.
struct domain *fake_domain(domid_t id, u64 max_pages);
// A cleared frame of d's, by number.
u64 fake_frame(struct domain *d);
// The words of a frame.
u64 *fake_words(u64 mfn);
// Calls a hypercall as a guest would, again and again while it is preempted.
i64 fake_hypercall(struct vcpu *v, hypercall_fn *fn, u64 a, u64 b, u64 c,
		   u64 d);

extern u32 fake_restarts; // of the last fake_hypercall
// Preemption budget used up when a hypercall starts: PREEMPT_BUDGET - 1 makes
// it stop at every step.
extern u32 fake_work;
extern u32 fake_cr3_writes, fake_invlpgs, fake_ipis;
// What another processor does when somebody has looked whether d shares a frame.
extern void (*fake_shares_looked)(const struct domain *d);
extern u32 fake_bad_descriptor; // this many descriptors from now is refused

// An entry.
#define E_RO (PTE_P | PTE_US | PTE_A | PTE_D)
#define E_RW (E_RO | PTE_RW)
static inline u64 entry_of(u64 mfn, u64 flags)
{
	return mfn << PAGE_SHIFT | flags;
}
