// SPDX-License-Identifier: MIT
//
// The usual changes of a level 1 entry, inline and in one piece: between pages
// of the domain that frames are taken of, rights to the same page, and nothing.
// entry.c is the definition of what an entry may be and holds, and does all
// others. Only that a change of rights alone keeps the reference as it is.
//
// All under the lock of the tables' owner.
#pragma once

#include "cpu/cpu.h"
#include "mm/priv.h"
#include "mm/quick.h"
#include "mm/shadow.h"

#define L1_CACHE (PTE_PWT | PTE_PCD | PTE_PAT)
// Decide what an entry holds, or whether it may.
#define L1_TARGET (PTE_P | PTE_ADDR | PTE_RW | L1_CACHE)

// Do both lead to the same page, by whatever right?
static inline bool l1_same_page(u64 a, u64 b)
{
	return (a & b & PTE_P) && !((a ^ b) & (L1_TARGET & ~(u64)PTE_RW));
}

// Lets go of all that a present entry holds.
static inline void l1_put(u64 entry)
{
	mfn_t mfn = entry_mfn(entry);

	if (unlikely(!quick_is_ram(mfn)))
		return;
	if (!(entry & PTE_RW) || likely(quick_type_put(mfn)))
		quick_put(mfn);
	else
		frame_put_type(mfn);
}

// Takes what an entry holds that leads to a frame of RAM. False: not usual, or
// not allowed, and nothing was taken.
static always_inline bool l1_take_page(u16 owner, mfn_t mfn, bool writable)
{
	if (unlikely(!quick_get(mfn, owner)))
		return false;
	if (!writable || likely(quick_type_get(mfn, TYPE_WRITABLE)))
		return true;
	quick_put(mfn);
	return false;
}

// Takes what `value` holds beyond `old`, of frames of the domain `owner`.
// False: not usual, or not allowed, and nothing was taken.
static inline bool l1_take(u16 owner, u64 old, u64 value)
{
	mfn_t mfn = entry_mfn(value);

	if (!(value & PTE_P))
		return true;
	if (unlikely((value & (PTE_G | L1_CACHE)) || !cpu_features.nx ||
		     !quick_covered(mfn.n)))
		return false;
	if (!l1_same_page(old, value))
		return l1_take_page(owner, mfn, value & PTE_RW);
	if (!((old ^ value) & PTE_RW))
		return true;
	return READ_ONCE(mfn_frame(mfn)->owner) == owner &&
	       (!(value & PTE_RW) || quick_type_get(mfn, TYPE_WRITABLE));
}

// After l1_take(owner, old, value) was true: lets go of what old held beyond
// value. With both exchanged it undoes the taking.
static inline void l1_drop(u64 old, u64 value)
{
	if (!(old & PTE_P))
		return;
	if (!l1_same_page(old, value))
		l1_put(old);
	else if ((old & ~value & PTE_RW) && !quick_type_put(entry_mfn(old)))
		type_put_page(entry_mfn(old));
}

// What is forced on entries of this level.
static inline u64 l1_forced(u64 value)
{
	return value & PTE_P ? value | PTE_US : value;
}

// The processor may set A and D of *entry at any time: they stay.
static inline void write_keeping_ad(u64 *entry, u64 value)
{
	u64 old = READ_ONCE(*entry);

	while (!__atomic_compare_exchange_n(
		entry, &old, value | (old & (PTE_A | PTE_D)), false,
		__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
}

// entry_change() for what is usual. False: it is not, and nothing was done.
static inline bool l1_change(const struct map_ask *ask, mfn_t table, u32 index,
			     u64 value, bool keep_ad)
{
	u64 *entry = (u64 *)mfn_virt(table) + index;
	u64 old = READ_ONCE(*entry);

	value = l1_forced(value);
	if (unlikely(!ask->of) || !l1_take(ask->owner, old, value))
		return false;
	if (keep_ad && (old & PTE_P))
		write_keeping_ad(entry, value);
	else
		WRITE_ONCE(*entry, value);
	entry_written(ask->d, entry, old, value);
	shadow_entry_gone(ask->d, table, index);
	l1_drop(old, value);
	return true;
}
