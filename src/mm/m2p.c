// SPDX-License-Identifier: MIT
//
// The machine-to-physical table: for each frame the number its guest knows it
// by. Guests read it at M2P_BASE; we write it by a mapping of our own. It is
// made of 2 MiB pages, as the ABI promises to the tools that map it by frame;
// there is one wherever there is RAM, and unused entries are all ones.

#include "hw/x86.h"
#include "lib/string.h"
#include "mm/dirty.h"
#include "mm/m2p.h"
#include "mm/priv.h"

#define PER_CHUNK (LARGE_PAGE / sizeof(u64)) // frames: 1 GiB

static u64 *rw_entry(u64 n)
{
	return (u64 *)M2P_RW_BASE + n;
}

static void map_for_guests(u64 va, maddr_t page)
{
	const u64 flags = PTE_P | PTE_US | PTE_A | PTE_NX | PTE_PSE;

	memset((void *)va, 0xff, LARGE_PAGE);
	*hvmap_entry(va - M2P_RW_BASE + M2P_BASE, 2) = page | flags;
}

void m2p_init(void)
{
	const struct ram_range *r;

	for (u32 i = 0; (r = ram_range(i)) != NULL; i++)
		hvmap_back((u64)rw_entry(r->first),
			   (r->end - r->first) * sizeof(u64), map_for_guests);
}

void m2p_set(mfn_t mfn, u64 pfn)
{
	WRITE_ONCE(*rw_entry(mfn.n), pfn);
	dirty_mark(mfn);
}

u64 m2p_get(mfn_t mfn)
{
	return READ_ONCE(*rw_entry(mfn.n));
}

mfn_t m2p_chunk(u64 i)
{
	u64 e;

	if (i * PER_CHUNK >= frame_limit())
		return MFN_NONE;
	e = *hvmap_entry((u64)rw_entry(i * PER_CHUNK), 2);
	return e & PTE_P ? maddr_mfn(e & PTE_ADDR) : MFN_NONE;
}

bool m2p_has_frame(mfn_t mfn)
{
	u64 first = ALIGN_DOWN(mfn.n, LARGE_PAGE >> PAGE_SHIFT);

	for (u64 i = 0; i * PER_CHUNK < frame_limit(); i++)
		if (m2p_chunk(i).n == first)
			return true;
	return false;
}
