// SPDX-License-Identifier: MIT
//
// time: the clock page and the wallclock.
//
// A PV guest reads time without a call: TSC, scaled by what the hypervisor
// writes into vcpu_time_info. A bad scale is a clock that drifts, a lost
// version bump one that jumps; Linux's sched_clock and vDSO stand on it.
//
// Provoked by reading for a while, with and without waiting, and by settime64
// as dom0. Expected (abi.md 3.5): versions even when nobody writes; the time
// never goes back and advances as the TSC does, at a rate that agrees with
// 0x40000003's or at least stays the same over updates; the wallclock is set by
// dom0 and reads back; CLOCK pages survive a time area registered elsewhere.

#include "guest.h"
#include <xen/platform.h>

static void monotonic(const volatile struct vcpu_time_info *t)
{
	u64 last = clock_ns(t), first = last;

	expect_eq("version", t->version & 1, 0);
	for (u32 i = 0; i < 20000; i++) {
		u64 now = clock_ns(t);
		if (!check(now >= last, "time went back by %lu ns", last - now))
			break;
		last = now;
		if (i % 64 == 0)
			hypercall_poke();
	}
	check(last > first, "time stands at %lu", last);
}

/* Blocks for a given time by a timer and compares the two clocks. */
static void rate(const volatile struct vcpu_time_info *t)
{
	u64 tsc = rdtsc(), ns = clock_ns(t);
	u64 hz_before = (1000000000UL << 32) / t->tsc_to_system_mul;

	for (u32 i = 0; i < 5; i++)
		sleep_until(clock_ns(t) + 20 * MS);
	u64 ns_passed = clock_ns(t) - ns;
	u64 tsc_passed = rdtsc() - tsc;
	u64 by_tsc = tsc_to_ns(tsc_passed, t->tsc_to_system_mul, t->tsc_shift);
	u64 diff = by_tsc > ns_passed ? by_tsc - ns_passed : ns_passed - by_tsc;

	check(ns_passed >= 100000000, "100 ms took %lu ns", ns_passed);
	check(diff < ns_passed / 100, "%lu ns by clock, %lu ns by TSC",
	      ns_passed, by_tsc);
	u64 hz_after = (1000000000UL << 32) / t->tsc_to_system_mul;
	check(hz_after > hz_before - hz_before / 50 &&
		      hz_after < hz_before + hz_before / 50,
	      "the rate went from %lu to %lu", hz_before, hz_after);
}

static u64 wall_seconds(void)
{
	const volatile struct shared_info *s = &shared_info;
	u32 version;
	u64 sec;

	do {
		version = s->wc_version;
		asm volatile("" : : : "memory");
		sec = (u64)s->wc_sec_hi << 32 | s->wc_sec;
		asm volatile("" : : : "memory");
	} while ((version & 1) || version != s->wc_version);
	return sec;
}

/* The wallclock is the date of boot: system time is added to it. */
static void wallclock(void)
{
	struct xen_platform_op op = {
		.cmd = XENPF_settime64,
		.interface_version = XENPF_INTERFACE_VERSION,
	};
	u64 date = 1900000000;

	check(wall_seconds() > 1600000000, "the date of boot is %lu",
	      wall_seconds());
	op.u.settime64.secs = date;
	op.u.settime64.system_time = now_ns();
	u32 version = shared_info.wc_version;
	expect_rc("settime64", HCALL(platform_op, &op, 0, 0, 0), 0);
	u64 uptime = now_ns() / 1000000000;
	check(wall_seconds() + uptime >= date - 2 &&
		      wall_seconds() + uptime <= date + 2,
	      "wallclock %lu after %lu", wall_seconds(), uptime);
	check(shared_info.wc_version != version, "its version stands");
	op.interface_version++;
	expect_rc("wrong version", HCALL(platform_op, &op, 0, 0, 0),
		  -XEN_EACCES);
}

/* A copy of the clock page where the guest wants it (Linux: for the vDSO). */
static void time_area(void)
{
	static struct vcpu_time_info area;
	struct vcpu_register_time_memory_area reg = {.addr.v = &area};
	long rc = vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &reg);

	if (!expect_rc("register", rc, 0))
		return;
	check(area.version != 0 && area.tsc_to_system_mul != 0,
	      "the area is empty");
	monotonic(&area);
	rate(&area);
	reg.addr.v = NULL;
	vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &reg);
}

TEST("time")
{
	monotonic(&vcpu_info->time);
	rate(&vcpu_info->time);
	wallclock();
	time_area();
	monotonic(&vcpu_info->time);
}
