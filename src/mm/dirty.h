// SPDX-License-Identifier: MIT
//
// The log of written pages that live migration needs: a bit for each page of a
// domain, numbered as its guest does, set by every write since the tools last
// asked. What the guest itself writes is found out by shadows (mm/shadow.c);
// whoever writes to a guest's frame by the direct map calls dirty_mark
// afterwards.
#pragma once

#include "lib/types.h"
#include "mm/mm.h"

struct domain;
struct xen_domctl_shadow_op;

extern u32 dirty_logs; // domains that have a log at work

// Starts a log for d, whose vCPUs must be held (domctl_hold). -EINVAL it has
// one, -EOPNOTSUPP its roots are not its own, -ENOMEM.
int must_check dirty_start(struct domain *d);
bool dirty_is_on(const struct domain *d);
// Ends it, likewise; harmless without one.
void dirty_stop(struct domain *d);
// When d is freed.
void dirty_free(struct domain *d);
// Tells of up to op->pages pages at op->dirty_bitmap (0: of none), and how many
// were written; with `clean` the log begins anew. -EINVAL no log, -EFAULT.
int must_check dirty_read(struct domain *d, struct xen_domctl_shadow_op *op,
			  bool clean);

// The part of dirty_mark for when there is a log.
void dirty_note(mfn_t mfn);

// Somebody wrote to a frame, or gave it another number. Any frame of RAM.
static inline void dirty_mark(mfn_t mfn)
{
	if (unlikely(READ_ONCE(dirty_logs)))
		dirty_note(mfn);
}
