// SPDX-License-Identifier: MIT
//
// Hypercalls: decode, dispatch, restart. A handler sees its arguments in
// struct hcall, never the register frame, so it works the same when called
// from a multicall. To be preempted it stores adjusted arguments in h->arg and
// returns hypercall_restart(h).
#pragma once

#include "lib/types.h"

struct regs;
struct vcpu;

struct hcall {
	u64 nr; // hypercall number, may carry a continuation when restarted
	u64 arg[6];
	bool restart; // set by hypercall_restart
};

// Returns what goes to the guest's RAX: 0, a number, or a negative errno.
typedef i64 hypercall_fn(struct vcpu *v, struct hcall *h);

#define HYPERCALL_MAX 64
extern hypercall_fn *const hypercall_table[HYPERCALL_MAX];

// Runs the hypercall in r of the current vCPU, the guest kernel's `syscall`.
// The result goes to RAX whatever the handler did to the frame, so iret returns
// the RAX it wants.
void hypercall_entry(struct vcpu *v, struct regs *r);

// Looks h->nr up and calls its handler; -ENOSYS for what there is not.
i64 hypercall_call(struct vcpu *v, struct hcall *h);

// The handler's way to stop early: the guest repeats the call with h->arg.
static inline i64 hypercall_restart(struct hcall *h)
{
	h->restart = true;
	return 0;
}

// Fills a guest's hypercall page (4 KiB at page) with 32-byte entries.
void hypercall_page_fill(void *page);

// Each family's entry, in the file named after it.
hypercall_fn hc_multicall, hc_xen_version, hc_console_io, hc_sched_op,
	hc_vcpu_op, hc_event_channel_op, hc_grant_table_op, hc_physdev_op,
	hc_platform_op, hc_set_timer_op, hc_vm_assist, hc_set_trap_table,
	hc_set_gdt, hc_stack_switch, hc_set_callbacks, hc_callback_op,
	hc_fpu_taskswitch, hc_set_debugreg, hc_get_debugreg,
	hc_update_descriptor, hc_set_segment_base, hc_iret, hc_nmi_op,
	hc_sched_op_compat, hc_mmu_update, hc_mmuext_op, hc_update_va_mapping,
	hc_memory_op, hc_domctl, hc_sysctl;
