// SPDX-License-Identifier: MIT
//
// See tlb.h.
#include "tlb.h"

#include <string.h>

#include "cpu/percpu.h"
#include "memory.h"
#include "must.h"

#define KNOWN 8192 // places; a power of two

static struct fake_translation known[KNOWN]; // entry 0: free
static u32 used[KNOWN], nr_used; // places that are not

static u32 place_of(const struct fake_translation *t)
{
	u64 hash = (t->va * 31 + t->entry) * 0x9e3779b97f4a7c15ull;
	u32 i = (u32)(hash >> 51) % KNOWN;

	while (known[i].entry &&
	       (known[i].va != t->va || known[i].entry != t->entry))
		i = (i + 1) % KNOWN;
	return i;
}

static void learn_one(struct fake_translation t)
{
	u32 i = place_of(&t);

	if (known[i].entry)
		return;
	must(nr_used < KNOWN / 2);
	known[i] = t;
	used[nr_used++] = i;
}

static const u64 *root(void)
{
	u64 cr3 = cpu_this()->cr3;

	return cr3 && cr3 != mfn_maddr(hv_root()) ? maddr_virt(cr3) : NULL;
}

// A root may map itself, where it is taken for a lower table.
static bool is_ours(const u64 *table, u64 i)
{
	return table == root() && entry_is_ours(4, (u32)i);
}

static void learn_table(const u64 *table, u32 level, u64 va, u64 rights)
{
	for (u64 i = 0; i < ENTRIES; i++) {
		u64 at = va | i << (PAGE_SHIFT + 9 * (level - 1));
		u64 e = table[i];

		if (!(e & PTE_P) || is_ours(table, i))
			continue;
		if (level == 1)
			learn_one((struct fake_translation){
				at, e & (rights | ~(u64)PTE_RW)});
		else
			learn_table(mfn_virt(entry_mfn(e)), level - 1, at,
				    rights & e);
	}
}

void fake_tlb_learn(void)
{
	if (root())
		learn_table(root(), 4, 0, PTE_RW);
}

void fake_tlb_each(void (*fn)(const struct fake_translation *t))
{
	for (u32 i = 0; i < nr_used; i++)
		if (known[used[i]].entry)
			fn(&known[used[i]]);
}

const struct fake_translation *fake_tlb_one(u32 i)
{
	return nr_used ? &known[used[i % nr_used]] : NULL;
}

u64 fake_tlb_walk(u64 va)
{
	const u64 *table = root();
	u64 rights = PTE_RW;

	for (u32 level = 4; table; level--) {
		u64 e = table[table_index(va, level)];

		if (!(e & PTE_P))
			break;
		if (level == 1)
			return e & (rights | ~(u64)PTE_RW);
		rights &= e;
		table = mfn_virt(entry_mfn(e));
	}
	return 0;
}

void fake_tlb_flush(void)
{
	for (u32 i = 0; i < nr_used; i++)
		known[used[i]].entry = 0;
	nr_used = 0;
}

// Places stay where they are: those that are left are learnt anew.
void fake_tlb_invlpg(u64 va)
{
	static struct fake_translation left[KNOWN];
	u32 n = 0;

	for (u32 i = 0; i < nr_used; i++)
		if (known[used[i]].va != va)
			left[n++] = known[used[i]];
	fake_tlb_flush();
	for (u32 i = 0; i < n; i++)
		learn_one(left[i]);
}
