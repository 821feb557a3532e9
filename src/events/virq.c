// SPDX-License-Identifier: MIT
//
// Virqs: events of the hypervisor's own. Some each vCPU has for itself; the
// others are the machine's (a key was pressed, a domain has ended) and go to
// one domain: dom0, unless it has named another.
#include "events/priv.h"

#include "abi/errno.h"

#define VIRQS_PER_VCPU                                            \
	(BIT(VIRQ_TIMER) | BIT(VIRQ_DEBUG) | BIT(VIRQ_XENOPROF) | \
	 BIT(VIRQ_XENPMU))

static domid_t handler[NR_VIRQS]; // 0: dom0

bool virq_is_global(u32 virq)
{
	return !(VIRQS_PER_VCPU & BIT(virq));
}

int virq_set_handler(const struct domain *d, u32 virq)
{
	if (virq >= NR_VIRQS || !virq_is_global(virq) ||
	    d->dying != DOMAIN_ALIVE)
		return -EINVAL;
	WRITE_ONCE(handler[virq], d->id);
	return 0;
}

void virq_drop_handler(const struct domain *d)
{
	for (u32 i = 0; i < NR_VIRQS; i++)
		if (handler[i] == d->id)
			WRITE_ONCE(handler[i], 0);
}

// One that is dying does not hear us any more.
static const struct domain *handler_of(u32 virq)
{
	domid_t id = READ_ONCE(handler[virq]);
	const struct domain *d = id ? domain_find(id) : NULL;

	return d && d->dying == DOMAIN_ALIVE ? d : dom0;
}

void virq_raise(struct vcpu *v, u32 virq)
{
	u32 port = READ_ONCE(v->virq_port[virq]);

	if (port)
		port_raise(v->domain, port);
}

void virq_raise_global(u32 virq)
{
	const struct domain *d = handler_of(virq);

	if (d && d->vcpu[0])
		virq_raise(d->vcpu[0], virq);
}
