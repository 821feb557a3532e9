// SPDX-License-Identifier: MIT
//
// Changing one entry of a page table in use: take what the new value stands
// for, write, drop what the old one stood for. If the new value is refused the
// entry stays as it was. An entry that keeps its target needs neither; that is
// the common case of all hypercalls.

#include "abi/errno.h"
#include "mm/l1.h"
#include "mm/tlb.h"

#define TABLE_TARGET (PTE_P | PTE_ADDR)

static bool same_target(u32 level, mfn_t own, u64 a, u64 b)
{
	if (level == 1)
		return ((a ^ b) & L1_TARGET) == 0;
	// An L4 within itself must stay read-only: entry_get looks.
	return ((a ^ b) & TABLE_TARGET) == 0 &&
	       !(level == 4 && mfn_eq(entry_mfn(a), own));
}

static int take(const struct map_ask *ask, const struct entry_change *c,
		u64 old, u64 *value)
{
	if (!(*value & PTE_P))
		return 0;
	if (same_target(c->level, c->table, old, *value))
		return entry_check(ask, c->level, c->index, value);
	return entry_get(ask, c->level, c->index, c->table, value);
}

static void drop(struct vcpu *v, u32 level, mfn_t own, u64 old, u64 value)
{
	if (!(old & PTE_P) ||
	    ((value & PTE_P) && same_target(level, own, old, value)))
		return;
	if (level > 1 && !mfn_eq(entry_mfn(old), own)) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST); // gone, then noted
		type_unlink(entry_mfn(old), tlb_stamp());
		(void)!undo_table(v, entry_mfn(old)); // the caller looks at v
	} else if (entry_put(level, own, old))
		bug("neither a page nor the table itself is undone");
}

static int change_any(struct vcpu *v, const struct map_ask *ask,
		      const struct entry_change *c)
{
	u64 *entry = (u64 *)mfn_virt(c->table) + c->index;
	u64 old = READ_ONCE(*entry);
	u64 value = c->value;
	int err;

	if (unlikely(entry_is_ours(c->level, c->index)))
		return -EINVAL;
	err = take(ask, c, old, &value);
	if (unlikely(err))
		return err;
	if (c->keep_ad && (old & PTE_P))
		write_keeping_ad(entry, value);
	else
		WRITE_ONCE(*entry, value);
	entry_written(ask->d, entry, old, value);
	if (c->level == 4) {
		mirror_entry_written(c->table, c->index, value);
		root_entry_written(ask->d, c->table, c->index, value);
	}
	shadow_entry_gone(ask->d, c->table, c->index);
	drop(v, c->level, c->table, old, value);
	return 0;
}

int entry_change(struct vcpu *v, const struct map_ask *ask,
		 const struct entry_change *c)
{
	if (c->level == 1 &&
	    likely(l1_change(ask, c->table, c->index, c->value, c->keep_ad)))
		return 0;
	return change_any(v, ask, c);
}

// False: A or D were set meanwhile.
static inline bool exchange(const struct map_ask *ask, u64 *entry, u64 old,
			    u64 value)
{
	if (!__atomic_compare_exchange_n(entry, &old, value, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		return false;
	entry_written(ask->d, entry, old, value);
	shadow_entry_gone(ask->d, virt_mfn(entry),
			  (u32)((u64)entry / sizeof(u64) % ENTRIES));
	return true;
}

static int exchange_any(const struct map_ask *ask, u64 *entry, u64 old,
			u64 value)
{
	const struct entry_change c = {.table = MFN_NONE, .level = 1};
	int err = take(ask, &c, old, &value);

	if (err)
		return err;
	if (!exchange(ask, entry, old, value)) {
		drop(NULL, 1, MFN_NONE, value, old);
		return -EAGAIN;
	}
	drop(NULL, 1, MFN_NONE, old, value);
	return 0;
}

int entry_exchange(const struct map_ask *ask, u64 *entry, u64 old, u64 value)
{
	u64 forced = l1_forced(value);

	if (unlikely(!ask->of) || !l1_take(ask->owner, old, forced))
		return exchange_any(ask, entry, old, value);
	if (!exchange(ask, entry, old, forced)) {
		l1_drop(forced, old);
		return -EAGAIN;
	}
	l1_drop(old, forced);
	return 0;
}
