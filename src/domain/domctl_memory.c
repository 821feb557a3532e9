// SPDX-License-Identifier: MIT
//
// domctl: a domain's memory: how much it may have, what its frames are used
// as, and its hypercall page.
#include "domain/domctl.h"

#include "abi/errno.h"
#include "cpu/uaccess.h"
#include "hypercall/hypercall.h"
#include "mm/dirty.h"
#include "sched/sched.h"

#define LIST_MAX 1024 // frames asked about at once
#define CHUNK 64

// A limit below what the domain has keeps it from getting more.
int domctl_max_mem(const struct domctl *c)
{
	WRITE_ONCE(c->d->max_pages,
		   c->op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10));
	return 0;
}

// XEN_DOMCTL_PFINFO_* of a frame.
static u64 page_type(const struct domain *d, mfn_t mfn)
{
	u64 type = XEN_DOMCTL_PFINFO_NOTAB;
	enum frame_type kind;
	u32 word;

	if (!frame_get(mfn, d->id))
		return XEN_DOMCTL_PFINFO_XTAB;
	word = READ_ONCE(mfn_frame(mfn)->type);
	kind = (enum frame_type)(word >> FT_TYPE_SHIFT);
	if ((word & FT_COUNT_MASK) && kind >= TYPE_L1 && kind <= TYPE_L4) {
		type = (u64)kind << XEN_DOMCTL_PFINFO_LTAB_SHIFT;
		if (word & FT_PINNED)
			type |= XEN_DOMCTL_PFINFO_LPINTAB;
	}
	frame_put(mfn);
	return type;
}

static int translate(const struct domain *d, gva_t list, u32 n)
{
	u64 frame[CHUNK];

	if (guest_read(frame, list, n * sizeof(*frame)))
		return -EFAULT;
	for (u32 i = 0; i < n; i++)
		frame[i] = page_type(d, MFN(frame[i]));
	return guest_write(list, frame, n * sizeof(*frame));
}

// Replaces each frame number of a list by the frame's type. -E2BIG, -EFAULT.
int domctl_page_types(const struct domctl *c)
{
	const struct xen_domctl_getpageframeinfo3 *a =
		&c->op->u.getpageframeinfo3;
	gva_t list = GUEST_HANDLE_GVA(a->array);

	if (a->num > LIST_MAX)
		return -E2BIG;
	for (u64 i = 0; i < a->num; i += CHUNK) {
		u32 n = (u32)min(a->num - i, (u64)CHUNK);

		if (translate(c->d, list + i * sizeof(u64), n))
			return -EFAULT;
	}
	return 0;
}

// -EACCES not a frame that the domain may write.
int domctl_hypercall_page(const struct domctl *c)
{
	mfn_t mfn = MFN(c->op->u.hypercall_init.gmfn);

	if (frame_get_type(mfn, TYPE_WRITABLE, c->d))
		return -EACCES;
	hypercall_page_fill(mfn_virt(mfn));
	dirty_mark(mfn);
	frame_put_type(mfn);
	return 0;
}

// Switches the log of written pages on or off while no vCPU runs.
static int switch_log(struct domain *d, bool on)
{
	struct vcpu *v;
	int err = 0;

	for_each_vcpu (d, v)
		domctl_hold(v);
	if (on)
		err = dirty_start(d);
	else
		dirty_stop(d);
	for_each_vcpu (d, v)
		vcpu_unpause(v);
	return err;
}

// The log of written pages; there is no other use of shadow_op for domains like
// these. -EINVAL on twice, or off or read while it is not on; -EOPNOTSUPP
// anything else; -ENOMEM, -EFAULT.
int domctl_shadow(const struct domctl *c)
{
	struct xen_domctl_shadow_op *a = &c->op->u.shadow_op;

	switch (a->op) {
	case XEN_DOMCTL_SHADOW_OP_ENABLE:
		if (a->mode != XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY)
			return -EOPNOTSUPP;
		return switch_log(c->d, true);
	case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
		return switch_log(c->d, true);
	case XEN_DOMCTL_SHADOW_OP_OFF:
		return dirty_is_on(c->d) ? switch_log(c->d, false) : -EINVAL;
	case XEN_DOMCTL_SHADOW_OP_CLEAN:
		return dirty_read(c->d, a, true);
	case XEN_DOMCTL_SHADOW_OP_PEEK:
		return dirty_read(c->d, a, false);
	default:
		return -EOPNOTSUPP;
	}
}
