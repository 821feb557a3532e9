// SPDX-License-Identifier: MIT
//
// What the files of grant tables share among themselves.
//
// A domain is on two sides of this. As the *granter* it has a table: shared
// frames with entries, and beside each frame, in memory of ours, who uses which
// entry right now (struct grant_active). As the *user* it has records of what
// it mapped (struct grant_map), numbered by handles.
//
// Who holds the granted frame: a host mapping's reference, and writable type,
// is the page-table entry's, like that of any other entry. It goes with the
// entry, however that is cleared; the record stays, and with it the use, until
// the guest unmaps by handle (which finds the entry gone, and is refused) or
// dies. A device mapping's is the record's own. A copy's is its own.
#pragma once

#include "abi/xen.h"
#include "lib/lock.h"
#include "mm/grant.h"
#include "mm/priv.h"

struct hcall;

#define GRANTS_PER_FRAME ((u32)(PAGE_SIZE / sizeof(struct grant_entry_v1)))

// A grant in use, while readers or writers > 0.
struct grant_active {
	u32 frame; // what the entry said at the first use
	domid_t domid; // who uses it
	u8 readers, writers; // uses, one for each way of each map
};

// Ways to map; they are counted as one use each.
#define MAP_WAYS (GNTMAP_device_map | GNTMAP_host_map)
// A way whose mapping is gone but for a TLB flush.
#define MAP_GOING(ways) ((ways) << 8)

static inline u32 way_count(u32 flags)
{
	return !!(flags & GNTMAP_device_map) + !!(flags & GNTMAP_host_map);
}

// A grant that a domain has mapped.
struct grant_map {
	u32 ref; // of a free record: the next free handle
	u32 serial; // of the granter's table
	domid_t domid; // the granter
	u16 flags; // GNTMAP_* and MAP_GOING, 0: free
};
#define MAPS_PER_PAGE ((u32)(PAGE_SIZE / sizeof(struct grant_map)))
#define NO_HANDLE (~0u)

struct grant_table {
	u32 serial; // never another table's: ids of domains come again

	// As a granter. A count of frames is written after the frame.
	struct lock lock;
	u32 count, max; // frames
	mfn_t frame[GRANT_FRAMES_DEFAULT];
	struct grant_active *active[GRANT_FRAMES_DEFAULT];

	// As a user. Under the domain's d->lock.
	u32 map_pages, map_max;
	u32 free_map; // first free handle, or NO_HANDLE
	u32 release_at; // progress of grant_domain_release
	struct grant_map **map; // map_max places, made for the first map
};

// Room for n frames in d's table. 0, -EINVAL beyond its limit, -ENOMEM.
int must_check grant_grow(struct domain *d, u32 n);

// ------------------------------------------------------------ use of a grant
struct grant_use {
	struct domain *granter;
	u32 ref;
	domid_t user;
	bool write;
	mfn_t mfn; // set by grant_pin
};

// Counts n uses and marks the entry, and takes hold of the frame. refuse: flags
// (GTF_*) that the entry must not have. GNTST_okay; bad_gntref no such entry,
// general_error not granted, too many uses, or a frame that may not be written,
// bad_page not the granter's frame.
int16_t must_check grant_pin(struct grant_use *use, u32 n, u16 refuse);
// Uncounts n uses; clears the marks with the last. Does not let the frame go.
void grant_unpin(const struct grant_use *use, u32 n);
// The frame of a grant in use.
mfn_t grant_frame(const struct grant_use *use);

// Takes a reference to d's frame, to write also the type. GNTST_okay, bad_page
// not d's frame, general_error used as something else.
int16_t must_check grant_hold(struct domain *d, mfn_t mfn, bool write);
void grant_let_go(mfn_t mfn, bool write);

// ------------------------------------------------------------------- records
// A record for one more map, d->lock held. NO_HANDLE: limit or no memory.
u32 must_check grant_map_alloc(struct grant_table *t);
void grant_map_free(struct grant_table *t, u32 handle);
// The record, or 0 when there is none of that handle in use.
struct grant_map *grant_map_at(const struct grant_table *t, u32 handle);
// What it is about; the granter is 0 when it does not exist any more.
struct grant_use grant_map_use(const struct grant_map *m, domid_t user);

// ------------------------------------------------------------ sub-operations
// Lists: carried out from *done on. 0, -EFAULT, -ERESTART with *done advanced.
int must_check grant_map_list(struct vcpu *v, gva_t list, u32 n, u32 *done);
int must_check grant_unmap_list(struct vcpu *v, gva_t list, u32 n, u32 *done);
int must_check grant_copy_list(struct vcpu *v, gva_t list, u32 n, u32 *done);
