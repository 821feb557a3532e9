// SPDX-License-Identifier: MIT
//
// time-smp: one time for all vCPUs, and an account of where it went.
//
// Linux hands time from one processor to another all the time: a clock that is
// behind on one of them makes it step back. Where the hypervisor says that the
// TSCs are in step Linux does not even look, and its user programs read the
// clock without a call. Stolen time comes from the runstates, so they have to
// add up to the time that passed.
//
// Provoked by two vCPUs that read their clocks in turn, each after the other's
// last reading, while both yield and move; by timers under that load; by
// comparing runstates with the clock. Expected (abi.md 3.5, 4.6): no reading is
// before the other's; each timer fires once, and not before its time; the four
// sums grow as the clock does, within 0.5 %; the flag for TSCs in step is set on
// this machine, whose TSCs are (stock Xen believes only what CPUID says, and its
// clocks are apart here: clock_slack_ns()).

#include "guest.h"
#include "second.h"

#define READINGS 20000
#define TIMERS 40

static volatile u64 latest; /* the last reading of any */
static volatile u64 back; /* the longest step back */
static volatile u32 second_reads;
static volatile bool stop, stopped;

static void read_clock(const volatile struct vcpu_time_info *t)
{
	u64 before = __atomic_load_n(&latest, __ATOMIC_SEQ_CST);

	asm volatile("lfence" : : : "memory");
	u64 now = clock_ns(t);
	if (now < before && before - now > back)
		back = before - now;
	if (now > before)
		__atomic_compare_exchange_n(&latest, &before, now, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void second_main(void)
{
	while (!stop) {
		read_clock(&shared_info.vcpu_info[1].time);
		if (++second_reads % 64 == 0)
			sched_op(SCHEDOP_yield, NULL);
	}
	stopped = true;
	for (;;)
		vcpu_op(VCPUOP_down, 1, NULL);
}

static void monotonic(void)
{
	u64 limit = now_ns() + 20000 * MS;

	for (u32 i = 0; i < READINGS; i++) {
		read_clock(&vcpu_info->time);
		if (i % 64 == 0)
			sched_op(SCHEDOP_yield, NULL);
	}
	while (second_reads < READINGS && now_ns() < limit)
		read_clock(&vcpu_info->time);
	check(back <= clock_slack_ns(),
	      "time went back by %lu ns between vCPUs", back);
	check(second_reads >= 100, "the second vCPU read only %u times",
	      second_reads);
}

static u64 sum_of(u32 vcpu)
{
	struct vcpu_runstate_info r;

	expect_rc("get_runstate_info",
		  vcpu_op(VCPUOP_get_runstate_info, vcpu, &r), 0);
	return r.time[0] + r.time[1] + r.time[2] + r.time[3];
}

/* The two readings are some calls apart: hence a second, and the best of some
 * tries. */
static bool adds_up(u32 vcpu)
{
	u64 before = now_ns(), sum = sum_of(vcpu);

	while (now_ns() < before + 500 * MS)
		sleep_until(now_ns() + 7 * MS);
	u64 passed = now_ns() - before, counted = sum_of(vcpu) - sum;
	u64 diff = passed > counted ? passed - counted : counted - passed;

	if (diff <= passed / 200)
		return true;
	say("vCPU %u: %lu ns passed, %lu counted", vcpu, passed, counted);
	return false;
}

static void runstates(u32 vcpu)
{
	for (u32 i = 0; i < 5; i++)
		if (adds_up(vcpu))
			return;
	check_failed("the runstates of vCPU %u do not add up", vcpu);
}

static void timers(void)
{
	u32 port = port_bind_virq(VIRQ_TIMER);
	u64 late = 0;

	vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL); /* Xen's comes unasked */
	for (u32 i = 0; i < TIMERS; i++) {
		u64 when = now_ns() + (i % 7) * MS / 2 + 1;
		struct vcpu_set_singleshot_timer timer = {when, 0};
		u32 before = event_count[port];

		expect_rc("set",
			  vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer), 0);
		while (event_count[port] == before)
			sched_op(SCHEDOP_block, NULL);
		events_mask();
		u64 now = now_ns();
		check(now >= when, "timer %u was %lu ns early", i, when - now);
		late = now > when && now - when > late ? now - when : late;
		expect_eq("times it fired", event_count[port], before + 1);
	}
	say("the latest timer came %lu us late", late / 1000);
}

TEST("time-smp")
{
	u8 flags = vcpu_info->time.flags;

	second_start(second_main);
	check(on_stock_xen() || (flags & XEN_PVCLOCK_TSC_STABLE_BIT),
	      "the TSCs are not called stable");
	monotonic();
	runstates(0);
	runstates(1);
	timers();
	stop = true;
	while (!stopped)
		sched_op(SCHEDOP_yield, NULL);
	check(back <= clock_slack_ns(),
	      "time went back by %lu ns between vCPUs", back);
}
