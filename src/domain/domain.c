// SPDX-License-Identifier: MIT
//
// Domains: making them and finding them. They are found without a lock, by a
// small hash of the id; a domain that is taken out of it is freed only after
// every processor has passed a quiet point (sched/sched.h), so a pointer found
// in a hypercall is good until the hypercall returns.
#include "domain/domain.h"
#include "domain/priv.h"

#include "abi/errno.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "domain/rangeset.h"
#include "events/events.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/dirty.h"
#include "mm/grant.h"
#include "sched/sched.h"

#define HASH_SIZE 256

struct domain *dom0;
struct list domain_list = {&domain_list, &domain_list};
struct lock domain_list_lock = LOCK_INIT(LOCK_DOMAIN_LIST);

static struct domain *hash[HASH_SIZE];

struct domain *domain_find(domid_t id)
{
	struct domain *d =
		__atomic_load_n(&hash[id % HASH_SIZE], __ATOMIC_ACQUIRE);

	while (d && d->id != id)
		d = __atomic_load_n(&d->hash_next, __ATOMIC_ACQUIRE);
	return d;
}

struct domain *domain_next(domid_t id)
{
	struct domain *found = NULL;
	struct list *l;

	lock_get(&domain_list_lock);
	list_for_each (l, &domain_list) {
		struct domain *d = list_entry(l, struct domain, link);

		if (d->id >= id && (!found || d->id < found->id))
			found = d;
	}
	lock_put(&domain_list_lock);
	return found;
}

hot_code struct domain *domain_target(struct domain *caller, domid_t id,
				      int *err)
{
	struct domain *d;

	if (id == DOMID_SELF || id == caller->id)
		return caller;
	d = domain_find(id);
	*err = d ? -EPERM : -ESRCH;
	return caller->privileged ? d : NULL;
}

// Makes d findable. False when its id is taken.
static bool publish(struct domain *d)
{
	struct domain **head = &hash[d->id % HASH_SIZE];
	bool is_new;

	lock_get(&domain_list_lock);
	is_new = !domain_find(d->id);
	if (is_new) {
		d->hash_next = *head;
		__atomic_store_n(head, d, __ATOMIC_RELEASE);
		list_add_tail(&domain_list, &d->link);
	}
	lock_put(&domain_list_lock);
	return is_new;
}

void domain_unpublish(struct domain *d)
{
	struct domain **link = &hash[d->id % HASH_SIZE];

	lock_get(&domain_list_lock);
	while (*link != d)
		link = &(*link)->hash_next;
	__atomic_store_n(link, d->hash_next, __ATOMIC_RELEASE);
	list_del(&d->link);
	lock_put(&domain_list_lock);
}

struct port_range {
	u16 first, last;
};

// What stays the hypervisor's, or is emulated for dom0.
static const struct port_range kept_ports[] = {
	{0x20, 0x21},   {0xa0, 0xa1}, // interrupt controllers
	{0x40, 0x43},   {0x61, 0x61}, // timer, and its gate
	{0xcf8, 0xcff}, // PCI configuration
};

#define UARTS 2
#define UART_PORTS 8

static int remove_uarts(struct rangeset *ports)
{
	for (u32 i = 0; i < UARTS; i++) {
		u16 first = console_port(i);

		if (first &&
		    rangeset_remove(ports, first, first + UART_PORTS - 1u))
			return -ENOMEM;
	}
	return 0;
}

// The machine's devices belong to dom0.
static int give_devices(struct domain *d)
{
	int err = rangeset_add(d->iomem, 0, ~0ull);

	if (!err)
		err = rangeset_add(d->ioports, 0, 0xffff);
	for (u32 i = 0; i < ARRAY_SIZE(kept_ports) && !err; i++)
		err = rangeset_remove(d->ioports, kept_ports[i].first,
				      kept_ports[i].last);
	return err ? err : remove_uarts(d->ioports);
}

static int make_shared_info(struct domain *d)
{
	d->shared = page_alloc();
	if (!d->shared)
		return -ENOMEM;
	d->shared_mfn = virt_mfn(d->shared);
	for (u32 i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		d->shared->vcpu_info[i].evtchn_upcall_mask = 1;
	return 0;
}

static int make_parts(struct domain *d, const struct domain_config *c)
{
	int err = make_shared_info(d);

	if (err)
		return err;
	d->ioports = rangeset_create();
	d->iomem = rangeset_create();
	d->policy = policy_create(d);
	if (!d->ioports || !d->iomem || !d->policy)
		return -ENOMEM;
	err = events_domain_init(d);
	if (!err)
		err = grant_domain_init(d, c->grant_frames, c->maptrack_frames);
	if (!err && d->privileged)
		err = give_devices(d);
	return err;
}

void domain_free(struct domain *d)
{
	for (u32 i = 0; i < d->max_vcpus; i++)
		vcpu_free(d->vcpu[i]);
	events_domain_free(d);
	grant_domain_free(d);
	rangeset_destroy(d->ioports);
	rangeset_destroy(d->iomem);
	kfree(d->policy);
	dirty_free(d);
	if (d->shared)
		page_free(d->shared);
	kfree(d);
}

static bool config_valid(domid_t id, const struct domain_config *c)
{
	return c->max_vcpus && c->max_vcpus <= MAX_VCPUS &&
	       id < DOMID_FIRST_RESERVED;
}

static void set_up(struct domain *d, domid_t id, const struct domain_config *c)
{
	d->id = id;
	d->max_vcpus = c->max_vcpus;
	d->privileged = c->privileged;
	d->max_port = c->max_ports;
	d->shutdown_code = SHUTDOWN_CODE_NONE;
	d->sched_weight = SCHED_WEIGHT_DEFAULT;
	list_init(&d->link);
	fmt_print(d->name, sizeof(d->name), "d%u", id);
	watchdogs_init(d);
	sched_domain_init(d);
}

struct domain *domain_create_as(domid_t id, const struct domain_config *c,
				int *err)
{
	struct domain *d;

	*err = -EINVAL;
	if (!config_valid(id, c))
		return NULL;
	*err = -ENOMEM;
	d = kalloc(sizeof(*d));
	if (!d)
		return NULL;
	lock_init(&d->setup_lock, LOCK_SETUP);
	lock_init(&d->lock, LOCK_DOMAIN);
	d->weakened = 2; // neither what cpu->fresh is at first, nor nearly
	lock_init(&d->event_lock, LOCK_EVENT);
	set_up(d, id, c);
	*err = make_parts(d, c);
	if (!*err && !publish(d))
		*err = -EEXIST;
	if (*err) {
		grant_domain_destroy(d);
		domain_free(d);
		return NULL;
	}
	if (id == 0)
		dom0 = d;
	clock_update_wall(d);
	return d;
}

struct domain *domain_create(domid_t id, u32 max_vcpus, bool privileged,
			     int *err)
{
	const struct domain_config c = {
		.max_vcpus = max_vcpus,
		.privileged = privileged,
		.grant_frames = GRANT_FRAMES_DEFAULT,
		.maptrack_frames = GRANT_MAPTRACK_DEFAULT,
	};

	return domain_create_as(id, &c, err);
}

bool domain_shares_frame(const struct domain *d, mfn_t mfn)
{
	return mfn_eq(mfn, d->shared_mfn) || grant_has_frame(d, mfn);
}
