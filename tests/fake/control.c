// SPDX-License-Identifier: MIT
//
// See control.h.
#include "control.h"

#include <assert.h>
#include <string.h>

#include "abi/errno.h"
#include "cpu/priv.h"
#include "events/events.h"
#include "hypercall/hypercall.h"
#include "irq/irq.h"
#include "mm/dirty.h"

struct cpu_features cpu_features = {
	.max_leaf = 7,
	.max_ext_leaf = 0x80000001,
	.phys_bits = 40,
	.xcr0_mask = 7,
};
struct tsc_scale tsc_scale = {.hz = 2500000000};

struct domain control = {.privileged = true, .max_vcpus = 1};
struct domain guest = {.id = 5, .max_vcpus = 2};
struct vcpu caller = {.domain = &control};
struct vcpu guest_vcpu = {.domain = &guest};

u32 pauses, detach_fails, kicks, wall_updates, moves;
int destroy_result, context_result;
struct domain_config created;
struct domain fresh;

void fake_guest_reset(void)
{
	guest.vcpu[0] = &guest_vcpu;
	guest.vcpu[1] = NULL;
	guest.controller_pauses = 0;
	guest.started = false;
	guest.dying = DOMAIN_ALIVE;
	guest.shutdown_code = SHUTDOWN_CODE_NONE;
	guest_vcpu.initialised = false;
	guest_vcpu.state = VCPU_BLOCKED;
	pauses = 0;
}

// ---------------------------------------------------------------- other parts

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	if (leaf == 0)
		return (struct cpuid){7, 0x68747541, 0x444d4163, 0x69746e65};
	if (leaf == 0x80000000)
		return (struct cpuid){0x80000001, 0, 0, 0};
	return (struct cpuid){~0u, ~0u, ~0u, ~0u};
}

u64 frame_limit(void)
{
	return 0x80000;
}

bool has_tsc_aux(void)
{
	return true;
}

u64 state_set; // XCR0 of the last

u32 fpu_state_bytes(void)
{
	return STATE_BYTES;
}

void fpu_state_get(const struct vcpu *v, void *image)
{
	memset(image, 0, STATE_BYTES);
}

int fpu_state_set(struct vcpu *v, u64 xcr0, const void *image)
{
	if (xcr0 == 0xbad)
		return -EINVAL;
	state_set = xcr0;
	return 0;
}

struct domain *domain_find(domid_t id)
{
	return id == 0 ? &control : id == guest.id ? &guest : NULL;
}

struct domain *domain_next(domid_t id)
{
	return id == 0 ? &control : id <= guest.id ? &guest : NULL;
}

struct domain *domain_create_as(domid_t id, const struct domain_config *c,
				int *err)
{
	if (domain_find(id)) {
		*err = -EEXIST;
		return NULL;
	}
	created = *c;
	memset(&fresh, 0, sizeof(fresh));
	fresh.id = id;
	return &fresh;
}

int domain_destroy(struct domain *d)
{
	int err = destroy_result;

	destroy_result = 0;
	return err;
}

int vcpu_create(struct domain *d, u32 id)
{
	d->vcpu[id] = &guest_vcpu;
	return 0;
}

int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	int err = context_result;

	assert(!v->initialised);
	context_result = 0;
	v->initialised = !err;
	return err;
}

void vcpu_get_context(const struct vcpu *v, struct vcpu_guest_context *c)
{
	memset(c, 0, sizeof(*c));
	c->kernel_sp = 0x1234;
}

int vcpu_reset(struct vcpu *v)
{
	v->initialised = false;
	return 0;
}

void vcpu_down(struct vcpu *v)
{
	v->state = VCPU_DOWN;
}

void vcpu_pause(struct vcpu *v)
{
	v->pause_count++;
}

void vcpu_unpause(struct vcpu *v)
{
	v->pause_count--;
}

void sched_affinity_changed(struct vcpu *v)
{
	moves++;
}

void sched_set_cap(struct domain *d, u32 percent)
{
	d->sched_cap = (u16)percent;
}

bool sched_detach(struct vcpu *v)
{
	return !detach_fails || !detach_fails--;
}

void vcpu_kick(struct vcpu *v)
{
	kicks++;
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	memset(out, 0, sizeof(*out));
	out->time[RUNSTATE_running] = 77;
}

void domain_pause(struct domain *d)
{
	pauses++;
}

void domain_unpause(struct domain *d)
{
	pauses--;
}

bool domain_is_still(const struct domain *d)
{
	return true;
}

void sched_resume_domain(struct domain *d)
{
	d->is_shut_down = false;
}

void clock_update_wall(struct domain *d)
{
	wall_updates++;
}

bool log_on, log_cleaned;

bool dirty_is_on(const struct domain *d)
{
	return log_on;
}

int dirty_start(struct domain *d)
{
	if (log_on)
		return -EINVAL;
	log_on = true;
	return 0;
}

void dirty_stop(struct domain *d)
{
	log_on = false;
}

int dirty_read(struct domain *d, struct xen_domctl_shadow_op *a, bool clean)
{
	if (!log_on)
		return -EINVAL;
	log_cleaned = clean;
	a->pages = 7;
	return 0;
}

u32 virq_handled, line_allowed;

int virq_set_handler(const struct domain *d, u32 virq)
{
	if (virq >= NR_VIRQS || d != &guest)
		return -EINVAL;
	virq_handled = virq;
	return 0;
}

int pirq_allow(const struct domain *giver, struct domain *d, u32 pirq,
	       bool allow)
{
	if (giver != &control || d != &guest || pirq > 15)
		return -EPERM;
	line_allowed = allow ? pirq : 0;
	return 0;
}

bool frame_get(mfn_t mfn, u16 owner)
{
	return false;
}

void frame_put(mfn_t mfn)
{
}

int frame_get_type(mfn_t mfn, enum frame_type type, struct domain *d)
{
	return -EPERM;
}

void frame_put_type(mfn_t mfn)
{
}

void hypercall_page_fill(void *page)
{
}
