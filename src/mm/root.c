// SPDX-License-Identifier: MIT
//
// Which root a vCPU runs on. The ABI has one for the guest's kernel and one for
// its users. With an open gate the users run on their kernel's root, so that no
// change between them writes CR3, and in classic mode both run on a copy of it
// (mm/mirror.c), which takes one write; that is right only while the user root
// maps the lower half just as the kernel root does (gate.md E1). Linux keeps the
// two alike. Whether they are is found out by comparing them when users are
// about to run, and remembered for a few pairs of roots: each vCPU has a table,
// good until the domain makes a level 4 table or writes to one. A pair that
// differs costs two writes.

#include "boot/boot.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/percpu.h"
#include "irq/irq.h"
#include "mm/dirty.h"
#include "mm/shadow.h"
#include "mm/tlb.h"
#include "mm/priv.h"

// What two entries must have in common. A and D come and go, and the rest is
// the guest's to use.
#define MEANT (PTE_P | PTE_RW | PTE_US | PTE_PWT | PTE_PCD | PTE_NX | PTE_ADDR)

// Nearly all are empty in both.
#define GROUP 8

static bool same_group(const u64 *x, const u64 *y)
{
	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) |
		 (x[4] ^ y[4]) | (x[5] ^ y[5]) | (x[6] ^ y[6]) | (x[7] ^ y[7]));
}

static bool lower_halves_agree(mfn_t a, mfn_t b)
{
	const u64 *x = mfn_virt(a), *y = mfn_virt(b);

	for (u32 i = 0; i < USER_SLOTS; i++)
		if (i % GROUP == 0 && same_group(x + i, y + i))
			i += GROUP - 1;
		else if (x[i] != y[i] && ((x[i] ^ y[i]) & MEANT) &&
			 ((x[i] | y[i]) & PTE_P))
			return false;
	return true;
}

static bool is_pair(const struct root_pair *p, const struct vcpu *v,
		    u64 version)
{
	return mfn_eq(p->kernel, v->kernel_root) &&
	       mfn_eq(p->user, v->user_root) && p->version == version;
}

// A pair not met before, or not since something was written.
static void compare(struct vcpu *v, struct root_pair *p)
{
	struct domain *d = v->domain;

	lock_get(&d->lock);
	*p = (struct root_pair){
		.kernel = v->kernel_root,
		.user = v->user_root,
		.version = d->root_version,
		.agree = lower_halves_agree(v->kernel_root, v->user_root),
	};
	lock_put(&d->lock);
}

// Each kernel root has its place; a few may share one. Roots are often next to
// each other, or at equal distances: hence the multiplication (Knuth's).
static struct root_pair *place_of_pair(struct vcpu *v)
{
	u32 hash = (u32)v->kernel_root.n * 2654435769u;

	return &v->pair[hash >> 16 & (ROOT_PAIRS - 1)];
}

static struct root_pair *find_pair(struct vcpu *v)
{
	struct root_pair *p = place_of_pair(v);

	if (unlikely(!is_pair(p, v, READ_ONCE(v->domain->root_version))))
		compare(v, p);
	return p;
}

// Behind an open gate.
static bool users_may_share(struct vcpu *v)
{
	const struct root_pair *p = find_pair(v);

	v->users_version = p->agree ? p->version : 0;
	return p->agree;
}

// A task switch mostly comes back to a pair met before. Then the way to its
// users is known now, and the next iret need not ask.
static void look_up_users(struct vcpu *v)
{
	const struct root_pair *p = place_of_pair(v);

	if (v->domain->open_gate && p->agree &&
	    is_pair(p, v, READ_ONCE(v->domain->root_version)))
		v->users_version = p->version;
}

static mfn_t open_root(struct vcpu *v)
{
	v->one_root = v->in_kernel || users_may_share(v);
	return v->one_root ? v->kernel_root : v->user_root;
}

static bool is_logged(const struct domain *d)
{
	return unlikely(d->dirty) && dirty_is_on(d);
}

// Behind a closed gate this is the root of those who work for the guest.
static mfn_t classic_root(struct vcpu *v, bool *taken)
{
	bool kernels = v->in_kernel || v->closed;
	mfn_t root = MFN_NONE;

	if (!is_logged(v->domain) && (kernels || root_is_shared(v)))
		root = mirror_shared(v, v->in_kernel, taken);
	if (!mfn_is_none(root))
		return root;
	return kernels ? v->kernel_root : v->user_root;
}

static mfn_t guests_root(struct vcpu *v, bool *taken)
{
	*taken = false;
	return v->domain->open_gate ? open_root(v) : classic_root(v, taken);
}

void root_changed(struct vcpu *v)
{
	v->users_version = 0;
}

bool root_is_shared(struct vcpu *v)
{
	return find_pair(v)->agree;
}

// *taken: a root that is loaded already has to be loaded all the same.
static hot_code mfn_t wanted_root(struct vcpu *v, bool *taken)
{
	mfn_t root = guests_root(v, taken);

	return unlikely(v->domain->dirty) ? shadow_root(v->domain, root) : root;
}

hot_code void root_load(struct vcpu *v)
{
	bool taken;

	root_changed(v);
	// Who writes to a root of v's either sees that v is loaded here, or has
	// counted up the version before we look (root_entry_written).
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	count(CNT_CR3_ROOT);
	tlb_load_root(wanted_root(v, &taken));
	look_up_users(v);
}

// Nothing of the guest's is used until CR3 is written but what tlb_settle_at()
// lets pass. That `left` is let go before, and may end, is for tlb_root_ends().
hot_code void root_next(struct vcpu *v, mfn_t left)
{
	struct cpu *c = cpu_this();
	mfn_t next;

	if (!v->closed || c->flush_due || mfn_is_none(left) ||
	    is_logged(v->domain)) {
		root_load(v);
		return;
	}
	root_changed(v);
	next = root_full(v); // a flush may come here
	WRITE_ONCE(c->left_root, mfn_maddr(left));
	c->flush_due = FLUSH_WITH_ROOT;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); // as above
	c->cr3 = mfn_maddr(next);
}

bool root_is_alike(gva_t va, u64 bytes)
{
	const struct cpu *c = cpu_this();
	const u64 *left = mfn_virt(maddr_mfn(c->left_root));
	const u64 *next = mfn_virt(c->loaded->kernel_root);
	u32 slot = table_index(va, 4);

	return slot == table_index(va + bytes - 1, 4) &&
	       !((left[slot] ^ next[slot]) & (PTE_P | PTE_RW | PTE_ADDR));
}

void root_switch(struct vcpu *v)
{
	struct cpu *c = cpu_this();
	bool taken;
	mfn_t root = wanted_root(v, &taken);

	if (!taken && mfn_maddr(root) == c->cr3 &&
	    c->flush_due != FLUSH_WITH_ROOT)
		return;
	count(CNT_CR3_MODE);
	tlb_load_root(root);
}

void root_init_cpu(struct cpu *c)
{
	// Such a processor would show programs their kernel's memory.
	if (boot_options.two_roots || cpu_features.meltdown)
		return;
	if (!mirror_init(c, MIRROR_SHARED))
		panic("no memory for the roots of a processor");
}

mfn_t root_full(struct vcpu *v)
{
	mfn_t root = mirror_full(v);

	return mfn_is_none(root) ? v->kernel_root : root;
}

// U may be wanting, in ring 3.
static bool wants_u(const struct vcpu *v, gva_t va, u32 error)
{
	const u32 seen = PFEC_P | PFEC_U;

	return v->in_kernel && va >= HV_START && (error & seen) == seen &&
	       !(error & PFEC_RSVD);
}

bool root_fault(const struct vcpu *v, gva_t va, u32 error)
{
	if (READ_ONCE(cpu_this()->pending) & PENDING_ROOT)
		return true; // another root is on the way
	return wants_u(v, va, error) && mirror_give(va);
}

// The processor may still know a translation without what it has now: U, or
// what a guest's flush was for. Once for each time that there was such a thing:
// the next such fault is a true one. So is one that the tables still ask for.
bool root_fault_again(const struct vcpu *v, gva_t va, u32 error)
{
	bool given = wants_u(v, va, error) && mirror_given();

	if (!given && !(tlb_owes_flush(error) && walk_allows_write(v, va)))
		return false;
	tlb_flush_local();
	return true;
}

// ------------------------------------------------------------------ changes

static void count_up(struct domain *d)
{
	__atomic_store_n(&d->root_version, d->root_version + 1,
			 __ATOMIC_SEQ_CST);
}

// The frame may have been a table before, and remembered.
void root_made(struct domain *d)
{
	count_up(d);
}

static bool is_root_of(const struct vcpu *v, mfn_t table)
{
	return v &&
	       (mfn_eq(v->kernel_root, table) || mfn_eq(v->user_root, table));
}

// Processors whose user mode may have lost its right to the kernel's root look
// again; until their interrupts arrive they run on what the kernel has mapped.
static void look_again(struct cpu *c)
{
	cpu_pend(c, PENDING_ROOT);
	if (c != cpu_this())
		apic_send_ipi(c->apic_id, VEC_IPI_KICK);
}

// This processor looks by itself before a program runs here; but its kernel
// does not find a table that maps itself where it is now (mm/mirror.c).
void root_entry_written(struct domain *d, mfn_t table, u32 index, u64 entry)
{
	bool itself = entry_leads_to(entry, table);

	count_up(d);
	if (index >= USER_SLOTS && !itself)
		return;
	for (u32 i = 0; i < cpu_count(); i++) {
		struct cpu *c = cpu_of(i);

		if ((c != cpu_this() || itself) &&
		    is_root_of(READ_ONCE(c->loaded), table))
			look_again(c);
	}
}
