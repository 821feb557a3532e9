// SPDX-License-Identifier: MIT
//
// The guest's clocks. System time is computed by the guest itself from the TSC
// with the numbers in vcpu_time_info: (base TSC, base time, multiplier, shift).
// We give it the very numbers that now_ns() uses, based at the hypervisor's
// start, so they never change and guest and hypervisor agree to the nanosecond.
//
// Everything here is written while guests read it. Readers retry when they see
// an odd version, or a version that changed.
#include "sched/priv.h"

#include "cpu/cpu.h"
#include "irq/irq.h"
#include "lib/string.h"

#define NS_PER_S 1000000000ull

static struct lock wall_lock = LOCK_INIT(LOCK_WALL);
static u64 wall_base_ns; // since 1970, at now_ns() == 0

static inline void store_order(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

// ------------------------------------------------------------- system time

static struct vcpu_time_info time_info(void)
{
	return (struct vcpu_time_info){
		.tsc_timestamp = tsc_scale.base_tsc,
		.tsc_to_system_mul = tsc_scale.mul,
		.tsc_shift = tsc_scale.shift,
		.flags = tsc_in_step() ? XEN_PVCLOCK_TSC_STABLE_BIT : 0,
	};
}

static bool same(const struct vcpu_time_info *a, const struct vcpu_time_info *b)
{
	size_t skip = offsetof(struct vcpu_time_info, tsc_timestamp);

	return !memcmp((const char *)a + skip, (const char *)b + skip,
		       sizeof(*a) - skip);
}

static void info_write(struct vcpu_time_info *to, struct vcpu_time_info from)
{
	u32 odd = READ_ONCE(to->version) | 1;

	WRITE_ONCE(to->version, odd);
	store_order();
	from.version = odd;
	*to = from;
	store_order();
	WRITE_ONCE(to->version, odd + 1);
}

// The copy that the guest shows its user mode. The contents are the same ever
// after, so it is only written when it has to be.
static void time_area_write(struct vcpu *v, struct vcpu_time_info from)
{
	u32 even = v->info->time.version & ~1u;

	from.version = even | 1;
	v->time_area_stale =
		!area_write(v, v->time_area, &from, sizeof(from)) ||
		!area_write(v, v->time_area, &even, sizeof(even));
}

void clock_update(struct vcpu *v)
{
	struct vcpu_time_info now = time_info();

	if (!same(&v->info->time, &now))
		info_write(&v->info->time, now);
	if (v->time_area && v->time_area_stale)
		time_area_write(v, now);
}

// ---------------------------------------------------------------- runstate

// With the update flag the guest can tell a half-written area: the top bit of
// state_entry_time is set first and cleared last.
static void runstate_write_flagged(struct vcpu *v, struct vcpu_runstate_info r)
{
	gva_t entry_time =
		v->runstate_area +
		offsetof(struct vcpu_runstate_info, state_entry_time);
	u64 final = r.state_entry_time;

	r.state_entry_time |= XEN_RUNSTATE_UPDATE;
	if (!area_write(v, entry_time, &r.state_entry_time, sizeof(u64)) ||
	    !area_write(v, v->runstate_area, &r, sizeof(r)) ||
	    !area_write(v, entry_time, &final, sizeof(u64)))
		return; // not mapped just now: the next switch tries again
}

void clock_update_runstate(struct vcpu *v)
{
	struct vcpu_runstate_info r;

	if (!v->runstate_area)
		return;
	vcpu_runstate_last(v, &r);
	if (v->domain->vm_assist & BIT(VMASST_TYPE_runstate_update_flag))
		runstate_write_flagged(v, r);
	else if (!area_write(v, v->runstate_area, &r, sizeof(r)))
		return; // likewise
}

// --------------------------------------------------------------- wall clock

static void wall_write(struct domain *d)
{
	u64 ns = wall_base_ns + (u64)d->time_offset_s * NS_PER_S;
	struct shared_info *s = d->shared;
	u32 odd = READ_ONCE(s->wc_version) | 1;

	WRITE_ONCE(s->wc_version, odd);
	store_order();
	s->wc_sec = (u32)(ns / NS_PER_S);
	s->wc_sec_hi = (u32)(ns / NS_PER_S >> 32);
	s->wc_nsec = (u32)(ns % NS_PER_S);
	store_order();
	WRITE_ONCE(s->wc_version, odd + 1);
}

void clock_update_wall(struct domain *d)
{
	lock_get(&wall_lock);
	wall_write(d);
	lock_put(&wall_lock);
}

// The date that guests see until dom0 sets it. Without a battery-backed clock
// it is 1970.
void clock_init(void)
{
	u64 secs = wall_clock_read();

	clock_set_wall(secs, 0, now_ns());
}

void clock_set_wall(u64 secs, u32 nsecs, u64 system_ns)
{
	struct list *l;

	lock_get(&domain_list_lock);
	lock_get(&wall_lock);
	wall_base_ns = secs * NS_PER_S + nsecs - system_ns;
	list_for_each (l, &domain_list)
		wall_write(list_entry(l, struct domain, link));
	lock_put(&wall_lock);
	lock_put(&domain_list_lock);
}
