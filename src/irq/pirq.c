// SPDX-License-Identifier: MIT
//
// Physical interrupts as a domain has them. A pirq is a number in a domain's
// table that stands for an interrupt line (GSI) or a message of a device; an
// event channel bound to it is raised when it comes.
//
// Edge lines and messages need nothing more. A level line is masked from its
// interrupt until the guest says that it has served the device (eoi).
//
// It interrupts the processor on which the vCPU runs that its port tells: aimed
// there when it is bound or the port moved, and later, when several in a row
// have found the vCPU elsewhere. A vector means the same on all processors, so
// one that was under way to the old place is as good there.
//
// irq_lock guards all of it. It is not held while an event is raised, since
// the event layer holds its own lock when it calls here.
#include "abi/errno.h"
#include "abi/xen.h"
#include "console/console.h"
#include "cpu/percpu.h"
#include "events/events.h"
#include "irq/priv.h"
#include "mm/mm.h"

enum pirq_kind { PIRQ_FREE, PIRQ_RESERVED, PIRQ_GSI, PIRQ_MSI };

struct pirq {
	enum pirq_kind kind;
	struct domain *domain;
	u32 port; // 0: not bound
	u8 vector; // 0: none
	bool in_service; // masked until the guest's eoi
	u32 apic_id; // of the processor that it goes to
	u32 strays; // came in a row while the vCPU was elsewhere
	u32 came, elsewhere, moved; // for the dump
	u32 gsi;
	struct msi msi;
};

// Moving one takes some writes to the device, and a vCPU may come back soon.
#define STRAYS_MAX 8
#define MOVE_COST 400 // preemption units: accesses to PCI's configuration space

struct pirq_table {
	struct pirq pirq[PIRQS_MAX];
	u64 allowed[PIRQS_MAX / 64]; // lines it may bind; dom0 needs none
};

// ------------------------------------------------------------------- table

static struct pirq *pirq_get(const struct domain *d, u32 n)
{
	return d->pirqs && n < PIRQS_MAX ? &d->pirqs->pirq[n] : NULL;
}

static struct pirq *pirq_get_mapped(const struct domain *d, u32 n)
{
	struct pirq *p = pirq_get(d, n);

	return p && p->kind >= PIRQ_GSI ? p : NULL;
}

// Not when its end has come by pirqs_domain_destroy, or is about to.
static int table_need(struct domain *d)
{
	if (d->dying != DOMAIN_ALIVE)
		return -EINVAL;
	if (!d->pirqs)
		d->pirqs = kalloc(sizeof(*d->pirqs));
	return d->pirqs ? 0 : -ENOMEM;
}

// Picks the number for a new mapping: the wanted one, or if that is negative
// the preferred one, or the highest that is free (low numbers are GSIs').
static int table_pick(struct domain *d, int wanted, u32 preferred)
{
	const struct pirq *p;
	int err = table_need(d);

	if (err)
		return err;
	if (wanted >= 0) {
		p = pirq_get(d, (u32)wanted);
		if (!p)
			return -EINVAL;
		return p->kind <= PIRQ_RESERVED ? wanted : -EBUSY;
	}
	p = pirq_get(d, preferred);
	if (p && p->kind == PIRQ_FREE)
		return (int)preferred;
	for (u32 n = PIRQS_MAX; n-- > 0;)
		if (d->pirqs->pirq[n].kind == PIRQ_FREE)
			return (int)n;
	return -ENOSPC;
}

// ------------------------------------------------------------------ target

static u32 home_cpu(const struct pirq *p)
{
	return READ_ONCE(port_vcpu(p->domain, p->port)->cpu);
}

static u32 home_of(const struct pirq *p)
{
	return apic_device_target(home_cpu(p));
}

// For one with a port. True if it went elsewhere before.
static bool aim(struct pirq *p, u32 apic_id)
{
	p->strays = 0;
	if (p->apic_id == apic_id)
		return false;
	p->apic_id = apic_id;
	p->moved++;
	if (p->kind == PIRQ_MSI)
		msi_aim(&p->msi, apic_id, false);
	else
		gsi_aim(p->gsi, apic_id);
	return true;
}

static void aim_later(struct pirq *p)
{
	u32 home = home_of(p);

	if (home == p->apic_id)
		p->strays = 0;
	else if (++p->strays == STRAYS_MAX)
		(void)aim(p, home);
}

void pirq_follow(struct domain *d, u32 pirq)
{
	struct pirq *p;
	bool moved;

	lock_get(&irq_lock);
	p = pirq_get_mapped(d, pirq);
	moved = p && p->port && aim(p, home_of(p));
	lock_put(&irq_lock);
	if (moved)
		(void)preempt_due(MOVE_COST);
}

// ----------------------------------------------------------------- arrival

// Whose interrupt a vector is. A late one may find nobody there.
static struct pirq *vector_user[256];

static void arrived(struct pirq *p)
{
	p->came++;
	p->elsewhere += home_cpu(p) != cpu_this()->id;
	if (p->kind == PIRQ_GSI && gsi_is_level(p->gsi)) {
		gsi_mask(p->gsi);
		p->in_service = true;
	}
	aim_later(p);
}

static void pirq_interrupt(void *arg)
{
	struct domain *d = NULL;
	struct pirq *p;
	u32 port = 0;

	lock_get(&irq_lock);
	p = *(struct pirq **)arg;
	if (p) {
		d = p->domain;
		port = p->port;
	}
	if (port)
		arrived(p);
	lock_put(&irq_lock);
	if (port)
		port_raise(d, port);
}

static void end_service(struct pirq *p)
{
	if (!p->in_service)
		return;
	p->in_service = false;
	gsi_unmask(p->gsi);
}

void pirq_eoi(struct domain *d, u32 pirq)
{
	struct pirq *p;

	lock_get(&irq_lock);
	p = pirq_get_mapped(d, pirq);
	if (p)
		end_service(p);
	lock_put(&irq_lock);
}

static bool port_masked(const struct domain *d, u32 port)
{
	return READ_ONCE(d->shared->evtchn_mask[port / 64]) & BIT(port % 64);
}

void pirq_eoi_unmasked(struct domain *d)
{
	struct pirq *p;

	lock_get(&irq_lock);
	for (u32 n = 0; (p = pirq_get(d, n)); n++)
		if (p->in_service && !port_masked(d, p->port))
			end_service(p);
	lock_put(&irq_lock);
}

// ----------------------------------------------------------------- binding

static int vector_take(struct pirq *p)
{
	p->vector = irq_alloc_vector();
	if (!p->vector)
		return -ENOSPC;
	vector_user[p->vector] = p;
	irq_register(p->vector, pirq_interrupt, &vector_user[p->vector]);
	return 0;
}

static void vector_drop(struct pirq *p)
{
	if (!p->vector)
		return;
	irq_free_vector(p->vector);
	vector_user[p->vector] = NULL;
	p->vector = 0;
}

static bool may_bind(const struct domain *d, u32 gsi)
{
	return d->privileged ||
	       (gsi < PIRQS_MAX && d->pirqs->allowed[gsi / 64] & BIT(gsi % 64));
}

// The port is set first: an interrupt may come the moment the line is open.
static int bind_gsi(struct pirq *p, u32 port)
{
	int err = may_bind(p->domain, p->gsi) ? vector_take(p) : -EPERM;

	if (err)
		return err;
	p->port = port;
	p->apic_id = home_of(p);
	err = gsi_take(p->gsi, p->vector, p->apic_id);
	if (err) {
		p->port = 0;
		vector_drop(p);
	}
	return err;
}

static void bind_msi(struct pirq *p, u32 port)
{
	p->port = port;
	p->apic_id = home_of(p);
	msi_aim(&p->msi, p->apic_id, false);
}

// A line has one pirq, so there is nobody to share it with.
int pirq_bind(struct domain *d, u32 pirq, u32 port, bool share)
{
	struct pirq *p;
	int err = 0;

	(void)share;
	lock_get(&irq_lock);
	p = pirq_get_mapped(d, pirq);
	if (!p)
		err = -EINVAL;
	else if (p->port)
		err = -EBUSY;
	else if (p->kind == PIRQ_GSI)
		err = bind_gsi(p, port);
	else
		bind_msi(p, port);
	lock_put(&irq_lock);
	return err;
}

static void unbind_locked(struct pirq *p)
{
	if (!p->port)
		return;
	p->port = 0;
	p->in_service = false;
	if (p->kind == PIRQ_MSI) {
		msi_set_mask(&p->msi, true);
		return;
	}
	gsi_release(p->gsi);
	vector_drop(p);
}

void pirq_unbind(struct domain *d, u32 pirq)
{
	struct pirq *p;

	lock_get(&irq_lock);
	p = pirq_get_mapped(d, pirq);
	if (p)
		unbind_locked(p);
	lock_put(&irq_lock);
}

// ----------------------------------------------------------------- mapping

static int find_gsi(const struct domain *d, u32 gsi)
{
	struct pirq *p;

	for (u32 n = 0; (p = pirq_get(d, n)); n++)
		if (p->kind == PIRQ_GSI && p->gsi == gsi)
			return (int)n;
	return -1;
}

static void allow_locked(struct domain *d, u32 gsi, bool allow)
{
	u64 *word = &d->pirqs->allowed[gsi / 64];
	int n = find_gsi(d, gsi);

	*word = allow ? *word | BIT(gsi % 64) : *word & ~BIT(gsi % 64);
	if (!allow && n >= 0)
		unbind_locked(pirq_get(d, (u32)n));
}

int pirq_allow(const struct domain *giver, struct domain *d, u32 pirq,
	       bool allow)
{
	const struct pirq *p;
	int err;

	if (pirq >= PIRQS_MAX)
		return -EINVAL;
	lock_get(&irq_lock);
	p = pirq_get_mapped(giver, pirq);
	if (!p || p->kind != PIRQ_GSI || p->gsi >= PIRQS_MAX)
		err = -EPERM;
	else
		err = table_need(d);
	if (!err)
		allow_locked(d, p->gsi, allow);
	lock_put(&irq_lock);
	return err;
}

// A second mapping of a line is the first one again.
static int map_gsi_locked(struct domain *d, u32 gsi, int *pirq)
{
	int n = find_gsi(d, gsi);

	if (n >= 0 && *pirq >= 0 && *pirq != n)
		return -EBUSY;
	if (n < 0) {
		n = table_pick(d, *pirq, gsi);
		if (n < 0)
			return n;
		*pirq_get(d, (u32)n) = (struct pirq){
			.kind = PIRQ_GSI,
			.domain = d,
			.gsi = gsi,
		};
	}
	*pirq = n;
	return 0;
}

int pirq_map_gsi(struct domain *d, int gsi, int *pirq)
{
	int err;

	if (gsi < 0 || !gsi_exists((u32)gsi))
		return -EINVAL;
	lock_get(&irq_lock);
	err = map_gsi_locked(d, (u32)gsi, pirq);
	lock_put(&irq_lock);
	return err;
}

static int msi_start(struct pirq *p, u64 table_base)
{
	int err = vector_take(p);

	if (err)
		return err;
	p->msi.vector = p->vector;
	p->msi.apic_id = apic_boot_id();
	err = msi_program(&p->msi, table_base);
	if (err)
		vector_drop(p);
	return err;
}

static int map_msi_locked(struct domain *d, const struct msi_request *m,
			  int *pirq)
{
	struct pci_device *dev = pci_device_find(m->seg, m->bdf);
	struct pirq *p;
	int n, err;

	if (!dev)
		return -ENODEV;
	n = table_pick(d, *pirq, PIRQS_MAX);
	if (n < 0)
		return n;
	p = pirq_get(d, (u32)n);
	*p = (struct pirq){
		.kind = PIRQ_MSI,
		.domain = d,
		.msi = {.dev = dev, .is_x = m->is_x, .entry = m->entry},
	};
	err = msi_start(p, m->table_base);
	if (err)
		p->kind = PIRQ_FREE;
	else
		*pirq = n;
	return err;
}

int pirq_map_msi(struct domain *d, const struct msi_request *m, int *pirq)
{
	int err;

	lock_get(&irq_lock);
	err = map_msi_locked(d, m, pirq);
	lock_put(&irq_lock);
	return err;
}

static void unmap_locked(struct pirq *p)
{
	unbind_locked(p);
	if (p->kind == PIRQ_MSI)
		msi_release(&p->msi);
	vector_drop(p);
	p->kind = PIRQ_FREE;
}

int pirq_unmap(struct domain *d, int pirq)
{
	struct pirq *p;

	lock_get(&irq_lock);
	p = pirq < 0 ? NULL : pirq_get_mapped(d, (u32)pirq);
	if (p)
		unmap_locked(p);
	lock_put(&irq_lock);
	return p ? 0 : -EINVAL;
}

void pirqs_domain_destroy(struct domain *d)
{
	struct pirq *p;

	lock_get(&irq_lock);
	for (u32 n = 0; (p = pirq_get(d, n)); n++)
		if (p->kind >= PIRQ_GSI)
			unmap_locked(p);
	kfree(d->pirqs);
	d->pirqs = NULL;
	lock_put(&irq_lock);
}

int pirq_reserve(struct domain *d, int *pirq)
{
	int n;

	lock_get(&irq_lock);
	n = table_pick(d, -1, PIRQS_MAX);
	if (n >= 0) {
		pirq_get(d, (u32)n)->kind = PIRQ_RESERVED;
		*pirq = n;
	}
	lock_put(&irq_lock);
	return n < 0 ? n : 0;
}

// ---------------------------------------------------------------- the rest

u32 pirq_status(struct domain *d, u32 pirq)
{
	const struct pirq *p;
	u32 flags = 0;

	lock_get(&irq_lock);
	p = pirq_get_mapped(d, pirq);
	if (p && p->kind == PIRQ_GSI && gsi_is_level(p->gsi))
		flags = XENIRQSTAT_needs_eoi;
	lock_put(&irq_lock);
	return flags;
}

u8 pirq_vector(struct domain *d, u32 pirq)
{
	const struct pirq *p;
	u8 vector;

	lock_get(&irq_lock);
	p = pirq_get_mapped(d, pirq);
	vector = p ? p->vector : 0;
	lock_put(&irq_lock);
	return vector;
}

int pirq_restore_device(struct domain *d, u16 seg, u16 bdf)
{
	const struct pci_device *dev;
	struct pirq *p;

	lock_get(&irq_lock);
	dev = pci_device_find(seg, bdf);
	for (u32 n = 0; dev && (p = pirq_get(d, n)); n++)
		if (p->kind == PIRQ_MSI && p->msi.dev == dev)
			msi_restore(&p->msi, !p->port);
	lock_put(&irq_lock);
	return dev ? 0 : -ENODEV;
}

// ------------------------------------------------------------------- dump

static void show(const struct pirq *p)
{
	bool is_msi = p->kind == PIRQ_MSI;

	log_info("  d%u pirq %lu: %s %x, vector %02x of local APIC %u, port %u "
		 "of vCPU %u, %u came (%u elsewhere), moved %u times%s\n",
		 p->domain->id, (unsigned long)(p - p->domain->pirqs->pirq),
		 is_msi ? "message of" : "line",
		 is_msi ? p->msi.dev->bdf : p->gsi, p->vector, p->apic_id,
		 p->port, port_vcpu(p->domain, p->port)->id, p->came,
		 p->elsewhere, p->moved, p->in_service ? ", in service" : "");
}

static void pirqs_dump(void)
{
	lock_get(&irq_lock);
	log_info("interrupts of devices:\n");
	for (u32 i = 0; i < ARRAY_SIZE(vector_user); i++)
		if (vector_user[i] && vector_user[i]->port)
			show(vector_user[i]);
	lock_put(&irq_lock);
}

void pirq_init(void)
{
	debug_key_register('i', "interrupts of devices", pirqs_dump);
}
