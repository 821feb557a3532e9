// SPDX-License-Identifier: MIT
//
// What the files of mm/ share among themselves.
#pragma once

#include "domain/domain.h"
#include "hw/x86.h"
#include "mm/mm.h"

#define ENTRIES 512 // per page table
#define USER_SLOTS 256 // of a level 4 table: the lower half of the addresses

// Which entry of a table of that level an address goes by.
static inline u32 table_index(u64 va, u32 level)
{
	return va >> (PAGE_SHIFT + 9 * (level - 1)) & (ENTRIES - 1);
}

// ------------------------------------------------------------- start of day
// A range of whole RAM frames, end exclusive.
struct ram_range {
	u64 first, end;
};

// Reads the memory map: RAM that the direct map can hold, merged and sorted.
void ram_init(const struct boot_info *bi);
// The i-th range, or 0 past the last.
const struct ram_range *ram_range(u32 i);

// Memory before the heap exists, cut from the loader's free ranges.
void early_init(const struct boot_info *bi);
// `bytes` of RAM below `limit`, aligned. Panics with advice when there is none.
maddr_t early_alloc(u64 bytes, u64 align, maddr_t limit);
// Like page_alloc, below 4 GiB.
void *early_page(void);
// True until early_finish.
bool early_active(void);
// Empty heaps.
void heap_init(void);
void kalloc_init(void);
// Gives all that is left to the heap; the rest of RAM stays the hypervisor's.
void early_finish(void);

// Frame table: backing for all RAM, each entry filled.
void frames_init(void);
// Marks frames [first, end) as the hypervisor's, one reference each.
void frames_claim(u64 first, u64 end);
// Makes one that is free or has no references the hypervisor's, so that others
// who look at it meanwhile are not misled.
void frame_claim(struct frame *f);
// Drops the owner's own reference. False: it was dropped before.
bool must_check frame_release(mfn_t mfn);
// Gives a frame without references to the heap, counting nothing.
void frame_discard(mfn_t mfn);
// True when mfn has an entry in the frame table, RAM or not.
bool frame_covered(u64 n);

// Backs the M2P for all RAM, all ones, and shows it to guests.
void m2p_init(void);

// ------------------------------------------- the hypervisor's page tables
// Creates the root, maps the direct map and the image, and switches to it.
void hvmap_init(void);
// The entry for va at level 1 or 2, with tables made at need. Level 2 entries
// must not have been used for a table.
u64 *hvmap_entry(u64 va, u32 level);
// Backs [va, va + bytes) with 2 MiB pages of fresh RAM where nothing is yet.
// fn, if given, sees each new page.
void hvmap_back(u64 va, u64 bytes, void (*fn)(u64 va, maddr_t page));

#define LARGE_PAGE MIB(2)
#define HV_TABLE (PTE_P | PTE_RW | PTE_A)
#define HV_DATA (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)
#define HV_RODATA (PTE_P | PTE_A | PTE_NX)
#define HV_TEXT (PTE_P | PTE_A)
#define HV_DEVICE (HV_DATA | PTE_PCD | PTE_PWT)

// ------------------------------------------------------------- allocation
// Makes d the owner of 2^order frames of the hypervisor, counting nothing.
void domain_frames_own(struct domain *d, mfn_t mfn, u32 order);
// heap_alloc for frames with numbers below `limit`.
mfn_t must_check heap_alloc_below(u32 order, u64 limit);

// ---------------------------------------------------- types and page tables
static inline u32 type_count(u32 word)
{
	return word & FT_COUNT_MASK;
}

// Parts of a type word.
static inline enum frame_type type_kind(u32 word)
{
	return (enum frame_type)(word >> FT_TYPE_SHIFT);
}

// True for page tables of all levels.
static inline bool kind_is_table(enum frame_type t)
{
	return t >= TYPE_L1 && t <= TYPE_L4;
}

// Level of a validated page table of d, else 0. Under d's lock.
u32 table_level(mfn_t mfn, const struct domain *d);

// Keeps an untyped or writable frame from becoming anything else while one
// word of it is written. False when it is something else already.
bool must_check type_hold(mfn_t mfn);
void type_release(mfn_t mfn);

// Table contents, for type.c. The frame's type word says PARTIAL or nothing;
// aux is how many entries from 0 up hold references. validate: 0, -ERESTART, or
// another error with no reference left; undo: 0 or -ERESTART. Level 1 is never
// preempted. No processor has found the table by walking since the stamp.
int must_check table_validate(mfn_t mfn, u32 level, struct domain *d);
int must_check table_undo(mfn_t mfn, u32 level, u16 stamp);
// A link to a table was taken out of another, which no processor has walked
// since the stamp. To be followed by the type_put, under the owner's lock.
void type_unlink(mfn_t table, u16 stamp);
// Set in aux while a failed validation is being undone.
#define AUX_FAILED 0x8000u

// Whose entries are changed, and whose frames go into them.
struct map_ask {
	struct domain *d; // the tables' owner
	struct domain *of; // the frames' owner; 0 when that is no domain
	u16 owner; // its id, or OWNER_IO, OWNER_HV
};

// What every present entry must obey; entries may come back with bits forced.
// Takes what the entry stands for: references for RAM, nothing for devices.
// own: the table's own frame; index: the entry's place in it. 0, -EINVAL,
// -EPERM, -ERESTART.
int must_check entry_get(const struct map_ask *ask, u32 level, u32 index,
			 mfn_t own, u64 *entry);
// Drops it again. 0 or -ERESTART (nothing dropped yet).
int must_check entry_put(u32 level, mfn_t own, u64 entry);
// True for the L4 slots that are the hypervisor's.
static inline bool entry_is_ours(u32 level, u32 index)
{
	return level == 4 && index - HV_FIRST_SLOT < HV_NR_SLOTS;
}
// A present entry with the bits that are forced.
static inline u64 entry_forced(const struct domain *d, u32 level, u32 index,
			       u64 entry)
{
	if (level < 4)
		return entry | PTE_US;
	if (d->open_gate && index >= USER_SLOTS)
		return (entry & ~(u64)PTE_US) | PTE_A;
	return entry | PTE_US | PTE_A;
}
// The checks and forced bits alone.
int must_check entry_check(const struct map_ask *ask, u32 level, u32 index,
			   u64 *entry);

// Entry *at of a table of d in use was `old` and is `value`. A TLB may still go
// by the old one, unless that was absent. If the new one only allows more, the
// worst is a fault.
static inline void entry_written(struct domain *d, const u64 *at, u64 old,
				 u64 value)
{
	const u64 more = value & (PTE_RW | PTE_A | PTE_D);
	// The processor may have set these since old was read.
	const u64 known = old | PTE_A | (old & PTE_RW ? PTE_D : 0);

	if (!(old & PTE_P))
		return;
	if ((known ^ value) & ~more) {
		d->weakened_entry = at;
		WRITE_ONCE(d->weakened, d->weakened + 1); // after the entry
	} else if ((old ^ value) & PTE_RW) {
		WRITE_ONCE(d->widened, d->widened + 1);
	}
}

// The frame that an entry names.
static inline mfn_t entry_mfn(u64 entry)
{
	return maddr_mfn(entry & PTE_ADDR);
}

// It is present and names that frame.
static inline bool entry_leads_to(u64 entry, mfn_t mfn)
{
	return (entry & PTE_P) && mfn_eq(entry_mfn(entry), mfn);
}

// Changes one entry of a validated table of ask->d, whose lock is held. With
// keep_ad the A and D bits of the old entry stay. v does the asking: a table
// that is unlinked and not undone in time is left to undo_finish(v).
struct entry_change {
	mfn_t table;
	u32 level, index;
	u64 value;
	bool keep_ad;
};
// 0, or entry_get's errors with nothing changed; -EINVAL also for an entry of
// the hypervisor's. Look at undo_pending(v) afterwards.
int must_check entry_change(struct vcpu *v, const struct map_ask *ask,
			    const struct entry_change *c);
// Atomically replaces an L1 entry that still is `old` (A and D apart: -EAGAIN
// then). For emulated writes.
int must_check entry_exchange(const struct map_ask *ask, u64 *entry, u64 old,
			      u64 value);

// In a count of requests: the call was preempted, and *done has the number of
// those before this part of the list.
#define COUNT_RESTARTED 0x80000000u

// A page table whose undoing was preempted, with its reference and last type
// reference, is left to its vCPU, which has to finish before its next memory
// hypercall does anything. -ERESTART: not yet.
int must_check undo_finish(struct vcpu *v);
static inline bool undo_pending(const struct vcpu *v)
{
	return v->undo_mfn[0] != 0;
}
// Drops a table's type and reference, now or by undo_finish. 0 or -ERESTART:
// the caller should restart soon.
int must_check undo_table(struct vcpu *v, mfn_t table);

// Who FOREIGNDOM means: low half the frames' owner, high half the tables'.
// 0, -ESRCH, -EPERM.
int must_check foreign_resolve(struct vcpu *v, u32 foreigndom,
			       struct map_ask *ask);

// Walks v's kernel root for va: its L1 table, or MFN_NONE.
mfn_t walk_l1_table(const struct vcpu *v, gva_t va);
// May v write at va, as its tables are now? U is not looked at.
bool walk_allows_write(const struct vcpu *v, gva_t va);
#define L1_INDEX(va) ((u32)((va) >> PAGE_SHIFT & (ENTRIES - 1)))

// d has a new level 4 table, or entry `index` of one became `entry` (mm/root.c).
// Under d's lock.
void root_made(struct domain *d);
// v has another kernel or user root.
void root_changed(struct vcpu *v);
void root_entry_written(struct domain *d, mfn_t table, u32 index, u64 entry);

// Which processors a guest wants flushed.
struct flush_ask {
	bool all; // TLB, else only va
	gva_t va;
	enum { FLUSH_LOCAL, FLUSH_DOMAIN, FLUSH_MASK } where;
	u64 mask[MAX_VCPUS / 64];
};
// Carries it out for v, which runs here; done when it returns.
void flush_do(struct vcpu *v, const struct flush_ask *ask);
// Reads a guest's vCPU bitmap into ask->mask. 0 or -EFAULT.
int must_check flush_read_mask(const struct vcpu *v, gva_t bitmap,
			       struct flush_ask *ask);

// ------------------------------------------------------------------ memory_op
// Commands carry the number of elements already done above these bits.
#define MEMOP_BITS 6

// One sub-operation: arg is the guest's argument, start the elements done.
// Returns the hypercall's result; restarts by memory_op_restart.
struct memory_call {
	struct vcpu *v;
	struct hcall *h;
	u32 cmd;
	gva_t arg;
	u64 start;
};
// Has the guest repeat the call with `done` elements noted in the command.
i64 memory_op_restart(const struct memory_call *c, u64 done);
// The sub-operations, for the table in memory_op.c.
i64 memory_reservation(const struct memory_call *c);
i64 memory_claim(const struct memory_call *c);

// May d take n frames beside what others have claimed? Then *used, of its own
// claim, is used up; claim_return() when it did not come to that.
bool must_check claim_use(struct domain *d, u64 n, u64 *used);
void claim_return(struct domain *d, u64 used);
i64 memory_exchange(const struct memory_call *c);
i64 memory_map_get(const struct memory_call *c);
i64 memory_map_set(const struct memory_call *c);
i64 memory_map_machine(const struct memory_call *c);
i64 memory_acquire_resource(const struct memory_call *c);

// Frame numbers below this are within the XENMEMF address bits of flags.
u64 memory_limit(u32 flags);
// domain_frames_alloc below a frame number.
mfn_t must_check domain_frames_alloc_below(struct domain *d, u32 order,
					   u64 limit);
