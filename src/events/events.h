// SPDX-License-Identifier: MIT
//
// Event channels: the interrupts of a paravirtual guest. A port is a number in
// a domain; what it is bound to is the port's state. Delivery is the 2-level
// bitmap ABI of shared_info.
#pragma once

#include "domain/domain.h"

enum port_state {
	PORT_FREE,
	PORT_RESERVED, // allocated, not yet bound
	PORT_UNBOUND, // waits for remote_domid to bind to it
	PORT_INTERDOMAIN,
	PORT_PIRQ,
	PORT_VIRQ,
	PORT_IPI,
};

struct port {
	enum port_state state;
	u32 vcpu; // notified vCPU
	union {
		domid_t remote_domid; // UNBOUND
		struct {
			struct domain *remote;
			u32 remote_port;
		} inter;
		u32 pirq;
		u32 virq;
	};
};

#define PORTS_MAX 4096 // 2-level ABI, 64-bit guest
#define PORTS_PER_BUCKET 128

// The tables of a new domain. 0 or -ENOMEM (events_domain_free all the same).
int must_check events_domain_init(struct domain *d);
// Closes all ports from port `first` on. 0 when that is done, or, preempted, the
// port to go on with.
u32 must_check events_close_all(struct domain *d, u32 first);
void events_domain_free(struct domain *d); // then: frees the structures

// Raises a port of d, which is valid: sets the bits, wakes the vCPU. Takes no
// event lock; may be called with one held.
void port_raise(struct domain *d, u32 port);
// Sends by d's port as d itself would. -EINVAL: not a port to send by. Takes
// the event lock.
int port_send(struct domain *d, u32 port);
// Raises a per-vCPU virq; nothing when the guest has not bound it.
void virq_raise(struct vcpu *v, u32 virq);
// Raises a global virq of the domain that handles it.
void virq_raise_global(u32 virq);
// Makes d, and no longer dom0, that domain until it dies. -EINVAL: it is dying,
// or there is no such virq, or one that every vCPU has for itself. The caller
// holds domctl's lock, which d's end needs.
int must_check virq_set_handler(const struct domain *d, u32 virq);
// dom0 handles again what d did, which is dying.
void virq_drop_handler(const struct domain *d);
// Marks the vCPU's upcall pending without a port (after re-registration).
void event_mark_pending(struct vcpu *v);
// True when v has an event that it would take now.
static inline bool event_deliverable(const struct vcpu *v)
{
	return READ_ONCE(v->info->evtchn_upcall_pending) &&
	       !READ_ONCE(v->info->evtchn_upcall_mask);
}
// True when d has such a port, open or not.
bool port_valid(const struct domain *d, u32 port);
// True when the port's pending bit is set. The port must be valid.
bool port_pending(const struct domain *d, u32 port);
// The vCPU that a valid port tells. It may be another one the next moment.
struct vcpu *port_vcpu(const struct domain *d, u32 port);
