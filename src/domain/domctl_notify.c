// SPDX-License-Identifier: MIT
//
// domctl: who is told what happens to a domain and to the machine.
#include "domain/domctl.h"

#include "abi/errno.h"
#include "events/events.h"

// A port of the domain, usually connected to one of the tools': it tells of its
// suspension, and VIRQ_DOM_EXC does not. One that cannot tell changes nothing.
int domctl_subscribe(const struct domctl *c)
{
	WRITE_ONCE(c->d->suspend_port, c->op->u.subscribe.port);
	return 0;
}

// -EINVAL no such virq, or one that each vCPU has for itself; the domain dies.
int domctl_set_virq_handler(const struct domctl *c)
{
	return virq_set_handler(c->d, c->op->u.set_virq_handler.virq);
}

// A debugger would want to stop the domain at breakpoints of its kernel, which
// go to that kernel here. -EOPNOTSUPP.
int domctl_set_debugging(const struct domctl *c)
{
	return c->op->u.setdebugging.enable ? -EOPNOTSUPP : 0;
}
