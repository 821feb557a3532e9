// SPDX-License-Identifier: MIT
//
// The shared page and event channels. Events start masked; the default
// handler counts, and takes all pending ports that are not masked.

#pragma once

#include "abi.h"

extern struct shared_info shared_info;

/* vCPU 0's record: in shared_info until a test registers another place. */
extern volatile struct vcpu_info *vcpu_info;

/* Event callbacks so far, and how often each of the first ports was seen. */
extern volatile u32 event_upcalls;
extern volatile u32 event_count[64];

void event_init(void);
void event_handle(void);

static inline void events_mask(void)
{
	vcpu_info->evtchn_upcall_mask = 1;
	asm volatile("" : : : "memory");
}

/* A plain store: what is already pending waits for the next hypercall. */
static inline void events_unmask(void)
{
	asm volatile("" : : : "memory");
	vcpu_info->evtchn_upcall_mask = 0;
}

/* The cheapest hypercall, for the event check on its way out. */
static inline void hypercall_poke(void)
{
	xen_version(XENVER_version, NULL);
}

void port_mask(u32 port);
/* A store, for a port to which nobody else can send. */
void port_unmask_local(u32 port);
/* A hypercall, for any port. */
void port_unmask(u32 port);
bool port_pending(u32 port);
void port_clear(u32 port);

/* An event port to ourselves: an IPI of vCPU 0. Left unmasked. */
u32 port_bind_ipi(void);
u32 port_bind_virq(u32 virq);
long port_send(u32 port);
long port_close(u32 port);
