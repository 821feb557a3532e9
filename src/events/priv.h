// SPDX-License-Identifier: MIT
//
// Shared between the files of events/: the port tables and their locks.
#pragma once

#include "events/events.h"

// The port's structure, or 0 when d has no such port. It stays until d dies;
// its contents are guarded by d->event_lock.
struct port *port_at(const struct domain *d, u32 port);

// Finds a free port of d and reserves it. event_lock held. Errors: -EINVAL d
// is dying, -ENOSPC all in use, -ENOMEM.
int must_check port_alloc(struct domain *d, u32 *port);
// Makes it free and takes back what it announced. event_lock held.
void port_free(struct domain *d, u32 port);

// Closes a port of d in any state. -EINVAL when it is not open.
int port_close(struct domain *d, u32 port);

// A virq of the machine: one domain gets it, and not each vCPU its own.
bool virq_is_global(u32 virq);

// Clears a port's mask; announces what it held back.
void port_unmask(struct domain *d, u32 port);

// Operations with two domains (interdomain.c).
int must_check port_bind_interdomain(struct domain *d, struct domain *remote,
				     u32 remote_port, u32 *port);
