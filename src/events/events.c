// SPDX-License-Identifier: MIT
//
// A domain's ports, and how raising one reaches the guest. Ports are kept in
// buckets that are made when needed and stay until the domain is gone, so
// raising a port needs no lock: it reads the number of the vCPU to tell, sets
// bits in memory shared with the guest, and leaves the rest to the scheduler.
//
// Delivery has two levels. The port's bit in shared_info.evtchn_pending comes
// first; if it was clear and the port is not masked, the bit of its 64-port
// group in the vCPU's selector; if that was clear, the vCPU's pending byte.
// The guest clears them in the opposite order, so nothing gets lost. A raise
// that races with a close may mark a closed port: guests put up with that.
#include "events/priv.h"

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "lib/string.h"
#include "sched/sched.h"

#define BUCKETS (PORTS_MAX / PORTS_PER_BUCKET)

// In work units (preempt_due): a port that is closed; those that are already.
#define CLOSE_COST 8u
#define FREE_PER_UNIT 8u

struct port *port_at(const struct domain *d, u32 port)
{
	struct port *bucket;

	if (port >= d->max_port)
		return NULL;
	bucket = __atomic_load_n(&d->port_buckets[port / PORTS_PER_BUCKET],
				 __ATOMIC_ACQUIRE);
	return bucket ? &bucket[port % PORTS_PER_BUCKET] : NULL;
}

bool port_valid(const struct domain *d, u32 port)
{
	return port_at(d, port) != NULL;
}

static int bucket_add(struct domain *d, u32 index)
{
	struct port *bucket = kalloc(PORTS_PER_BUCKET * sizeof(*bucket));

	if (!bucket)
		return -ENOMEM;
	__atomic_store_n(&d->port_buckets[index], bucket, __ATOMIC_RELEASE);
	return 0;
}

int events_domain_init(struct domain *d)
{
	int err;

	if (!d->max_port || d->max_port > PORTS_MAX)
		d->max_port = PORTS_MAX;
	d->port_buckets = kalloc(BUCKETS * sizeof(*d->port_buckets));
	if (!d->port_buckets)
		return -ENOMEM;
	err = bucket_add(d, 0);
	if (err)
		return err;
	port_at(d, 0)->state = PORT_RESERVED; // 0 means "no port" in the ABI
	return 0;
}

u32 events_close_all(struct domain *d, u32 first)
{
	for (u32 n = max(first, 1u); n < d->max_port; n++) {
		const struct port *p = port_at(d, n);
		bool open;

		if (!p) {
			n |= PORTS_PER_BUCKET - 1; // on to the next bucket
			continue;
		}
		open = p->state != PORT_FREE;
		if (open)
			port_close(d, n);
		if (preempt_due(open ? CLOSE_COST : n % FREE_PER_UNIT == 0))
			return n + 1;
	}
	return 0;
}

void events_domain_free(struct domain *d)
{
	if (!d->port_buckets)
		return;
	for (u32 i = 0; i < BUCKETS; i++)
		kfree(d->port_buckets[i]);
	kfree(d->port_buckets);
	d->port_buckets = NULL;
	d->max_port = 0;
}

int port_alloc(struct domain *d, u32 *port)
{
	assert(lock_mine(&d->event_lock));
	if (d->dying != DOMAIN_ALIVE)
		return -EINVAL;
	for (u32 n = 1; n < d->max_port; n++) {
		struct port *p = port_at(d, n);

		if (!p) {
			int err = bucket_add(d, n / PORTS_PER_BUCKET);

			if (err)
				return err;
			p = port_at(d, n);
		}
		if (p->state == PORT_FREE) {
			*p = (struct port){.state = PORT_RESERVED};
			*port = n;
			return 0;
		}
	}
	return -ENOSPC;
}

// -------------------------------------------------------------- the bitmaps

static bool bit_set(xen_ulong_t *map, u32 n)
{
	u64 bit = BIT(n % 64);

	return __atomic_fetch_or(&map[n / 64], bit, __ATOMIC_SEQ_CST) & bit;
}

static bool bit_clear(xen_ulong_t *map, u32 n)
{
	u64 bit = BIT(n % 64);

	return __atomic_fetch_and(&map[n / 64], ~bit, __ATOMIC_SEQ_CST) & bit;
}

static bool bit_test(const xen_ulong_t *map, u32 n)
{
	return __atomic_load_n(&map[n / 64], __ATOMIC_SEQ_CST) & BIT(n % 64);
}

void port_free(struct domain *d, u32 port)
{
	struct port *p = port_at(d, port);

	assert(lock_mine(&d->event_lock));
	bit_clear(d->shared->evtchn_pending, port);
	*p = (struct port){.state = PORT_FREE};
}

struct vcpu *port_vcpu(const struct domain *d, u32 port)
{
	return READ_ONCE(d->vcpu[READ_ONCE(port_at(d, port)->vcpu)]);
}

// The two upper levels: selector and pending byte of the vCPU. info is read
// after the port's bit was set: if the vCPU moves its info meanwhile, it looks
// through all ports afterwards and finds the bit. A domain that is being made
// may have ports before it has vCPUs.
static void announce(struct domain *d, u32 port)
{
	struct vcpu *v = port_vcpu(d, port);
	struct vcpu_info *info;

	if (unlikely(!v))
		return;
	info = READ_ONCE(v->info);
	if (bit_set(&info->evtchn_pending_sel, port / 64))
		return;
	if (!__atomic_exchange_n(&info->evtchn_upcall_pending, 1,
				 __ATOMIC_SEQ_CST))
		vcpu_kick(v);
}

void port_raise(struct domain *d, u32 port)
{
	if (bit_set(d->shared->evtchn_pending, port))
		return;
	count(CNT_EVENT_RAISE);
	if (!bit_test(d->shared->evtchn_mask, port))
		announce(d, port);
	if (__atomic_load_n(&d->pollers, __ATOMIC_SEQ_CST))
		sched_wake_pollers(d, port);
}

void port_unmask(struct domain *d, u32 port)
{
	if (bit_clear(d->shared->evtchn_mask, port) &&
	    bit_test(d->shared->evtchn_pending, port))
		announce(d, port);
}

bool port_pending(const struct domain *d, u32 port)
{
	return bit_test(d->shared->evtchn_pending, port);
}

void event_mark_pending(struct vcpu *v)
{
	struct vcpu_info *info = v->info;

	__atomic_store_n(&info->evtchn_pending_sel, ~0ul, __ATOMIC_SEQ_CST);
	__atomic_store_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
	vcpu_kick(v);
}
