// SPDX-License-Identifier: MIT
//
// Memory: machine frames, who owns them, what they are used as; the page heap;
// the hypervisor's own address space; and guests' page tables.
//
// Every frame of RAM has a struct frame. Two counts guard it. *References* keep
// it from being freed. *Type references* say that it is, exclusively, one of:
// writable by its guest, a page table of level 1..4, or a descriptor page. A
// type changes only while its count is zero, so a page table can never be
// written by a guest at the same time. mm/type.c tells the whole story.
#pragma once

#include "config.h"
#include "hw/layout.h"
#include "lib/types.h"

struct cpu;
struct domain;
struct multicall_entry;
struct regs;
struct vcpu;

// ---------------------------------------------------------------- frames

enum frame_type {
	TYPE_NONE = 0,
	TYPE_L1 = 1,
	TYPE_L2 = 2,
	TYPE_L3 = 3,
	TYPE_L4 = 4,
	TYPE_DESC = 5, // GDT or LDT page
	TYPE_WRITABLE = 6,
};

// struct frame.ref
#define REF_ALLOCATED 0x80000000u // the owner's own reference is held
#define REF_COUNT_MASK 0x7fffffffu // all references, the owner's included

// struct frame.type
#define FT_TYPE_SHIFT 29
#define FT_TYPE_MASK 0xe0000000u
#define FT_PINNED 0x10000000u // one type reference is a guest's pin
#define FT_VALID 0x08000000u // contents are validated for the type
#define FT_PARTIAL 0x04000000u // validation or its undoing was interrupted
#define FT_LOCKED 0x02000000u // the count just became 0: aux is being stamped
#define FT_COUNT_MASK 0x01ffffffu

// Owners that are not domains; the ABI's reserved ids and our own.
#define OWNER_HV 0x7ff2 // DOMID_XEN: the hypervisor's frames
#define OWNER_IO 0x7ff1 // DOMID_IO: holes and device memory in the frame table
#define OWNER_FREE 0x7ffe // in the heap

// 12 bytes, so that frame table and M2P together stay under 0.5 % of RAM.
struct frame {
	u32 ref;
	u32 type;
	u16 owner; // domain id or OWNER_*; of a domain while ref > 0: fixed
	u16 aux; // page table partly validated: next entry to do. Otherwise
		// low bits of the TLB clock: page table: when a link to it
		// was last taken away; type count 0 or free: at that moment
};
// While free: type is the order in a block's first frame, ~0 in others. The
// free lists are threaded through the free memory itself.

_Static_assert(sizeof(struct frame) == 12, "memory budget");

#define frame_table ((struct frame *)FRAMES_BASE)

// First frame number beyond the highest RAM.
u64 frame_limit(void);

// True for a frame that the frame table covers and that is RAM.
bool mfn_is_ram(mfn_t mfn);

// Both ways; mfn is RAM.
static inline struct frame *mfn_frame(mfn_t mfn)
{
	return &frame_table[mfn.n];
}

static inline mfn_t frame_mfn(const struct frame *f)
{
	return MFN((u64)(f - frame_table));
}

// Takes a reference to mfn if it is RAM owned by `owner` and alive.
bool must_check frame_get(mfn_t mfn, u16 owner);
// The same for a frame of ours that d may map (domain_shares_frame).
bool must_check frame_get_shared(const struct domain *d, mfn_t mfn);
// Takes one more reference to a frame that the caller already holds one of.
void frame_get_more(mfn_t mfn);
// Drops a reference; the last one scrubs the frame and gives it to the heap.
void frame_put(mfn_t mfn);

// Takes a type reference (and needs, but does not take, a reference). Page
// tables and descriptor pages are validated on the first. Page tables belong to
// domain d, whose lock the caller holds; other types need no lock. Errors:
// -EINVAL in use as another type or bad contents, -EPERM contents that d has no
// right to, -ERESTART preempted (progress is kept; call again).
int must_check type_get(mfn_t mfn, enum frame_type type, struct domain *d);
// Drops a type reference. The last one of a page table undoes validation;
// -ERESTART when preempted: the reference is still there, call again; never
// fails otherwise. Page tables: under the owner's lock.
int must_check type_put(mfn_t mfn);
// Both at once; -EPERM when the frame is not d's. A frame of the hypervisor's
// that d may map (domain_shares_frame) counts as d's for TYPE_WRITABLE.
int must_check frame_get_type(mfn_t mfn, enum frame_type type,
			      struct domain *d);
// type_put of a frame that is no table: that is never preempted.
void type_put_page(mfn_t mfn);
// Drops both. Not for page tables of level 2 and up.
void frame_put_type(mfn_t mfn);
// A vCPU's root: reference and type of level 4. They take d's lock themselves.
// Errors as frame_get_type; put: 0 or -ERESTART (call again). CR3 must not
// hold the root any more when it is put.
int must_check root_get(struct domain *d, mfn_t mfn);
int must_check root_put(struct domain *d, mfn_t mfn);
// Lets go of a root that v does not use any more; what takes long is left to
// undo_finish(), which must have returned 0 before.
void root_put_later(struct vcpu *v, mfn_t root);
// Works on what memory hypercalls of v left unfinished. 0 or -ERESTART.
int must_check undo_finish(struct vcpu *v);

// The type it has or last had.
static inline enum frame_type frame_type_of(const struct frame *f)
{
	return (enum frame_type)(READ_ONCE(f->type) >> FT_TYPE_SHIFT);
}

// ------------------------------------------------------------------ heap

#define HEAP_BELOW_4G 0x1u // result below 4 GiB
#define HEAP_ZERO 0x2u // result cleared
#define HEAP_MAX_ORDER 18 // 1 GiB

// Gives RAM [start, end) in bytes, whole frames inside it, to the heap.
void heap_add(maddr_t start, maddr_t end);
// 2^order contiguous, naturally aligned frames owned by OWNER_HV with one
// reference each, or MFN_NONE.
mfn_t must_check heap_alloc(u32 order, u32 flags);
// Takes frames back from OWNER_HV. Order as allocated.
void heap_free(mfn_t mfn, u32 order);
u64 heap_free_frames(void); // now
u64 heap_total_frames(void); // RAM ever given to the heap

// Pages and small objects for the hypervisor's own use, zeroed, direct-mapped.
// page_free only drops our reference: while a guest has the page mapped it
// stays. kalloc results above 1 KiB are page-aligned.
void *must_check page_alloc(void);
void page_free(void *p);
void *must_check kalloc(size_t bytes);
void kfree(void *p); // 0 allowed

// Allocates 2^order frames for domain d, or MFN_NONE: owner d, one reference
// (REF_ALLOCATED), no type, counted in d->tot_pages (max_pages is checked).
mfn_t must_check domain_frames_alloc(struct domain *d, u32 order, u32 flags);
// Frames set aside for domains (XENMEM_claim_pages); a domain's are let go.
u64 claims_total(void);
void claim_drop(struct domain *d);
// Makes domain d the owner of a frame that the hypervisor has (dom0's initrd).
void domain_frame_assign(struct domain *d, mfn_t mfn);
// Drops the owner's own reference (once). False if that was done before.
bool domain_frame_release(struct domain *d, mfn_t mfn);
// Frees what domain d owns, page tables and pins first; preemptible.
// -ERESTART: call again. Frames that others still map stay until they let go.
int must_check domain_relinquish_memory(struct domain *d);

// --------------------------------------------- hypervisor's address space

// Where RAM (or the first MiB) is in the direct map.
static inline void *maddr_virt(maddr_t a)
{
	return (void *)(DIRECT_BASE + a);
}

static inline void *mfn_virt(mfn_t m)
{
	return maddr_virt(mfn_maddr(m));
}

// For direct-mapped addresses only.
static inline maddr_t virt_maddr(const void *p)
{
	return (u64)p - DIRECT_BASE;
}

// Likewise.
static inline mfn_t virt_mfn(const void *p)
{
	return maddr_mfn(virt_maddr(p));
}

struct boot_info;

// Builds the final page tables, frame table, M2P and heap from the memory map.
// Panics with advice when there is too little memory.
void mm_init(const struct boot_info *bi);
// The root with only hypervisor slots, for idle processors and start-up. It is
// below 4 GiB.
mfn_t hv_root(void);
// Maps device memory uncached. Never fails: panics when the area is used up.
volatile void *mmio_map(maddr_t addr, size_t bytes);
// Sets one 4 KiB hypervisor mapping in the per-CPU area (flags: PTE_*, 0 to
// unmap); does not flush. Tables are made at need while booting.
void percpu_map(u64 va, mfn_t mfn, u64 flags);
// The PTE behind a per-CPU address, for the GDT and LDT windows.
u64 *percpu_pte(u64 va);
// Boot-time and dom0 checks: may d map this non-RAM frame?
bool iomem_allowed(const struct domain *d, mfn_t mfn);
bool iomem_read_only(mfn_t mfn);
// One of the frames from first to last (that included) is for no guest.
bool iomem_kept(u64 first, u64 last);
// Marks device frames that no guest may map (APICs) or only read-only.
enum iomem_rule { IOMEM_NEVER, IOMEM_READ_ONLY };
void iomem_restrict(mfn_t first, u64 frames, enum iomem_rule rule);

// M2P: machine to pseudo-physical, readable by every guest.
#define m2p_table ((u64 *)M2P_BASE)
#define M2P_INVALID (~0ull)
// mfn is RAM; pfn or M2P_INVALID.
void m2p_set(mfn_t mfn, u64 pfn);
u64 m2p_get(mfn_t mfn);

// --------------------------------------------------------- guests' tables

// Copies the hypervisor's slots into a guest L4 under validation. With an open
// gate not even the M2P is for the guest's users.
void l4_init_hv_slots(u64 *l4, bool open_gate);

// Makes what processor c needs for programs that share their kernel's root in
// classic mode, if they may. Panics without memory.
void root_init_cpu(struct cpu *c);
// Loads vcpu v's root for its present mode (v->in_kernel) into CR3, counted.
void root_load(struct vcpu *v);
// The same after v's kernel has asked for another root than `left`, but CR3 may
// be written later: behind a closed gate the way out to v writes it anyway.
void root_next(struct vcpu *v, mfn_t left);
// While it was not: do both roots map [va, va+bytes) by the same tables?
bool root_is_alike(gva_t va, u64 bytes);
// v's mode has changed: the same, unless that root is loaded already.
void root_switch(struct vcpu *v);
// The root on which the hypervisor works for v while v is behind a closed gate.
mfn_t root_full(struct vcpu *v);
// A fault of v at va that is none if it is tried again, which should be done
// then: the first is for any, the second for one that nobody else wants.
bool root_fault(const struct vcpu *v, gva_t va, u32 error);
bool root_fault_again(const struct vcpu *v, gva_t va, u32 error);
// Do the lower halves of v's two roots agree, so that its programs may run on
// the kernel's? Takes the domain's lock. v has a user root.
bool root_is_shared(struct vcpu *v);
// Loads any root: hv_root() when a processor goes idle for good. All CR3
// writes must go through these two: they keep cpu->cr3 and the TLB clock.
void tlb_load_root(mfn_t root);
// But for the closed gate's: this says that such a write follows before any
// guest's memory is used.
void tlb_flush_follows(void);

// ------------------------------------------------- mirrors (mm/mirror.c)
// Copies of guests' level 4 tables, each for one processor. SHARED: all is
// mapped, and the upper half is a program's or its kernel's in turn. GATE: of
// the hypervisor only the pages of that processor's closed gate are mapped.
enum mirror_kind { MIRROR_SHARED, MIRROR_GATE, MIRROR_KINDS };

// Makes c's of that kind. False without memory. The pages of its gate are shown
// afterwards.
bool must_check mirror_init(struct cpu *c, enum mirror_kind kind);
// c has those that programs share with their kernels.
bool mirror_shares(const struct cpu *c);
// This processor's SHARED one of the root of v's kernel, with the upper half as
// it has to be while the kernel or a program runs. *taken: it was the kernel's
// before, so that a CR3 write must follow before the program runs. MFN_NONE:
// there is none, and nothing was done. Takes the domain's lock.
mfn_t must_check mirror_shared(struct vcpu *v, bool for_kernel, bool *taken);
// The same, whoever's the upper half is: for the hypervisor to work on.
mfn_t must_check mirror_full(struct vcpu *v);
// The kernel that runs here in ring 3 faulted at va for want of U: true if that
// was to be had, and va can be tried again.
bool must_check mirror_give(gva_t va);
// The upper half was given to a kernel since this was asked last, so that the
// processor may still fault for want of U.
bool mirror_given(void);
// The gate's entry for va, in c's block, becomes pte. No flush. Nothing for a
// processor without mirrors.
void mirror_show(struct cpu *c, u64 va, u64 pte);
// This processor's GATE one of the root of v's kernel, or MFN_NONE: the table
// maps itself. Takes the domain's lock.
mfn_t mirror_of(struct vcpu *v);
// What the root in this processor's CR3 is a copy of (MFN_NONE: a table that is
// one no more), or the root itself.
mfn_t mirror_original(void);
// Entry `index` of a level 4 table became `entry`; the table is one no more.
// Under the owner's lock.
void mirror_entry_written(mfn_t table, u32 index, u64 entry);
void mirror_drop(mfn_t table);

// TLB. A flush reaches every processor that may hold entries of d, and is done
// when the function returns. local: this processor only.
void tlb_flush_local(void);
void tlb_flush_domain(struct domain *d);
// Bit n of vcpu_mask[] (MAX_VCPUS bits): vCPU n of d.
void tlb_flush_mask(struct domain *d, const u64 *vcpu_mask);
void tlb_invlpg_local(gva_t va);

// A guest kernel's page fault on a present read-only page: true if it was a
// write to one of its page tables, and has been done for it (retry or skip).
bool ptwr_fault(struct vcpu *v, struct regs *r, gva_t addr);

// Walks v's kernel root by software, under d->lock, which it takes. Returns the
// L1 entry's value, or 0.
u64 guest_walk_l1e(struct vcpu *v, gva_t va);

// v is about to make these calls: takes the right to write away, for all pages
// that lose it by one of them, before the first of them is made a page table.
void protect_ahead(struct vcpu *v, const struct multicall_entry *calls, u32 n);

// The auditor (debug builds, key 'a', tests): recounts every reference and
// type from the page tables; returns the number of differences and logs them.
u64 mm_audit(void);
// For parts that hold references outside page tables and vCPUs: fn, called
// during an audit, reports each by audit_holds.
void mm_audit_register(void (*fn)(void));
// mfn has one reference more, and unless type is TYPE_NONE one of that type.
void audit_holds(mfn_t mfn, enum frame_type type);
// A count about mfn that is not what it should be.
void audit_differs(mfn_t mfn, const char *what, u64 is, u64 should);

// Hypercalls, see hypercall/hypercall.h for the form.
struct hcall;
i64 hc_mmu_update(struct vcpu *v, struct hcall *h);
// The commonest of all hypercalls: an mmu_update of one level 1 entry of the
// caller's own. True: r was that, it is done, and its result is in r. False:
// nothing has been done.
bool mmu_update_usual(struct vcpu *v, struct regs *r);
i64 hc_mmuext_op(struct vcpu *v, struct hcall *h);
i64 hc_update_va_mapping(struct vcpu *v, struct hcall *h);
i64 hc_memory_op(struct vcpu *v, struct hcall *h);
