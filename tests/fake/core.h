// SPDX-License-Identifier: MIT
//
// Fakes for the tests of events, scheduling, hypercalls and domains: a clock
// that the test moves, memory that runs out on demand, and a "guest" whose
// addresses are the host's, some of which can be made unreadable.
#pragma once

#include "cpu/percpu.h"
#include "lib/types.h"

extern u64 fake_now; // what now_ns() says
extern u32 fake_cpus; // what cpu_count() says
// The n-th allocation from now fails (1: the next), 0: none.
extern u32 fake_alloc_fails;
extern u32 fake_allocated; // objects not freed
// Guest copies that touch these bytes fault.
extern const void *fake_fault_at;
extern size_t fake_fault_bytes;
extern bool fake_fault_on_write; // only copies to the guest do
extern u64 fake_guest_written; // bytes that guest_write wrote

// Maps the blocks of n processors; fake_cpu is the first.
void fake_cpus_init(u32 n);

// A guest address for a host pointer.
static inline gva_t gva_of(const void *p)
{
	return (gva_t)(uintptr_t)p;
}
