// SPDX-License-Identifier: MIT
//
// update_va_mapping: sets the level 1 entry of an address in the caller's own
// tables, and flushes the address if asked to.

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "hypercall/hypercall.h"
#include "mm/priv.h"

static int update(struct vcpu *v, gva_t va, u64 value)
{
	struct domain *d = v->domain;
	struct map_ask ask = {.d = d, .of = d, .owner = d->id};
	struct entry_change c = {
		.level = 1,
		.index = L1_INDEX(va),
		.value = value,
	};
	int err = -EINVAL;

	lock_get(&d->lock);
	c.table = walk_l1_table(v, va);
	if (!mfn_is_none(c.table) && table_level(c.table, d) == 1)
		err = entry_change(v, &ask, &c);
	d->weakened_va = va;
	lock_put(&d->lock);
	return err;
}

// What to flush afterwards. False: nothing.
static bool flush_decode(struct vcpu *v, gva_t va, u64 flags,
			 struct flush_ask *ask, int *err)
{
	u64 what = flags & UVMF_FLUSHTYPE_MASK;
	u64 where = flags & ~UVMF_FLUSHTYPE_MASK;

	*err = 0;
	if (what != UVMF_TLB_FLUSH && what != UVMF_INVLPG)
		return false;
	ask->va = va;
	ask->all = what == UVMF_TLB_FLUSH;
	ask->where = where == UVMF_ALL ? FLUSH_DOMAIN : FLUSH_LOCAL;
	if (where != UVMF_ALL && where != UVMF_LOCAL)
		*err = flush_read_mask(v, where, ask);
	return true;
}

i64 hc_update_va_mapping(struct vcpu *v, struct hcall *h)
{
	struct flush_ask ask;
	bool wants_flush;
	int err;

	if (unlikely(undo_finish(v)))
		return hypercall_restart(h);
	wants_flush = flush_decode(v, h->arg[0], h->arg[2], &ask, &err);
	if (!err)
		err = update(v, h->arg[0], h->arg[1]);
	if (!err && wants_flush)
		flush_do(v, &ask);
	(void)preempt_due(1);
	return err;
}
