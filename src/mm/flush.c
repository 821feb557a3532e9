// SPDX-License-Identifier: MIT
//
// Flushes that guests ask for: of everything or one address, on the vCPU that
// asks, on some or on all of its domain. A vCPU that runs nowhere needs none:
// loading it flushes.

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "cpu/uaccess.h"
#include "lib/string.h"
#include "mm/priv.h"
#include "mm/tlb.h"

int flush_read_mask(const struct vcpu *v, gva_t bitmap, struct flush_ask *ask)
{
	u32 bytes = (v->domain->max_vcpus + 7) / 8;

	memset(ask->mask, 0, sizeof(ask->mask));
	ask->where = FLUSH_MASK;
	return guest_read(ask->mask, bitmap, bytes);
}

static bool wants_self(const struct vcpu *v, const struct flush_ask *ask)
{
	return ask->where != FLUSH_MASK ||
	       (ask->mask[v->id / 64] >> (v->id % 64) & 1);
}

// Other processors flush everything; one address is not worth a message.
static void flush_others(struct vcpu *v, const struct flush_ask *ask)
{
	u64 mask[MAX_VCPUS / 64];

	if (ask->where == FLUSH_LOCAL)
		return;
	if (ask->where == FLUSH_MASK)
		memcpy(mask, ask->mask, sizeof(mask));
	else
		memset(mask, 0xff, sizeof(mask));
	mask[v->id / 64] &= ~BIT(v->id % 64);
	tlb_flush_mask(v->domain, mask);
}

// The guest's INVLPG may be all that keeps the TLB from being fresh.
static void flush_address(struct domain *d, gva_t va)
{
	bool done = false;

	if (tlb_is_nearly_fresh(d)) {
		lock_get(&d->lock);
		done = tlb_freshen(d, va);
		lock_put(&d->lock);
	}
	if (!done)
		tlb_invlpg_local(va);
}

static void flush_self(struct vcpu *v, const struct flush_ask *ask)
{
	if (!ask->all)
		flush_address(v->domain, ask->va);
	else if (!tlb_spares_flush(v->domain))
		tlb_flush_later(FLUSH_BEFORE_READ);
}

void flush_do(struct vcpu *v, const struct flush_ask *ask)
{
	if (wants_self(v, ask))
		flush_self(v, ask);
	flush_others(v, ask);
}
