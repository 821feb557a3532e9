// SPDX-License-Identifier: MIT
//
// mmuext_op: a list of operations on whole page tables, roots, TLBs and caches.
// Each has a small function, found by number in the table at the end.
//
// Roots. A context switch sends NEW_BASEPTR and NEW_USER_BASEPTR in one call;
// the kernel root is loaded once, when the list is done, and only then the old
// roots are let go, since CR3 must never hold a root that has ended.

#include "abi/errno.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/uaccess.h"
#include "hw/cpu.h"
#include "hypercall/hypercall.h"
#include "lib/string.h"
#include "mm/dirty.h"
#include "mm/priv.h"
#include "mm/quick.h"

#define MAX_OLD 2

struct ext {
	struct vcpu *v;
	struct map_ask ask; // of: whose tables are pinned
	struct mmuext_op op;
	bool load_root;
	mfn_t left; // the kernel root before
	mfn_t old[MAX_OLD]; // roots to let go when the new one is loaded
	u32 nr_old;
};

// ------------------------------------------------------------------- pinning

static int pin_locked(struct domain *d, mfn_t mfn, enum frame_type t)
{
	struct frame *f = mfn_frame(mfn);
	int err = frame_get_type(mfn, t, d);

	if (err)
		return err;
	if (!(__atomic_fetch_or(&f->type, FT_PINNED, __ATOMIC_SEQ_CST) &
	      FT_PINNED))
		return 0;
	if (type_put(mfn)) // not the last: the pin is another
		bug("a pinned table went away");
	frame_put(mfn);
	return -EINVAL;
}

static int op_pin(struct ext *x)
{
	struct domain *d = x->ask.of;
	mfn_t mfn = MFN(x->op.arg1.mfn);
	int err;

	if (!d || (d->dying && x->v->domain != d))
		return -EINVAL;
	lock_get(&d->lock);
	err = pin_locked(
		d, mfn,
		(enum frame_type)(TYPE_L1 + x->op.cmd - MMUEXT_PIN_L1_TABLE));
	lock_put(&d->lock);
	if (err && err != -ERESTART)
		log_guest(x->v->domain, LOG_WARN,
			  "cannot pin frame 0x%lx as level %u: error %d\n",
			  mfn.n, x->op.cmd + 1, err);
	return err;
}

static int op_unpin(struct ext *x)
{
	struct domain *d = x->ask.of;
	mfn_t mfn = MFN(x->op.arg1.mfn);
	int err = -EINVAL;

	if (!d || !frame_get(mfn, d->id))
		return -EINVAL;
	lock_get(&d->lock);
	if (__atomic_fetch_and(&mfn_frame(mfn)->type, ~FT_PINNED,
			       __ATOMIC_SEQ_CST) &
	    FT_PINNED) {
		(void)!undo_table(x->v, mfn); // looked at after each op
		err = 0;
	}
	lock_put(&d->lock);
	frame_put(mfn);
	return err;
}

// --------------------------------------------------------------------- roots

// Most roots are pinned, so that neither of these is the first or last user.
static inline void put_root(struct vcpu *v, mfn_t mfn)
{
	if (quick_type_put(mfn))
		quick_put(mfn);
	else
		(void)!undo_table(v, mfn); // looked at after each op
}

static inline int get_root(struct domain *d, mfn_t mfn)
{
	if (!quick_is_ram(mfn) || !quick_get(mfn, d->id))
		return -EPERM;
	if (quick_type_get(mfn, TYPE_L4))
		return 0;
	quick_put(mfn);
	return frame_get_type(mfn, TYPE_L4, d);
}

static hot_code void roots_settle(struct ext *x)
{
	struct domain *d = x->v->domain;

	if (x->load_root) {
		root_next(x->v, x->left);
		x->v->task_switch = !mfn_is_none(x->v->user_root);
	}
	x->load_root = false;
	if (!x->nr_old)
		return;
	lock_get(&d->lock);
	while (x->nr_old)
		put_root(x->v, x->old[--x->nr_old]);
	lock_put(&d->lock);
}

static hot_code int take_root(struct ext *x, mfn_t mfn)
{
	struct domain *d = x->v->domain;
	int err;

	if (x->ask.of != d)
		return -EINVAL;
	lock_get(&d->lock);
	err = get_root(d, mfn);
	lock_put(&d->lock);
	return err;
}

static void replace_root(struct ext *x, mfn_t *root, mfn_t mfn)
{
	if (!mfn_is_none(*root))
		x->old[x->nr_old++] = *root;
	*root = mfn;
	root_changed(x->v);
}

static hot_code int op_new_root(struct ext *x)
{
	mfn_t mfn = MFN(x->op.arg1.mfn);
	int err = take_root(x, mfn);

	if (err)
		return err;
	x->left = x->v->kernel_root;
	replace_root(x, &x->v->kernel_root, mfn);
	x->load_root = true;
	return 0;
}

// The guest's kernel asks, so its user root is not loaded now.
static hot_code int op_new_user_root(struct ext *x)
{
	mfn_t mfn = MFN(x->op.arg1.mfn);
	int err;

	if (mfn.n == 0) {
		replace_root(x, &x->v->user_root, MFN_NONE);
		return 0;
	}
	err = take_root(x, mfn);
	if (!err)
		replace_root(x, &x->v->user_root, mfn);
	return err;
}

// ------------------------------------------------------------ TLBs and caches

static int op_flush(struct ext *x)
{
	static const struct {
		u32 cmd;
		bool all;
		int where;
	} forms[] = {
		{MMUEXT_TLB_FLUSH_LOCAL, true, FLUSH_LOCAL},
		{MMUEXT_INVLPG_LOCAL, false, FLUSH_LOCAL},
		{MMUEXT_TLB_FLUSH_MULTI, true, FLUSH_MASK},
		{MMUEXT_INVLPG_MULTI, false, FLUSH_MASK},
		{MMUEXT_TLB_FLUSH_ALL, true, FLUSH_DOMAIN},
		{MMUEXT_INVLPG_ALL, false, FLUSH_DOMAIN},
	};
	u32 i = x->op.cmd - MMUEXT_TLB_FLUSH_LOCAL;
	struct flush_ask ask = {
		.all = forms[i].all,
		.va = x->op.arg1.linear_addr,
		.where = forms[i].where,
	};
	int err = 0;

	if (x->ask.of != x->v->domain)
		return -EPERM;
	if (ask.where == FLUSH_MASK)
		err = flush_read_mask(x->v, (u64)x->op.arg2.vcpumask.p, &ask);
	if (!err)
		flush_do(x->v, &ask);
	return err;
}

static int op_flush_cache(struct ext *x)
{
	if (x->v->domain->privileged)
		wbinvd();
	return 0;
}

// ------------------------------------------------------------- whole frames

static int op_clear_page(struct ext *x)
{
	mfn_t mfn = MFN(x->op.arg1.mfn);
	int err;

	if (!x->ask.of)
		return -EINVAL;
	err = frame_get_type(mfn, TYPE_WRITABLE, x->ask.of);
	if (err)
		return err;
	memset(mfn_virt(mfn), 0, PAGE_SIZE);
	dirty_mark(mfn);
	frame_put_type(mfn);
	return 0;
}

static int op_copy_page(struct ext *x)
{
	mfn_t to = MFN(x->op.arg1.mfn);
	mfn_t from = MFN(x->op.arg2.src_mfn);
	int err;

	if (!x->ask.of || !frame_get(from, x->ask.owner))
		return -EINVAL;
	err = frame_get_type(to, TYPE_WRITABLE, x->ask.of);
	if (!err) {
		memcpy(mfn_virt(to), mfn_virt(from), PAGE_SIZE);
		dirty_mark(to);
		frame_put_type(to);
	}
	frame_put(from);
	return err;
}

// ---------------------------------------------------------------- the others

static int op_set_ldt(struct ext *x)
{
	gva_t base = x->op.arg1.linear_addr;
	u32 entries = x->op.arg2.nr_ents;

	if (x->ask.of != x->v->domain)
		return -EINVAL;
	return descriptor_set_ldt(x->v, base, entries);
}

static int op_super(struct ext *x)
{
	(void)x;
	return -EOPNOTSUPP;
}

static hot_const int (*const ops[])(struct ext *x) = {
	[MMUEXT_PIN_L1_TABLE] = op_pin,
	[MMUEXT_PIN_L2_TABLE] = op_pin,
	[MMUEXT_PIN_L3_TABLE] = op_pin,
	[MMUEXT_PIN_L4_TABLE] = op_pin,
	[MMUEXT_UNPIN_TABLE] = op_unpin,
	[MMUEXT_NEW_BASEPTR] = op_new_root,
	[MMUEXT_NEW_USER_BASEPTR] = op_new_user_root,
	[MMUEXT_TLB_FLUSH_LOCAL] = op_flush,
	[MMUEXT_INVLPG_LOCAL] = op_flush,
	[MMUEXT_TLB_FLUSH_MULTI] = op_flush,
	[MMUEXT_INVLPG_MULTI] = op_flush,
	[MMUEXT_TLB_FLUSH_ALL] = op_flush,
	[MMUEXT_INVLPG_ALL] = op_flush,
	[MMUEXT_FLUSH_CACHE] = op_flush_cache,
	[MMUEXT_FLUSH_CACHE_GLOBAL] = op_flush_cache,
	[MMUEXT_SET_LDT] = op_set_ldt,
	[MMUEXT_CLEAR_PAGE] = op_clear_page,
	[MMUEXT_COPY_PAGE] = op_copy_page,
	[MMUEXT_MARK_SUPER] = op_super,
	[MMUEXT_UNMARK_SUPER] = op_super,
};

static int do_one(struct ext *x)
{
	if (x->op.cmd >= ARRAY_SIZE(ops) || !ops[x->op.cmd])
		return -ENOSYS;
	// Room for one more old root, and the order in which ops take effect.
	if (x->nr_old == MAX_OLD ||
	    (x->load_root && x->op.cmd != MMUEXT_NEW_USER_BASEPTR))
		roots_settle(x);
	return undo_pending(x->v) ? -ERESTART : ops[x->op.cmd](x);
}

static int do_all(struct ext *x, gva_t list, u32 count, u32 *done)
{
	int err = 0;

	while (*done < count) {
		err = guest_read(&x->op, list + *done * sizeof(x->op),
				 sizeof(x->op));
		if (!err)
			err = do_one(x);
		if (err)
			break;
		++*done;
		if (preempt_due(1) && (*done < count || undo_pending(x->v))) {
			err = -ERESTART;
			break;
		}
	}
	roots_settle(x);
	return err;
}

hot_code i64 hc_mmuext_op(struct vcpu *v, struct hcall *h)
{
	u32 count = (u32)h->arg[1] & ~COUNT_RESTARTED;
	gva_t total = h->arg[2];
	u32 before = 0, done = 0;
	struct ext x;
	int err = unlikely(undo_pending(v)) ? undo_finish(v) : 0;

	if (unlikely(err))
		return hypercall_restart(h);
	x.v = v; // the rest comes with the calls below
	x.load_root = false;
	x.nr_old = 0;
	if ((h->arg[1] & COUNT_RESTARTED) && total)
		err = guest_read(&before, total, sizeof(before));
	if (!err)
		err = foreign_resolve(v, (u32)h->arg[3], &x.ask);
	if (!err)
		err = do_all(&x, h->arg[0], count, &done);
	before += done;
	if (total && guest_write(total, &before, sizeof(before)))
		return -EFAULT;
	if (undo_pending(v) && !err)
		err = -ERESTART;
	if (err != -ERESTART)
		return err;
	h->arg[0] += done * sizeof(struct mmuext_op);
	h->arg[1] = (count - done) | COUNT_RESTARTED;
	return hypercall_restart(h);
}
