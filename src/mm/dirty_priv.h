// SPDX-License-Identifier: MIT
//
// What dirty.c and shadow.c share.
#pragma once

#include "lib/lock.h"
#include "mm/dirty.h"
#include "mm/priv.h"

#define DIRTY_BITS_SHIFT 15 // pages that one page of bits is about: 128 MiB
#define DIRTY_CHUNKS 4096u // 512 GiB
#define SHADOW_BUCKETS 2048u

struct shadow;

struct dirty_log {
	bool active; // changes while the domain's vCPUs are held
	bool lost; // memory ran out: everything counts as written
	u64 *bits[DIRTY_CHUNKS]; // pages, made when first needed
	u32 faults; // that marked a page, since the last cleaning

	// Guards the shadows, and that bits and shadows agree. Innermost but
	// for those of the heap: page faults of the hypervisor's own accesses
	// to guests take it.
	struct lock lock;
	struct shadow *bucket[SHADOW_BUCKETS];
	u64 left; // that may still be made: a guest's whims are not ours to pay
};

// The domain's log if it is at work, or 0.
static inline struct dirty_log *dirty_log_of(const struct domain *d)
{
	struct dirty_log *log = __atomic_load_n(&d->dirty, __ATOMIC_ACQUIRE);

	return log && READ_ONCE(log->active) ? log : NULL;
}

// Is the bit of a page set? Sets it.
bool dirty_has(const struct dirty_log *log, u64 pfn);
void dirty_set(struct dirty_log *log, u64 pfn);

// What is writable becomes read-only, so that the next write is noticed. Under
// log->lock. The caller flushes.
void shadows_protect(struct dirty_log *log);
// Frees all. No processor uses them any more.
void shadows_free(struct dirty_log *log);
