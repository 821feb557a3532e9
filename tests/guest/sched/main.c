// SPDX-License-Identifier: MIT
//
// sched: block, yield and poll.
//
// The idle loop blocks; spinning code yields; early boot and spinlocks poll a
// port without taking events. A block that misses an event that came just
// before it is a hang, so it unmasks and looks again in one step.
//
// Provoked by each with and without something pending. Expected (abi.md 5.2):
// block returns at once when an event is pending and leaves the mask clear;
// yield returns 0; poll ends at its timeout, or at once when a port of its is
// pending, masked or not, and takes nothing; bad lists are refused.

#include "guest.h"

static u32 port;

static void block_with_pending(void)
{
	u32 upcalls = event_upcalls;

	events_mask();
	port_send(port);
	expect_rc("block", sched_op(SCHEDOP_block, NULL), 0);
	expect_eq("upcalls", event_upcalls, upcalls + 1);
	expect_eq("mask after block", vcpu_info->evtchn_upcall_mask, 0);
	events_mask();
}

static void yield(void)
{
	for (u32 i = 0; i < 100; i++)
		expect_rc("yield", sched_op(SCHEDOP_yield, NULL), 0);
	expect_eq("mask after yield", vcpu_info->evtchn_upcall_mask, 1);
}

static long poll_one(u32 *list, u32 count, u64 timeout)
{
	struct sched_poll poll = {.nr_ports = count, .timeout = timeout};

	set_xen_guest_handle(poll.ports, list);
	return sched_op(SCHEDOP_poll, &poll);
}

static void poll(void)
{
	u32 ports[2] = {port, 0};
	u32 upcalls = event_upcalls;

	events_mask();
	port_mask(port);
	port_send(port);
	expect_rc("poll of a pending port", poll_one(ports, 1, 0), 0);
	check(port_pending(port), "poll took the event");
	expect_eq("upcalls", event_upcalls, upcalls);
	port_clear(port);
	port_unmask_local(port);
	vcpu_info->evtchn_upcall_pending = 0;
}

static u64 blocked_time(void)
{
	struct vcpu_runstate_info info;

	vcpu_op(VCPUOP_get_runstate_info, 0, &info);
	return info.time[RUNSTATE_blocked];
}

/*
 * The timeout is an absolute system time. On a busy host it may be over before
 * the call is made: then the poll does not block, and is tried again.
 */
static void poll_times_out(void)
{
	u32 ports[1] = {port}, tries = 100;
	u64 before = blocked_time();

	do {
		u64 when = now_ns() + 20 * MS;
		expect_rc("poll", poll_one(ports, 1, when), 0);
		check(now_ns() >= when, "poll ended early");
	} while (blocked_time() == before && --tries);
	check(tries > 0, "poll does not block");
}

/* A time in the past ends a poll at once: these do not hang. */
static void poll_of_the_past(void)
{
	u32 ports[1] = {port};

	expect_rc("poll until the past", poll_one(ports, 1, 1), 0);
	expect_rc("poll of nothing", poll_one(NULL, 0, 1), 0);
}

static void bad_lists(void)
{
	static u32 many[200];
	u32 bad = 0xfffffff;

	for (u32 i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = port;
	expect_rc("129 ports", poll_one(many, 129, 1), -XEN_EINVAL);
	expect_rc("bad list", poll_one((u32 *)0x1000, 1, 1), -XEN_EFAULT);
	expect_rc("bad port", poll_one(&bad, 1, 1), -XEN_EINVAL);
	expect_rc("bad argument", sched_op(SCHEDOP_poll, (void *)0x1000),
		  -XEN_EFAULT);
	expect_rc("bad shutdown argument",
		  sched_op(SCHEDOP_shutdown, (void *)0x1000), -XEN_EFAULT);
}

TEST("sched")
{
	port = port_bind_ipi();
	block_with_pending();
	yield();
	poll();
	poll_times_out();
	poll_of_the_past();
	bad_lists();
}
