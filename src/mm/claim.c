// SPDX-License-Identifier: MIT
//
// Claims: the control domain sets memory aside for a domain that it is about to
// fill, so that it learns at once whether there is enough, and no other domain
// takes it meanwhile. What the domain then gets counts against its claim. The
// hypervisor's own small needs are not held back.

#include "abi/errno.h"
#include "cpu/uaccess.h"
#include "mm/priv.h"

static struct lock claim_lock = LOCK_INIT(LOCK_CLAIM);
static u64 claimed; // frames, all claims together; written under the lock

u64 claims_total(void)
{
	return READ_ONCE(claimed);
}

static void set(struct domain *d, u64 n)
{
	WRITE_ONCE(claimed, claimed - d->claim + n);
	WRITE_ONCE(d->claim, n);
}

void claim_drop(struct domain *d)
{
	lock_get(&claim_lock);
	set(d, 0);
	lock_put(&claim_lock);
}

bool claim_use(struct domain *d, u64 n, u64 *used)
{
	bool fits;

	*used = 0;
	if (likely(!READ_ONCE(claimed)))
		return true;
	lock_get(&claim_lock);
	fits = n + (claimed - d->claim) <= heap_free_frames();
	if (fits) {
		*used = min(d->claim, n);
		set(d, d->claim - *used);
	}
	lock_put(&claim_lock);
	return fits;
}

// After claim_drop, in the end of a domain, nobody would take it back.
void claim_return(struct domain *d, u64 used)
{
	lock_get(&claim_lock);
	if (!d->dying)
		set(d, d->claim + used);
	lock_put(&claim_lock);
}

// The claim is for what is missing to n frames. -EINVAL there is one, n is less
// than the domain has or more than it may have, or the domain ends; -ENOMEM.
static int claim_make(struct domain *d, u64 n)
{
	u64 has = READ_ONCE(d->tot_pages), spare;
	int err = 0;

	if (n <= has || n > READ_ONCE(d->max_pages))
		return -EINVAL;
	lock_get(&claim_lock);
	spare = heap_free_frames();
	if (d->claim || d->dying)
		err = -EINVAL;
	else if (claimed > spare || n - has > spare - claimed)
		err = -ENOMEM;
	else
		set(d, n - has);
	lock_put(&claim_lock);
	return err;
}

i64 memory_claim(const struct memory_call *c)
{
	struct xen_memory_reservation r;
	struct domain *d;
	int err = guest_read(&r, c->arg, sizeof(r));

	if (err)
		return err;
	if (!c->v->domain->privileged)
		return -EPERM;
	if (GUEST_HANDLE_GVA(r.extent_start) || r.extent_order || r.mem_flags)
		return -EINVAL;
	d = domain_target(c->v->domain, r.domid, &err);
	if (!d)
		return err;
	if (r.nr_extents)
		return claim_make(d, r.nr_extents);
	claim_drop(d);
	return 0;
}
