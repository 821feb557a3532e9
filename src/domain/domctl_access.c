// SPDX-License-Identifier: MIT
//
// domctl: which device memory, ports and interrupts a domain may have. The
// control domain can give only what it has itself.
#include "domain/domctl.h"

#include "abi/errno.h"
#include "cpu/cpu.h"
#include "domain/rangeset.h"
#include "irq/irq.h"

#define PORTS 0x10000u

static int change(struct rangeset *s, u64 first, u64 last, bool allow)
{
	return allow ? rangeset_add(s, first, last)
		     : rangeset_remove(s, first, last);
}

// -EINVAL beyond the processor's addresses, -EPERM not the caller's to give, or
// nobody's, -ENOMEM.
int domctl_iomem(const struct domctl *c)
{
	const struct xen_domctl_iomem_permission *a =
		&c->op->u.iomem_permission;
	u64 first = a->first_mfn, last = first + a->nr_mfns - 1;

	if (last < first || last >> (cpu_features.phys_bits - PAGE_SHIFT))
		return -EINVAL;
	if (!rangeset_has(c->caller->domain->iomem, first, last) ||
	    (a->allow_access && iomem_kept(first, last)))
		return -EPERM;
	return change(c->d->iomem, first, last, a->allow_access);
}

// -EINVAL beyond the last port, -EPERM not the caller's to give, -ENOMEM.
int domctl_ioports(const struct domctl *c)
{
	const struct xen_domctl_ioport_permission *a =
		&c->op->u.ioport_permission;
	u32 first = a->first_port, n = a->nr_ports;

	if (first > PORTS || n > PORTS - first)
		return -EINVAL;
	if (!n)
		return 0;
	if (!rangeset_has(c->caller->domain->ioports, first, first + n - 1))
		return -EPERM;
	return change(c->d->ioports, first, first + n - 1, a->allow_access);
}

// -EINVAL there can be no such pirq, or the domain ends; -EPERM not a line of
// the caller's, -ENOMEM.
int domctl_irq(const struct domctl *c)
{
	const struct xen_domctl_irq_permission *a = &c->op->u.irq_permission;

	return pirq_allow(c->caller->domain, c->d, a->pirq, a->allow_access);
}

// Handing a device to a domain takes an IOMMU, which we do not drive.
int domctl_no_device(const struct domctl *c maybe_unused)
{
	return -EOPNOTSUPP;
}
