// SPDX-License-Identifier: MIT
//
// timer: the one-shot timer of a vCPU.
//
// Linux drives its whole tick from this timer and programs it on each idle
// entry. Early is a spurious interrupt, twice is an extra tick, never a hang.
//
// Provoked by VCPUOP_set_singleshot_timer and set_timer_op with times to come
// and times past, with a bound VIRQ_TIMER. Expected (abi.md 5.2): one event not
// before its time (and, as this is an emulator, some day after it); a time past
// fires at once, or gives -ETIME if the caller asked to know (vcpu.h lets the
// hypervisor ignore that, as stock Xen 4.17 does); a new setting replaces the
// old; stop_singleshot stops it; other vCPUs are out of reach.

#include "guest.h"

static u32 port;

static long set_timer(u64 when, u32 flags)
{
	struct vcpu_set_singleshot_timer timer = {when, flags};

	return vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer);
}

static u32 fired(void)
{
	return event_count[port];
}

/* Waits with events on; hypercalls on the way deliver them. */
static void wait_until(u64 when)
{
	events_unmask();
	while (now_ns() < when)
		hypercall_poke();
	hypercall_poke();
	events_mask();
}

static void once_not_early(void)
{
	for (u32 i = 0; i < 10; i++) {
		u32 before = fired();
		u64 when = now_ns() + 3 * MS;
		expect_rc("set", set_timer(when, 0), 0);
		events_unmask();
		while (fired() == before) {
			hypercall_poke();
			if (now_ns() > when + 10000 * MS) {
				check_failed("the timer does not fire");
				return;
			}
		}
		u64 now = now_ns();
		events_mask();
		check(now >= when, "it fired %lu ns early", when - now);
		wait_until(now + 5 * MS);
		expect_eq("times it fired", fired(), before + 1);
	}
}

static void by_block(void)
{
	u64 when = now_ns() + 10 * MS;
	u32 before = fired();

	expect_rc("set", set_timer(when, 0), 0);
	while (fired() == before)
		sched_op(SCHEDOP_block, NULL);
	events_mask();
	check(now_ns() >= when, "the block ended early");
	expect_eq("times it fired", fired(), before + 1);
}

/* One event comes, however slow the host is, and no second one. */
static void expect_one(const char *what, u32 before)
{
	u64 limit = now_ns() + 10000 * MS;

	events_unmask();
	while (fired() == before && now_ns() < limit)
		hypercall_poke();
	wait_until(now_ns() + 5 * MS);
	expect_eq(what, fired() - before, 1);
}

static void in_the_past(void)
{
	u32 before = fired();

	expect_rc("past", set_timer(1, 0), 0);
	expect_one("events of a time past", before);
	before = fired();
	long rc = set_timer(now_ns() - MS, VCPU_SSHOTTMR_future);
	if (rc == 0) {
		expect_one("events of a time past, not refused", before);
	} else {
		expect_rc("past, asked to know", rc, -XEN_ETIME);
		wait_until(now_ns() + 5 * MS);
		expect_eq("events of a refused one", fired(), before);
	}
	expect_rc("future, asked to know",
		  set_timer(now_ns() + 2000 * MS, VCPU_SSHOTTMR_future), 0);
	expect_rc("stop", vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
}

/*
 * Sets a timer and another in its place, then stops that. False if the host
 * was so slow that one of them was due before the next call was done.
 */
static bool replace_and_stop(u32 *before)
{
	vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL);
	hypercall_poke();
	*before = fired();
	u64 first = now_ns() + 20 * MS, second = first + 10 * MS;

	expect_rc("set", set_timer(first, 0), 0);
	expect_rc("replace", set_timer(second, 0), 0);
	if (now_ns() >= first)
		return false;
	while (now_ns() < first + MS)
		hypercall_poke();
	expect_rc("stop", vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	return now_ns() < second;
}

static void replaced_and_stopped(void)
{
	u32 before, tries = 50;

	events_unmask();
	while (!replace_and_stop(&before))
		require(--tries, "the host is too slow for this test");
	wait_until(now_ns() + 15 * MS);
	expect_eq("times a replaced or stopped one fired", fired() - before, 0);
	expect_rc("stop again", vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL),
		  0);
	expect_rc("stop_periodic", vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL),
		  0);
}

static void old_form(void)
{
	u32 before = fired();
	u64 when = now_ns() + 3 * MS;

	expect_rc("set_timer_op", set_timer_op(when), 0);
	events_unmask();
	while (fired() == before)
		hypercall_poke();
	check(now_ns() >= when, "set_timer_op fired early");
	events_mask();
	do {
		wait_until(0); /* takes what is pending */
		before = fired();
		when = now_ns() + 10 * MS;
		expect_rc("set_timer_op", set_timer_op(when), 0);
		expect_rc("clear", set_timer_op(0), 0);
	} while (now_ns() >= when);
	wait_until(when + 5 * MS);
	expect_eq("times a cleared one fired", fired(), before);
}

static void refused(void)
{
	struct vcpu_set_singleshot_timer timer = {now_ns() + MS, 0};

	check(vcpu_op(VCPUOP_set_singleshot_timer, 99, &timer) < 0,
	      "a timer of vCPU 99 was set");
	expect_rc("bad pointer",
		  vcpu_op(VCPUOP_set_singleshot_timer, 0, (void *)0x1000),
		  -XEN_EFAULT);
}

TEST("timer")
{
	port = port_bind_virq(VIRQ_TIMER);
	vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	wait_until(0); /* takes what that has left */
	once_not_early();
	by_block();
	in_the_past();
	replaced_and_stopped();
	old_form();
	refused();
}
