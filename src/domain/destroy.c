// SPDX-License-Identifier: MIT
//
// The end of a domain, in stages, each of which may take several calls. What is
// still in use elsewhere (a frame that dom0 has mapped) keeps the dead domain's
// structure until it is let go.
#include "abi/errno.h"
#include "abi/xen.h"
#include "domain/priv.h"
#include "events/events.h"
#include "irq/irq.h"
#include "mm/dirty.h"
#include "mm/grant.h"
#include "sched/sched.h"

static u32 dead_count; // domains that wait for domains_reap()

// From here on no vCPU of it gets a processor.
static int stage_stop(struct domain *d)
{
	struct vcpu *v;

	watchdogs_stop(d);
	for_each_vcpu (d, v)
		vcpu_timers_stop(v);
	virq_raise_global(VIRQ_DOM_EXC);
	return 0;
}

static int stage_detach(struct domain *d)
{
	bool detached = true;
	struct vcpu *v;

	for_each_vcpu (d, v) {
		if (!sched_detach(v))
			detached = false;
		// Its last moments on a processor may have set timers again.
		vcpu_timers_stop(v);
	}
	if (detached)
		sched_domain_stop(d);
	return detached ? 0 : -ERESTART;
}

static int stage_ports(struct domain *d)
{
	virq_drop_handler(d);
	return events_close_all(d, 1) ? -ERESTART : 0;
}

static int stage_disconnect(struct domain *d)
{
	pirqs_domain_destroy(d);
	grant_domain_destroy(d);
	dirty_stop(d);
	claim_drop(d);
	d->dead_epoch = sched_quiesce_begin();
	return 0;
}

// Once nobody can be raising events in them any more, the frames go.
static int stage_infos(struct domain *d)
{
	struct vcpu *v;

	if (!sched_quiesced(d->dead_epoch))
		return -ERESTART;
	for_each_vcpu (d, v) {
		mfn_t mfn = vcpu_unregister_info(v);

		if (!mfn_is_none(mfn))
			frame_put_type(mfn);
	}
	return 0;
}

static int stage_vcpus(struct domain *d)
{
	struct vcpu *v;

	for_each_vcpu (d, v) {
		int err = vcpu_reset(v);

		if (err)
			return err;
	}
	return 0;
}

static int stage_dead(struct domain *d)
{
	d->dying = DOMAIN_DEAD;
	d->dead_epoch = 0;
	__atomic_fetch_add(&dead_count, 1, __ATOMIC_SEQ_CST);
	// Those who map its frames let go of them when they see it dead.
	virq_raise_global(VIRQ_DOM_EXC);
	return 0;
}

static int (*const stage[])(struct domain *d) = {stage_stop,
						 stage_detach,
						 stage_ports,
						 stage_disconnect,
						 stage_infos,
						 stage_vcpus,
						 domain_relinquish_memory,
						 grant_domain_release,
						 stage_dead};

int domain_destroy(struct domain *d)
{
	if (d == dom0)
		return -EINVAL;
	if (d->dying == DOMAIN_ALIVE) {
		domain_pause(d);
		lock_get(&d->event_lock); // no port is opened from now on
		d->dying = DOMAIN_DYING;
		lock_put(&d->event_lock);
	}
	while (d->destroy_stage < ARRAY_SIZE(stage)) {
		int err = stage[d->destroy_stage](d);

		if (err)
			return err;
		d->destroy_stage++;
	}
	return 0;
}

// A dead domain nobody has frames of: taken off the lists first, freed when
// all processors have forgotten it. Off the lists it is kept here.
static struct domain *forgotten;

static struct domain *find_empty(void)
{
	struct domain *found = NULL;
	struct list *l;

	lock_get(&domain_list_lock);
	list_for_each (l, &domain_list) {
		struct domain *d = list_entry(l, struct domain, link);

		if (d->dying == DOMAIN_DEAD && !READ_ONCE(d->tot_pages))
			found = d;
	}
	lock_put(&domain_list_lock);
	return found;
}

static void forget(void)
{
	struct domain *d = find_empty();

	if (!d)
		return;
	domain_unpublish(d);
	d->dead_epoch = sched_quiesce_begin();
	forgotten = d;
}

static void free_forgotten(void)
{
	struct domain *d = forgotten;

	if (!sched_quiesced(d->dead_epoch))
		return;
	forgotten = NULL;
	domain_free(d);
	__atomic_fetch_sub(&dead_count, 1, __ATOMIC_SEQ_CST);
	virq_raise_global(VIRQ_DOM_EXC);
}

void domains_reap(void)
{
	static struct lock reap_lock = LOCK_INIT(LOCK_REAP);

	if (likely(!READ_ONCE(dead_count)) || !lock_try(&reap_lock))
		return;
	if (forgotten)
		free_forgotten();
	else
		forget();
	lock_put(&reap_lock);
}
