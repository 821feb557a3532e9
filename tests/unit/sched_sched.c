// SPDX-License-Identifier: MIT
// uses: src/sched/sched.c src/sched/switch.c src/sched/fair.c
// uses: src/sched/cap.c src/sched/queue.c tests/fake/core.c
// uses: tests/fake/sched_parts.c
//
// The scheduler's state machine. Registers are not really loaded: the test sees
// which vCPU's would be. After every step the invariants are checked that the
// head of sched.c states, and that no time gets lost in the runstates.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched_parts.h"

#define VCPUS 4
#define STEPS 50000
#define MS 1000000ull

static struct domain domain;
static struct vcpu vcpu[VCPUS];
static struct vcpu_info info[VCPUS];
static u64 born[VCPUS];

static struct timer *slice;

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg)
{
	*t = (struct timer){.fn = fn, .arg = arg};
}

void timer_set(struct timer *t, u64 expires_ns)
{
	t->expires_ns = expires_ns;
	t->slot = 1;
	slice = t;
}

static struct cpu *c0(void)
{
	return cpu_of(0);
}

// The way out to the guest, as guest_exit() goes it. Who runs.
static struct vcpu *pass(void)
{
	while (c0()->pending || !c0()->curr) {
		u32 bits = c0()->pending;

		c0()->pending = 0;
		if (!(bits & PENDING_SCHED) && c0()->curr)
			continue;
		sched_pick(guest_regs());
		if (!c0()->curr && !c0()->pending)
			break;
	}
	return c0()->curr;
}

// Time passes; the slice timer fires when it is due.
static void tick(u64 ns)
{
	fake_now += ns;
	if (slice && slice->slot && slice->expires_ns <= fake_now) {
		slice->slot = 0;
		slice->fn(slice->arg);
	}
}

static int set_up(void **state)
{
	fake_cpus_init(2);
	memset(&domain, 0, sizeof(domain));
	memset(vcpu, 0, sizeof(vcpu));
	memset(info, 0, sizeof(info));
	slice = NULL;
	fake_sched = (struct fake_sched){0};
	sched_init();
	sched_init_cpu(cpu_of(0));
	sched_init_cpu(cpu_of(1));
	domain.max_vcpus = VCPUS;
	domain.shutdown_code = SHUTDOWN_CODE_NONE;
	for (u32 i = 0; i < VCPUS; i++) {
		vcpu[i].domain = &domain;
		vcpu[i].id = i;
		vcpu[i].info = &info[i];
		domain.vcpu[i] = &vcpu[i];
		vcpu[i].affinity[0] = 1; // all on the first
		vcpu[i].affinity_soft[0] = 1;
		sched_vcpu_init(&vcpu[i]);
		vcpu[i].cpu = 0;
		born[i] = fake_now;
	}
	return 0;
}

static void a_vcpu_that_comes_up_gets_the_idle_processor(void **state)
{
	assert_null(pass());
	vcpu_up(&vcpu[1]);
	assert_true(c0()->pending & PENDING_SCHED);
	assert_ptr_equal(pass(), &vcpu[1]);
	assert_int_equal(vcpu[1].state, VCPU_RUNNING);
	assert_int_equal(fake_sched.loads, 1);
}

static void a_vcpu_that_sleeps_and_wakes_is_not_loaded_anew(void **state)
{
	vcpu_up(&vcpu[0]);
	pass();
	vcpu_block(&vcpu[0]);
	assert_null(pass());
	assert_ptr_equal(c0()->loaded, &vcpu[0]);
	vcpu_wake(&vcpu[0]);
	assert_ptr_equal(pass(), &vcpu[0]);
	assert_int_equal(fake_sched.loads, 1);
	vcpu_block(&vcpu[0]);
	pass();
	vcpu_up(&vcpu[1]);
	assert_ptr_equal(pass(), &vcpu[1]);
	assert_int_equal(fake_sched.loads, 2);
}

static void a_flush_asked_for_while_idle_comes_before_the_guest(void **state)
{
	vcpu_up(&vcpu[0]);
	pass();
	vcpu_block(&vcpu[0]);
	pass();
	fake_sched.flushes = 0;
	c0()->flush_late = true;
	vcpu_wake(&vcpu[0]);
	pass();
	assert_int_equal(fake_sched.flushes, 1);
	assert_false(c0()->flush_late);
}

static void blocking_with_an_event_there_does_nothing(void **state)
{
	vcpu_up(&vcpu[0]);
	pass();
	info[0].evtchn_upcall_pending = 1;
	vcpu_block(&vcpu[0]);
	assert_int_equal(vcpu[0].state, VCPU_RUNNING);
	info[0].evtchn_upcall_mask = 1; // it would not take it
	vcpu_block(&vcpu[0]);
	assert_int_equal(vcpu[0].state, VCPU_BLOCKED);
	vcpu_wake(&vcpu[0]);
	vcpu[0].nmi_pending = true;
	vcpu_block(&vcpu[0]);
	assert_int_equal(vcpu[0].state, VCPU_RUNNING);
}

static void an_event_between_block_and_switch_undoes_the_block(void **state)
{
	vcpu_up(&vcpu[0]);
	vcpu_up(&vcpu[1]);
	pass();
	vcpu_block(&vcpu[0]);
	vcpu_kick(&vcpu[0]);
	assert_ptr_equal(pass(), &vcpu[0]);
	assert_false(vcpu_queued(&vcpu[0]));
}

static void slices_rotate_among_those_that_do_not_sleep(void **state)
{
	u32 ran[VCPUS] = {0};

	for (u32 i = 0; i < VCPUS; i++)
		vcpu_up(&vcpu[i]);
	for (u32 ms = 0; ms < 400; ms++) {
		ran[pass()->id]++;
		tick(MS);
	}
	for (u32 i = 0; i < VCPUS; i++)
		assert_in_range(ran[i], 90, 110);
}

static void a_vcpu_alone_is_never_interrupted(void **state)
{
	vcpu_up(&vcpu[0]);
	pass();
	for (u32 i = 0; i < 100; i++) {
		tick(MS);
		assert_int_equal(c0()->pending, 0);
	}
}

static void a_woken_vcpu_runs_soon_and_first(void **state)
{
	u64 woken_at;

	vcpu_up(&vcpu[0]);
	vcpu_up(&vcpu[1]);
	vcpu_up(&vcpu[2]);
	pass();
	vcpu_block(&vcpu[0]);
	for (u32 i = 0; i < 100; i++) {
		assert_ptr_not_equal(pass(), &vcpu[0]);
		tick(MS);
	}
	woken_at = fake_now;
	vcpu_wake(&vcpu[0]);
	while (pass() != &vcpu[0])
		tick(MS / 10);
	assert_in_range(fake_now - woken_at, 0, MS);
}

static void two_that_wake_each_other_do_not_starve_a_third(void **state)
{
	u64 third = 0;

	for (u32 i = 0; i < 3; i++)
		vcpu_up(&vcpu[i]);
	for (u32 i = 0; i < 4000; i++) {
		struct vcpu *v = pass();

		tick(MS / 10);
		if (v == &vcpu[2]) {
			third++;
			continue;
		}
		vcpu_wake(&vcpu[1 - v->id]);
		vcpu_block(v);
	}
	assert_in_range(third, 50, 4000);
}

static void yielding_lets_the_next_one_in(void **state)
{
	vcpu_up(&vcpu[0]);
	vcpu_up(&vcpu[1]);
	assert_ptr_equal(pass(), &vcpu[0]);
	vcpu_yield(&vcpu[0]);
	assert_ptr_equal(pass(), &vcpu[1]);
	vcpu_yield(&vcpu[1]);
	assert_ptr_equal(pass(), &vcpu[0]);
	vcpu_down(&vcpu[1]);
	vcpu_yield(&vcpu[0]);
	assert_ptr_equal(pass(), &vcpu[0]);
}

static void pauses_are_counted(void **state)
{
	vcpu_up(&vcpu[0]);
	pass();
	vcpu_pause(&vcpu[0]);
	domain_pause(&domain);
	assert_null(pass());
	assert_null(c0()->loaded);
	vcpu_unpause(&vcpu[0]);
	assert_null(pass());
	domain_unpause(&domain);
	assert_ptr_equal(pass(), &vcpu[0]);
}

static void a_paused_vcpu_can_be_woken_but_runs_later(void **state)
{
	vcpu_up(&vcpu[0]);
	pass();
	vcpu_block(&vcpu[0]);
	pass();
	vcpu_pause(&vcpu[0]);
	vcpu_wake(&vcpu[0]);
	assert_null(pass());
	assert_int_equal(vcpu[0].state, VCPU_RUNNABLE);
	assert_false(vcpu_queued(&vcpu[0]));
	assert_int_equal(vcpu[0].runstate.state, RUNSTATE_offline);
	vcpu_unpause(&vcpu[0]);
	assert_ptr_equal(pass(), &vcpu[0]);
}

static void polling_ends_by_its_ports_only(void **state)
{
	u32 ports[2] = {5, 9};

	vcpu_up(&vcpu[0]);
	pass();
	fake_sched.pending_ports = BIT(9);
	assert_false(vcpu_poll(&vcpu[0], ports, 2));
	assert_int_equal(domain.pollers, 0);
	fake_sched.pending_ports = 0;
	assert_true(vcpu_poll(&vcpu[0], ports, 1));
	assert_int_equal(domain.pollers, 1);
	assert_null(pass());
	sched_wake_pollers(&domain, 9);
	assert_null(pass());
	sched_wake_pollers(&domain, 5);
	assert_ptr_equal(pass(), &vcpu[0]);
	assert_int_equal(domain.pollers, 0);
	assert_false(vcpu[0].polling);
}

static void polling_ends_by_any_event(void **state)
{
	u32 port = 5;

	vcpu_up(&vcpu[0]);
	pass();
	assert_true(vcpu_poll(&vcpu[0], &port, 1));
	assert_null(pass());
	vcpu_kick(&vcpu[0]);
	assert_ptr_equal(pass(), &vcpu[0]);
	assert_int_equal(domain.pollers, 0);
}

static void a_shut_down_domain_does_not_run(void **state)
{
	vcpu_up(&vcpu[0]);
	vcpu_up(&vcpu[1]);
	pass();
	assert_false(domain_is_still(&domain));
	assert_true(sched_shutdown_domain(&domain, 1));
	assert_false(sched_shutdown_domain(&domain, 3));
	assert_null(pass());
	assert_true(domain_is_still(&domain));
	assert_int_equal(domain.shutdown_code, 1);
	assert_int_equal(fake_sched.shutdown_checks, 1);
	vcpu_wake(&vcpu[1]);
	assert_null(pass());
}

static void detaching_waits_for_the_processor_to_let_go(void **state)
{
	vcpu_up(&vcpu[0]);
	assert_true(sched_detach(&vcpu[0]));
	pass();
	vcpu_pause(&vcpu[0]);
	fake_cpu = cpu_of(1); // another one asks
	c0()->pending = 0;
	assert_false(sched_detach(&vcpu[0]));
	assert_true(c0()->pending & PENDING_SCHED);
	assert_in_range(fake_sched.ipis, 1, 2);
	fake_cpu = cpu_of(0);
	pass();
	fake_cpu = cpu_of(1);
	assert_true(sched_detach(&vcpu[0]));
	fake_cpu = cpu_of(0);
}

static void other_processors_are_told_by_ipi(void **state)
{
	vcpu_up(&vcpu[0]);
	pass();
	fake_cpu = cpu_of(1);
	vcpu_kick(&vcpu[0]); // running there: it must come out
	assert_int_equal(fake_sched.ipis, 1);
	fake_cpu = cpu_of(0);
	vcpu_kick(&vcpu[0]); // running here: it comes out anyway
	assert_int_equal(fake_sched.ipis, 1);
	vcpu_block(&vcpu[0]);
	pass();
	fake_cpu = cpu_of(1);
	vcpu_wake(&vcpu[0]); // an idle processor must look
	assert_int_equal(fake_sched.ipis, 2);
	fake_cpu = cpu_of(0);
}

static void a_quiet_point_needs_every_processor(void **state)
{
	u32 epoch = sched_quiesce_begin();

	assert_false(sched_quiesced(epoch));
	pass();
	assert_false(sched_quiesced(epoch));
	fake_cpu = cpu_of(1);
	sched_pick(guest_regs());
	fake_cpu = cpu_of(0);
	assert_true(sched_quiesced(epoch));
}

static void runstates_of_a_known_story(void **state)
{
	struct vcpu_runstate_info r;

	vcpu_up(&vcpu[0]);
	pass();
	tick(7 * MS);
	vcpu_block(&vcpu[0]);
	pass();
	tick(11 * MS);
	vcpu_pause(&vcpu[0]);
	vcpu_wake(&vcpu[0]);
	tick(13 * MS);
	vcpu_unpause(&vcpu[0]);
	pass();
	tick(1 * MS);
	vcpu_runstate_get(&vcpu[0], &r);
	assert_int_equal(r.state, RUNSTATE_running);
	assert_int_equal(r.time[RUNSTATE_running], 8 * MS);
	assert_int_equal(r.time[RUNSTATE_blocked], 11 * MS);
	assert_int_equal(r.time[RUNSTATE_offline], 13 * MS);
	assert_int_equal(r.time[RUNSTATE_runnable], 0);
	assert_int_equal(r.state_entry_time, fake_now - MS);
}

// ----------------------------------------------------------------- random

static void check_vcpu(u32 i)
{
	struct vcpu *v = &vcpu[i];
	struct vcpu_runstate_info r;
	u64 sum = 0;

	assert_int_equal(vcpu_queued(v),
			 v->state == VCPU_RUNNABLE && vcpu_may_run(v));
	if (v->state == VCPU_RUNNING)
		assert_ptr_equal(c0()->curr, v);
	if (c0()->curr == v && (v->state != VCPU_RUNNING || !vcpu_may_run(v)))
		assert_true(c0()->pending & PENDING_SCHED);
	vcpu_runstate_get(v, &r);
	for (u32 j = 0; j < 4; j++)
		sum += r.time[j];
	assert_int_equal(sum, fake_now - born[i]);
}

static void check(void)
{
	u32 polling = 0;

	for (u32 i = 0; i < VCPUS; i++) {
		check_vcpu(i);
		polling += vcpu[i].polling;
		if (!c0()->curr && vcpu_queued(&vcpu[i]))
			assert_true(c0()->pending & PENDING_SCHED);
	}
	assert_int_equal(domain.pollers, polling);
	if (!c0()->pending && c0()->curr)
		assert_ptr_equal(c0()->loaded, c0()->curr);
}

static void act_on_running(void)
{
	struct vcpu *v = c0()->curr;
	u32 ports[2] = {3, 4};

	if (!v || v->state != VCPU_RUNNING)
		return;
	switch (random() % 4) {
	case 0:
		vcpu_block(v);
		break;
	case 1:
		vcpu_yield(v);
		break;
	case 2:
		vcpu_poll(v, ports, 1 + (u32)random() % 2);
		break;
	default:
		vcpu_down(v);
	}
}

static void act(void)
{
	struct vcpu *v = &vcpu[random() % VCPUS];

	switch (random() % 12) {
	case 0:
		vcpu_up(v);
		break;
	case 1:
		vcpu_pause(v);
		break;
	case 2:
	case 3:
		if (v->pause_count)
			vcpu_unpause(v);
		break;
	case 4:
		domain_pause(&domain);
		break;
	case 5:
	case 6:
		if (domain.pause_count)
			domain_unpause(&domain);
		break;
	case 7:
		sched_wake_pollers(&domain, 3 + (u32)random() % 3);
		break;
	case 8:
		act_on_running();
		break;
	default:
		vcpu_kick(v);
	}
}

static void the_invariants_hold_whatever_happens(void **state)
{
	srandom(3);
	for (u32 step = 0; step < STEPS; step++) {
		act();
		check();
		if (random() % 2)
			pass();
		check();
		tick((u64)random() % (2 * MS));
		check();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, set_up)
		TEST(a_vcpu_that_comes_up_gets_the_idle_processor),
		TEST(a_vcpu_that_sleeps_and_wakes_is_not_loaded_anew),
		TEST(blocking_with_an_event_there_does_nothing),
		TEST(a_flush_asked_for_while_idle_comes_before_the_guest),
		TEST(an_event_between_block_and_switch_undoes_the_block),
		TEST(slices_rotate_among_those_that_do_not_sleep),
		TEST(a_vcpu_alone_is_never_interrupted),
		TEST(a_woken_vcpu_runs_soon_and_first),
		TEST(two_that_wake_each_other_do_not_starve_a_third),
		TEST(yielding_lets_the_next_one_in),
		TEST(pauses_are_counted),
		TEST(a_paused_vcpu_can_be_woken_but_runs_later),
		TEST(polling_ends_by_its_ports_only),
		TEST(polling_ends_by_any_event),
		TEST(a_shut_down_domain_does_not_run),
		TEST(detaching_waits_for_the_processor_to_let_go),
		TEST(other_processors_are_told_by_ipi),
		TEST(a_quiet_point_needs_every_processor),
		TEST(runstates_of_a_known_story),
		TEST(the_invariants_hold_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
