// SPDX-License-Identifier: MIT
//
// Between the dispatcher of domctl and its families. Each handler gets our copy
// of the argument, which the dispatcher read once, checks what it uses, and
// leaves its answers there; the table in domctl.c says whether they are written
// back. All of them run under one lock, so they need not fear each other.
#pragma once

#include "abi/xen.h"
#include "domain/domain.h"

struct domctl {
	const struct vcpu *caller;
	struct domain *d; // the target, where the table asks for one
	struct xen_domctl *op;
};

// 0, a negative errno, or -ERESTART: call again with the same argument.
typedef int domctl_fn(const struct domctl *c);

// domctl_create.c: a domain's beginning and end
domctl_fn domctl_create, domctl_destroy, domctl_pause, domctl_unpause,
	domctl_resume, domctl_set_handle;
// domctl_info.c: what is known about it
domctl_fn domctl_get_info, domctl_get_vcpu_info;
// domctl_vcpu.c: its vCPUs
domctl_fn domctl_max_vcpus, domctl_set_context, domctl_get_context,
	domctl_send_trigger;
// domctl_state.c: the rest of what is saved and restored of them
domctl_fn domctl_set_callbacks, domctl_get_callbacks, domctl_set_xstate,
	domctl_get_xstate, domctl_set_msrs, domctl_get_msrs;
// domctl_sched.c: where and how much they run
domctl_fn domctl_set_affinity, domctl_get_affinity, domctl_set_nodes,
	domctl_get_nodes, domctl_scheduler;
// domctl_memory.c: its memory
domctl_fn domctl_max_mem, domctl_page_types, domctl_hypercall_page,
	domctl_shadow;
// domctl_access.c: which devices it may touch
domctl_fn domctl_iomem, domctl_ioports, domctl_irq, domctl_no_device;
// domctl_notify.c: who is told what happens
domctl_fn domctl_subscribe, domctl_set_virq_handler, domctl_set_debugging;
// domctl_time.c: its clocks
domctl_fn domctl_set_time_offset, domctl_set_tsc, domctl_get_tsc;
// domctl_policy.c: its processor
domctl_fn domctl_set_policy, domctl_get_policy, domctl_set_address_size,
	domctl_get_address_size;

// vCPU id of d, or 0.
struct vcpu *domctl_vcpu(const struct domain *d, u32 id);

// Keeps v from running and has its registers in v and nowhere else, until
// vcpu_unpause.
void domctl_hold(struct vcpu *v);

// What the tools want to know about every domain.
void domain_info_get(const struct domain *d,
		     struct xen_domctl_getdomaininfo *info);
