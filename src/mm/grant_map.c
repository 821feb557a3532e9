// SPDX-License-Identifier: MIT
//
// map_grant_ref and unmap_grant_ref. Mapping for the processor writes a level 1
// entry of the caller's, named by the address that it maps or by its own
// machine address; mapping for a device only holds the frame.
//
// Unmapping goes in batches: entries are cleared, then one flush, and only then
// are uses uncounted, since the granter does with its frame what it likes as
// soon as the entry's marks are gone.

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "cpu/uaccess.h"
#include "mm/grant_priv.h"

#define MAP_FLAGS                                              \
	(MAP_WAYS | GNTMAP_readonly | GNTMAP_application_map | \
	 GNTMAP_contains_pte)

#define AVAIL_SHIFT 9 // of the bits that are the guest's
#define AVAIL_BITS 7u

#define MAP_COST 8 // preemption units, about 25 ns each
#define FLUSH_COST 16
#define BATCH 32

// Where the caller wants it. Under d->lock. False: no level 1 table there.
static bool find_entry(const struct vcpu *v, u64 addr, u32 flags,
		       struct entry_change *c)
{
	c->level = 1;
	if (flags & GNTMAP_contains_pte) {
		c->table = maddr_mfn(addr);
		c->index = addr >> 3 & (ENTRIES - 1);
		if (addr % sizeof(u64))
			return false;
	} else {
		c->table = walk_l1_table(v, addr);
		c->index = L1_INDEX(addr);
	}
	return !mfn_is_none(c->table) && table_level(c->table, v->domain) == 1;
}

static int16_t write_entry(struct vcpu *v, const struct grant_use *use,
			   const struct gnttab_map_grant_ref *op)
{
	u64 avail = op->flags >> _GNTMAP_guest_avail0 & AVAIL_BITS;
	struct map_ask ask = {
		.d = v->domain,
		.of = use->granter,
		.owner = use->granter->id,
	};
	struct entry_change c = {
		.value = mfn_maddr(use->mfn) | avail << AVAIL_SHIFT | PTE_P |
			 PTE_A | PTE_D | (use->write ? PTE_RW : 0),
	};

	if (!find_entry(v, op->host_addr, op->flags, &c) ||
	    entry_change(v, &ask, &c))
		return GNTST_general_error;
	return GNTST_okay;
}

// The use is counted and the frame held.
static int16_t map_ways(struct vcpu *v, const struct grant_use *use,
			const struct gnttab_map_grant_ref *op)
{
	int16_t status = GNTST_okay;

	if (op->flags & GNTMAP_host_map)
		status = write_entry(v, use, op);
	if (status != GNTST_okay)
		grant_unpin(use, way_count(op->flags));
	if (status != GNTST_okay || !(op->flags & GNTMAP_device_map))
		grant_let_go(use->mfn, use->write);
	return status;
}

static void record(struct grant_map *m, const struct grant_use *use,
		   struct gnttab_map_grant_ref *op)
{
	*m = (struct grant_map){
		.ref = use->ref,
		.serial = use->granter->grants->serial,
		.domid = use->granter->id,
		.flags = op->flags & MAP_FLAGS,
	};
	op->dev_bus_addr = mfn_maddr(use->mfn);
}

static int16_t map_to(struct vcpu *v, struct gnttab_map_grant_ref *op,
		      struct grant_use *use)
{
	struct grant_table *mine = v->domain->grants;
	u32 handle = grant_map_alloc(mine);
	int16_t status;

	if (handle == NO_HANDLE)
		return GNTST_no_space;
	status = grant_pin(use, way_count(op->flags), GTF_sub_page);
	if (status == GNTST_okay)
		status = map_ways(v, use, op);
	if (status != GNTST_okay) {
		grant_map_free(mine, handle);
		return status;
	}
	record(&mine->map[handle / MAPS_PER_PAGE][handle % MAPS_PER_PAGE], use,
	       op);
	op->handle = handle;
	return GNTST_okay;
}

static int16_t map_one(struct vcpu *v, struct gnttab_map_grant_ref *op)
{
	struct grant_use use = {
		.granter = domain_find(op->dom),
		.ref = op->ref,
		.user = v->domain->id,
		.write = !(op->flags & GNTMAP_readonly),
	};
	int16_t status;

	if (!(op->flags & MAP_WAYS))
		return GNTST_bad_gntref;
	if (!use.granter)
		return GNTST_bad_domain;
	lock_get(&v->domain->lock);
	status = map_to(v, op, &use);
	lock_put(&v->domain->lock);
	return status;
}

int grant_map_list(struct vcpu *v, gva_t list, u32 n, u32 *done)
{
	struct gnttab_map_grant_ref op;

	while (*done < n) {
		gva_t at = list + *done * sizeof(op);

		if (guest_read(&op, at, sizeof(op)))
			return -EFAULT;
		op.status = map_one(v, &op);
		if (guest_write(at, &op, sizeof(op)))
			return -EFAULT;
		++*done;
		if (preempt_due(MAP_COST) && *done < n)
			return -ERESTART;
	}
	return 0;
}

// ----------------------------------------------------------------- unmapping

struct unmap {
	struct gnttab_unmap_grant_ref op;
	struct grant_use use; // granter 0: gone
	u32 ways; // unmapped, to be finished
};

// The entry must be what mapping made of it, as far as it holds something.
static int16_t clear_entry(const struct vcpu *v, u64 addr, u32 flags, mfn_t mfn)
{
	const struct map_ask ask = {.d = v->domain};
	u64 bits = PTE_P | (flags & GNTMAP_readonly ? 0 : PTE_RW);
	struct entry_change c;
	u64 *entry, old;

	if (!find_entry(v, addr, flags, &c))
		return GNTST_general_error;
	entry = (u64 *)mfn_virt(c.table) + c.index;
	do {
		old = READ_ONCE(*entry);
		if ((old & (PTE_ADDR | PTE_P | PTE_RW)) !=
		    (mfn_maddr(mfn) | bits))
			return GNTST_general_error;
	} while (entry_exchange(&ask, entry, old, 0));
	return GNTST_okay;
}

static int16_t unmap_ways(const struct vcpu *v, struct unmap *u, u32 flags)
{
	const struct gnttab_unmap_grant_ref *op = &u->op;
	bool device = op->dev_bus_addr && (flags & GNTMAP_device_map);
	bool host = op->host_addr && (flags & GNTMAP_host_map);
	int16_t status = GNTST_okay;

	u->use.mfn = grant_frame(&u->use);
	if (device && op->dev_bus_addr != mfn_maddr(u->use.mfn))
		return GNTST_bad_dev_addr;
	if (host)
		status = clear_entry(v, op->host_addr, flags, u->use.mfn);
	if (status == GNTST_okay)
		u->ways = (host ? GNTMAP_host_map : 0) |
			  (device ? GNTMAP_device_map : 0);
	return status;
}

static int16_t unmap_begin(const struct vcpu *v, struct unmap *u)
{
	struct grant_map *m = grant_map_at(v->domain->grants, u->op.handle);
	int16_t status;

	u->ways = 0;
	if (!m || !(m->flags & MAP_WAYS))
		return GNTST_bad_handle;
	u->use = grant_map_use(m, v->domain->id);
	if (u->use.granter) {
		status = unmap_ways(v, u, m->flags);
	} else {
		status = GNTST_bad_domain;
		u->ways = m->flags & MAP_WAYS;
	}
	m->flags = (u16)((m->flags & ~u->ways) | MAP_GOING(u->ways));
	return status;
}

// The flush is done.
static void unmap_end(struct grant_table *mine, const struct unmap *u)
{
	struct grant_map *m;

	if (!u->ways)
		return;
	if (u->use.granter && (u->ways & GNTMAP_device_map))
		grant_let_go(u->use.mfn, u->use.write);
	if (u->use.granter)
		grant_unpin(&u->use, way_count(u->ways));
	m = grant_map_at(mine, u->op.handle);
	m->flags &= (u16)~MAP_GOING(u->ways);
	if (!(m->flags & (MAP_WAYS | MAP_GOING(MAP_WAYS))))
		grant_map_free(mine, u->op.handle);
}

static void unmap_batch(struct vcpu *v, struct unmap *u, u32 n)
{
	struct domain *d = v->domain;
	u32 ways = 0;

	lock_get(&d->lock);
	for (u32 i = 0; i < n; i++) {
		u[i].op.status = unmap_begin(v, &u[i]);
		ways |= u[i].ways;
	}
	if (ways & GNTMAP_host_map)
		tlb_flush_domain(d);
	for (u32 i = 0; i < n; i++)
		unmap_end(d->grants, &u[i]);
	lock_put(&d->lock);
}

// How many of n, at most, could be read.
static u32 read_batch(struct unmap *u, gva_t list, u32 n)
{
	u32 i = 0;

	while (i < n &&
	       !guest_read(&u[i].op, list + i * sizeof(u->op), sizeof(u->op)))
		i++;
	return i;
}

static int write_status(const struct unmap *u, gva_t list, u32 n)
{
	int err = 0;

	for (u32 i = 0; i < n && !err; i++)
		err = guest_write(list + i * sizeof(u->op) +
					  offsetof(typeof(u->op), status),
				  &u[i].op.status, sizeof(u->op.status));
	return err;
}

int grant_unmap_list(struct vcpu *v, gva_t list, u32 n, u32 *done)
{
	struct unmap u[BATCH];

	while (*done < n) {
		gva_t at = list + *done * sizeof(u->op);
		u32 wanted = min(n - *done, (u32)BATCH);
		u32 count = read_batch(u, at, wanted);

		unmap_batch(v, u, count);
		if (write_status(u, at, count) || count < wanted)
			return -EFAULT;
		*done += count;
		if (preempt_due(count * MAP_COST + FLUSH_COST) && *done < n)
			return -ERESTART;
	}
	return 0;
}
