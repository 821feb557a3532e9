// SPDX-License-Identifier: MIT
//
// On whose behalf: hypercalls about memory name the domain that owns the frames
// and sometimes the one that owns the tables. Only the control domain may name
// another than itself.

#include "abi/errno.h"
#include "mm/priv.h"

static int resolve_owner(struct vcpu *v, domid_t id, struct map_ask *ask)
{
	int err = 0;

	ask->of = v->domain;
	ask->owner = v->domain->id;
	if (likely(id == DOMID_SELF))
		return 0;
	ask->of = NULL;
	ask->owner = id;
	if (id == DOMID_IO)
		return 0;
	if (id == DOMID_XEN)
		return v->domain->privileged ? 0 : -EPERM;
	ask->of = domain_target(v->domain, id, &err);
	if (!ask->of)
		return err;
	ask->owner = ask->of->id;
	return 0;
}

hot_code int foreign_resolve(struct vcpu *v, u32 foreigndom,
			     struct map_ask *ask)
{
	u32 tables = foreigndom >> 16;
	int err = 0;

	ask->d = v->domain;
	if (unlikely(tables)) {
		ask->d = domain_target(v->domain, (domid_t)(tables - 1), &err);
		if (!ask->d)
			return err;
	}
	return resolve_owner(v, (domid_t)foreigndom, ask);
}
