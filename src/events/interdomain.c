// SPDX-License-Identifier: MIT
//
// Ports of two domains that are connected, and closing ports. Both ends change
// together, under both domains' event locks, taken in order of address. Since
// the peer is only known by looking, closing locks its own domain, looks,
// locks both in order and looks again.
#include "events/priv.h"

#include "abi/errno.h"
#include "irq/irq.h"

// The event locks of two domains, which may be the same.
static void lock_pair(struct domain *a, struct domain *b)
{
	lock_get(a < b ? &a->event_lock : &b->event_lock);
	if (a != b)
		lock_get(a < b ? &b->event_lock : &a->event_lock);
}

static void unlock_pair(struct domain *a, struct domain *b)
{
	lock_put(&a->event_lock);
	if (a != b)
		lock_put(&b->event_lock);
}

static struct domain *peer_of(struct domain *d, u32 port)
{
	const struct port *p = port_at(d, port);

	return p && p->state == PORT_INTERDOMAIN ? p->inter.remote : d;
}

// Locks d and, if its port is connected, the peer, which it returns; or d.
static struct domain *lock_with_peer(struct domain *d, u32 port)
{
	struct domain *peer;

	lock_get(&d->event_lock);
	peer = peer_of(d, port);
	while (peer != d) {
		lock_put(&d->event_lock);
		lock_pair(d, peer);
		if (peer_of(d, port) == peer)
			break;
		lock_put(&peer->event_lock);
		peer = peer_of(d, port);
	}
	return peer;
}

static bool port_waits_for(const struct port *p, const struct domain *d)
{
	return p && p->state == PORT_UNBOUND && p->remote_domid == d->id;
}

static void connect(struct domain *d, u32 port, struct domain *remote,
		    u32 remote_port)
{
	struct port *p = port_at(d, port);

	p->inter.remote = remote;
	p->inter.remote_port = remote_port;
	p->state = PORT_INTERDOMAIN;
}

int port_bind_interdomain(struct domain *d, struct domain *remote,
			  u32 remote_port, u32 *port)
{
	int err;

	lock_pair(d, remote);
	err = port_alloc(d, port);
	if (err)
		goto out;
	if (!port_waits_for(port_at(remote, remote_port), d)) {
		port_free(d, *port);
		err = -EINVAL;
		goto out;
	}
	connect(d, *port, remote, remote_port);
	connect(remote, remote_port, d, *port);
	// What the other side sent before we were there went nowhere.
	port_raise(d, *port);
out:
	unlock_pair(d, remote);
	return err;
}

// Nothing happens when nobody is bound yet. The lock keeps the peer's port
// connected, and the peer alive.
int port_send(struct domain *d, u32 port)
{
	const struct port *p = port_at(d, port);
	int err = 0;

	if (!p)
		return -EINVAL;
	lock_get(&d->event_lock);
	if (p->state == PORT_INTERDOMAIN)
		port_raise(p->inter.remote, p->inter.remote_port);
	else if (p->state == PORT_IPI)
		port_raise(d, port);
	else if (p->state != PORT_UNBOUND)
		err = -EINVAL;
	lock_put(&d->event_lock);
	return err;
}

static void virq_release(struct domain *d, u32 virq, u32 port)
{
	struct vcpu *v;

	for_each_vcpu (d, v)
		if (v->virq_port[virq] == port)
			WRITE_ONCE(v->virq_port[virq], 0);
}

static void peer_release(struct domain *d, const struct port *p)
{
	struct port *other = port_at(p->inter.remote, p->inter.remote_port);

	other->state = PORT_UNBOUND;
	other->remote_domid = d->id;
}

static void release(struct domain *d, u32 port)
{
	const struct port *p = port_at(d, port);

	if (p->state == PORT_PIRQ)
		pirq_unbind(d, p->pirq);
	else if (p->state == PORT_VIRQ)
		virq_release(d, p->virq, port);
	else if (p->state == PORT_INTERDOMAIN)
		peer_release(d, p);
	port_free(d, port);
}

int port_close(struct domain *d, u32 port)
{
	struct domain *peer = lock_with_peer(d, port);
	const struct port *p = port_at(d, port);
	int err = 0;

	if (!p || p->state == PORT_FREE || p->state == PORT_RESERVED)
		err = -EINVAL;
	else
		release(d, port);
	unlock_pair(d, peer);
	return err;
}
