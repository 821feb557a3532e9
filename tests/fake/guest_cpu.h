// SPDX-License-Identifier: MIT
//
// A vCPU on the host, for the tests of src/cpu: its kernel stack is host
// memory, what the code under test asks of other parts is noted here.
#pragma once

#include "cpu/cpu.h"
#include "cpu/priv.h"

struct fake_guest {
	struct cpu cpu;
	struct domain domain;
	struct vcpu vcpu;
	struct vcpu_info info;
	struct trap_info traps[256];
	u64 stack[64] __attribute__((aligned(16))); // kernel_sp is its end
	u32 crashes; // calls of domain_crash
	char crash_text[256];
	u32 mode_switches;
	u32 blocked; // calls of vcpu_block
};
extern struct fake_guest guest;

// All as after a reset, in kernel mode; the current processor runs the vCPU.
void fake_guest_init(void);

// Models of MSRs and ports: what was written is read back.
extern u64 fake_msrs[16];
u64 *fake_msr(u32 msr); // the cell of an MSR, 0 where there is none
extern u32 fake_port_value; // what every port reads
extern u32 fake_port_last; // the port last accessed
extern u32 fake_port_written; // and what was written to it
extern u32 fake_port_accesses;
