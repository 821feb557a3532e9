// SPDX-License-Identifier: MIT
//
// mmu_update: a list of {where, what} writes to page tables and to the M2P. A
// request names the entry by its machine address; what is done with it depends
// on what that frame is used as. Most calls carry one request, for a level 1
// entry.

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "cpu/uaccess.h"
#include "hypercall/hypercall.h"
#include "mm/dirty.h"
#include "mm/l1.h"

// Frames that are no tables (yet) are written plainly. Kernels fill a whole
// table so before they pin it, so the frame is held until a request is about
// something else.
static int plain_hold(mfn_t mfn, const struct domain *d, mfn_t *held)
{
	if (!frame_get(mfn, d->id))
		return -EPERM;
	if (!type_hold(mfn)) {
		frame_put(mfn);
		return -EINVAL;
	}
	*held = mfn;
	return 0;
}

static void plain_release(mfn_t *held)
{
	if (mfn_is_none(*held))
		return;
	type_release(*held);
	dirty_mark(*held);
	frame_put(*held);
	*held = MFN_NONE;
}

static int write_plain(const struct mmu_update *req, const struct domain *d,
		       mfn_t *held)
{
	mfn_t mfn = maddr_mfn(req->ptr);
	int err = plain_hold(mfn, d, held);

	if (!err)
		WRITE_ONCE(*(u64 *)maddr_virt(req->ptr), req->val);
	return err;
}

static int update_entry(struct vcpu *v, const struct map_ask *ask,
			const struct mmu_update *req, bool keep_ad, mfn_t *held)
{
	struct entry_change c = {
		.table = maddr_mfn(req->ptr),
		.index = req->ptr >> 3 & (ENTRIES - 1),
		.value = req->val,
		.keep_ad = keep_ad,
	};

	c.level = likely(quick_is_l1(c.table, ask->d->id))
			  ? 1
			  : table_level(c.table, ask->d);
	if (likely(c.level))
		return entry_change(v, ask, &c);
	return write_plain(req, ask->d, held);
}

static int update_m2p(const struct map_ask *ask, const struct mmu_update *req)
{
	mfn_t mfn = maddr_mfn(req->ptr);

	if (!ask->of || !frame_get(mfn, ask->owner))
		return -EINVAL;
	m2p_set(mfn, req->val);
	frame_put(mfn);
	return 0;
}

static int update_one(struct vcpu *v, const struct map_ask *ask,
		      struct mmu_update *req, mfn_t *held)
{
	u32 type = req->ptr & (sizeof(u64) - 1);

	req->ptr -= type;
	plain_release(held);
	switch (type) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_NO_TRANSLATE:
		return update_entry(v, ask, req, false, held);
	case MMU_PT_UPDATE_PRESERVE_AD:
		return update_entry(v, ask, req, true, held);
	case MMU_MACHPHYS_UPDATE:
		return update_m2p(ask, req);
	default:
		return -ENOSYS;
	}
}

// How many of the n are normal ones for the frame that is held: done.
static u32 run_plain(const struct mmu_update *req, u32 n, mfn_t held)
{
	u64 *words = mfn_virt(held), first = mfn_maddr(held);
	u32 i;

	for (i = 0; i < n; i++) {
		u64 at = req[i].ptr - first;

		if (at >= PAGE_SIZE || at % sizeof(u64) != MMU_NORMAL_PT_UPDATE)
			break;
		WRITE_ONCE(words[at / sizeof(u64)], req[i].val);
	}
	return i;
}

// How many of the n are usual ones for the same level 1 table: done.
static u32 run_l1(const struct map_ask *ask, const struct mmu_update *req,
		  u32 n)
{
	mfn_t table = maddr_mfn(req->ptr);
	u32 i = 0;

	if (!quick_is_l1(table, ask->d->id))
		return 0;
	for (; i < n && mfn_eq(maddr_mfn(req[i].ptr), table); i++) {
		u32 type = req[i].ptr % sizeof(u64);

		if (type > MMU_PT_UPDATE_NO_TRANSLATE ||
		    type == MMU_MACHPHYS_UPDATE ||
		    !l1_change(ask, table, req[i].ptr >> 3 & (ENTRIES - 1),
			       req[i].val, type == MMU_PT_UPDATE_PRESERVE_AD))
			break;
	}
	return i;
}

// Does one or more of the n; how many, or the error of the first. Most lists
// have runs for one page.
static int update_some(struct vcpu *v, const struct map_ask *ask,
		       struct mmu_update *req, u32 n, mfn_t *held)
{
	u32 done = mfn_is_none(*held) ? run_l1(ask, req, n)
				      : run_plain(req, n, *held);
	int err = done ? 0 : update_one(v, ask, req, held);

	return err ? err : (int)max(done, 1u);
}

// Up to CHUNK of the n requests of a list; how many, 0 when not even one is
// readable. Each is read once.
#define CHUNK 16

static u32 read_some(struct mmu_update *req, gva_t list, u32 n)
{
	n = min(n, (u32)CHUNK);
	if (n > 1 && !guest_read(req, list, n * sizeof(*req)))
		return n;
	return guest_read(req, list, sizeof(*req)) ? 0 : 1;
}

// Works from *done on until all is done, an error, or -ERESTART.
static int update_all(struct vcpu *v, const struct map_ask *ask, gva_t list,
		      u32 n, u32 *done)
{
	struct mmu_update req[CHUNK];
	mfn_t held = MFN_NONE;
	u32 i = 0, have = 0;
	int some = 0;

	lock_get(&ask->d->lock);
	while (*done < n) {
		if (i == have) {
			i = 0;
			have = read_some(req, list + *done * sizeof(*req),
					 n - *done);
		}
		some = have ? update_some(v, ask, &req[i], have - i, &held)
			    : -EFAULT;
		if (some < 0)
			break;
		i += (u32)some;
		*done += (u32)some;
		if (preempt_due((u32)some) && (*done < n || undo_pending(v))) {
			some = -ERESTART;
			break;
		}
	}
	plain_release(&held);
	lock_put(&ask->d->lock);
	count_more(CNT_MMU_UPDATE, *done);
	return min(some, 0);
}

static bool is_usual(const struct vcpu *v, const struct regs *r)
{
	return r->rsi == 1 && !r->rdx && (u32)r->r10 == DOMID_SELF &&
	       !undo_pending(v);
}

// One request, no count to be told, and nothing else to be done before.
bool mmu_update_usual(struct vcpu *v, struct regs *r)
{
	struct domain *d = v->domain;
	const struct map_ask ask = {.d = d, .of = d, .owner = d->id};
	u64 req[2]; // struct mmu_update
	bool done;
	mfn_t table;

	if (!is_usual(v, r) || guest_read_pair(req, r->rdi) ||
	    req[0] % sizeof(u64) != MMU_NORMAL_PT_UPDATE)
		return false;
	table = maddr_mfn(req[0]);
	lock_get(&d->lock);
	done = quick_is_l1(table, d->id) &&
	       l1_change(&ask, table, req[0] >> 3 & (ENTRIES - 1), req[1],
			 false);
	lock_put(&d->lock);
	if (unlikely(!done))
		return false;
	count_nth(CNT_HYPERCALL, __HYPERVISOR_mmu_update);
	count(CNT_MMU_UPDATE);
	r->rax = 0;
	return true;
}

i64 hc_mmu_update(struct vcpu *v, struct hcall *h)
{
	u32 count = (u32)h->arg[1] & ~COUNT_RESTARTED;
	gva_t total = h->arg[2];
	u32 before = 0, done = 0;
	struct map_ask ask;
	int err = undo_finish(v);

	if (unlikely(err))
		return hypercall_restart(h);
	if ((h->arg[1] & COUNT_RESTARTED) && total)
		err = guest_read(&before, total, sizeof(before));
	if (!err)
		err = foreign_resolve(v, (u32)h->arg[3], &ask);
	if (!err)
		err = update_all(v, &ask, h->arg[0], count, &done);
	before += done;
	if (total && guest_write(total, &before, sizeof(before)))
		return -EFAULT;
	if (err != -ERESTART)
		return err;
	h->arg[0] += done * sizeof(struct mmu_update);
	h->arg[1] = (count - done) | COUNT_RESTARTED;
	return hypercall_restart(h);
}
