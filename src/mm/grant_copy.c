// SPDX-License-Identifier: MIT
//
// GNTTABOP_copy: bytes from one page to another, each named by a grant or, if
// it is the caller's own, by frame number. A network back end names the same
// page in many operations on end, so each side is kept until another is named.

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "cpu/uaccess.h"
#include "lib/string.h"
#include "mm/dirty.h"
#include "mm/grant_priv.h"

#define COPY_COST 8 // preemption units, and one more for 256 bytes

struct side {
	bool held;
	bool by_ref;
	domid_t domid; // as the guest named it, like frame
	u64 frame; // if not by reference
	struct grant_use use;
};

struct copier {
	struct domain *self;
	struct side from, to;
};

static void side_put(struct side *s)
{
	if (!s->held)
		return;
	s->held = false;
	if (s->use.write)
		dirty_mark(s->use.mfn);
	grant_let_go(s->use.mfn, s->use.write);
	if (s->by_ref)
		grant_unpin(&s->use, 1);
}

static bool is_same(const struct side *s, const struct gnttab_copy_ptr *p,
		    bool by_ref)
{
	return s->held && s->by_ref == by_ref && s->domid == p->domid &&
	       (by_ref ? s->use.ref == p->u.ref : s->frame == p->u.gmfn);
}

// Who has the page. Only the caller's own go by frame number.
static int16_t name(struct side *s, struct domain *self,
		    const struct gnttab_copy_ptr *p, bool by_ref)
{
	if (is_same(s, p, by_ref))
		return GNTST_okay;
	side_put(s);
	if (!by_ref && p->domid != DOMID_SELF)
		return GNTST_permission_denied;
	s->by_ref = by_ref;
	s->domid = p->domid;
	s->frame = by_ref ? 0 : p->u.gmfn;
	s->use.ref = by_ref ? p->u.ref : 0;
	s->use.user = self->id;
	s->use.granter = p->domid == DOMID_SELF ? self : domain_find(p->domid);
	return s->use.granter ? GNTST_okay : GNTST_bad_domain;
}

static int16_t hold(struct side *s)
{
	int16_t status;

	if (s->held)
		return GNTST_okay;
	if (s->by_ref) {
		status = grant_pin(&s->use, 1, 0);
	} else {
		s->use.mfn = MFN(s->frame);
		status = grant_hold(s->use.granter, s->use.mfn, s->use.write);
	}
	s->held = status == GNTST_okay;
	return status;
}

static int16_t copy_bytes(const struct copier *c, const struct gnttab_copy *op)
{
	u8 *to = mfn_virt(c->to.use.mfn);
	const u8 *from = mfn_virt(c->from.use.mfn);

	if (op->source.offset + (u32)op->len > PAGE_SIZE ||
	    op->dest.offset + (u32)op->len > PAGE_SIZE)
		return GNTST_bad_copy_arg;
	to += op->dest.offset;
	from += op->source.offset;
	if (likely(!mfn_eq(c->to.use.mfn, c->from.use.mfn)))
		memcpy(to, from, op->len);
	else
		memmove(to, from, op->len);
	return GNTST_okay;
}

static int16_t copy_one(struct copier *c, const struct gnttab_copy *op)
{
	int16_t status = name(&c->from, c->self, &op->source,
			      op->flags & GNTCOPY_source_gref);

	if (status == GNTST_okay)
		status = name(&c->to, c->self, &op->dest,
			      op->flags & GNTCOPY_dest_gref);
	if (status == GNTST_okay)
		status = hold(&c->from);
	if (status == GNTST_okay)
		status = hold(&c->to);
	return status == GNTST_okay ? copy_bytes(c, op) : status;
}

static int copy_all(struct copier *c, gva_t list, u32 n, u32 *done)
{
	struct gnttab_copy op;

	while (*done < n) {
		gva_t at = list + *done * sizeof(op);

		if (guest_read(&op, at, sizeof(op)))
			return -EFAULT;
		op.status = copy_one(c, &op);
		if (guest_write(at + offsetof(typeof(op), status), &op.status,
				sizeof(op.status)))
			return -EFAULT;
		++*done;
		if (preempt_due(COPY_COST + op.len / 256u) && *done < n)
			return -ERESTART;
	}
	return 0;
}

int grant_copy_list(struct vcpu *v, gva_t list, u32 n, u32 *done)
{
	struct copier c = {
		.self = v->domain,
		.to.use.write = true,
	};
	int err = copy_all(&c, list, n, done);

	side_put(&c.from);
	side_put(&c.to);
	return err;
}
