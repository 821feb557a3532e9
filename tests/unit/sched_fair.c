// SPDX-License-Identifier: MIT
// uses: src/sched/sched.c src/sched/switch.c src/sched/fair.c
// uses: src/sched/cap.c src/sched/queue.c tests/fake/core.c
// uses: tests/fake/sched_parts.c
//
// The scheduler on a simulated machine of several processors: time goes in
// small steps, timers fire, vCPUs run, sleep, yield or wake each other, and in
// the end the shares, waits and places are what was promised. After each step no
// processor idles while a vCPU waits that could run there.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched_parts.h"

#define CPUS 4
#define VCPUS 24
#define STEP 50000ull // ns
#define MS 1000000ull
#define S (1000 * MS)
#define ALL 0xfull

struct sim {
	struct domain domain;
	struct vcpu vcpu;
	struct vcpu_info info;
	// Runs for run_ns, then sleeps for sleep_ns; 0: never sleeps.
	u64 run_ns, sleep_ns;
	u64 left_ns, wake_at; // of the present one
	bool yields; // at every step
	struct sim *partner; // woken when this one sleeps
	u64 ran, since; // since when it has waited
	u64 longest_wait;
	u64 on_cpu[CPUS];
};

static struct sim sim[VCPUS];
static u32 sims, machine_cpus;
static struct timer *timers[VCPUS + CPUS];

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg)
{
	u32 i = 0;

	*t = (struct timer){.fn = fn, .arg = arg};
	while (timers[i] && timers[i] != t)
		i++;
	timers[i] = t;
}

void timer_set(struct timer *t, u64 expires_ns)
{
	t->expires_ns = expires_ns;
	t->cpu = fake_cpu->id;
	t->slot = 1;
}

// ------------------------------------------------------------ the simulation

static struct sim *sim_of(struct vcpu *v)
{
	return (struct sim *)((char *)v - offsetof(struct sim, vcpu));
}

static struct sim *add(u32 weight)
{
	struct sim *s = &sim[sims];

	memset(s, 0, sizeof(*s));
	s->domain.id = (domid_t)sims;
	s->domain.max_vcpus = 1;
	s->domain.vcpu[0] = &s->vcpu;
	s->domain.sched_weight = (u16)weight;
	sched_domain_init(&s->domain);
	s->vcpu.domain = &s->domain;
	s->vcpu.info = &s->info;
	s->vcpu.affinity[0] = s->vcpu.affinity_soft[0] = ALL;
	s->vcpu.id = sims++;
	sched_vcpu_init(&s->vcpu);
	return s;
}

static struct sim *add_sleeper(u32 weight, u64 run_ns, u64 sleep_ns)
{
	struct sim *s = add(weight);

	s->run_ns = s->left_ns = run_ns;
	s->sleep_ns = sleep_ns;
	return s;
}

static void make_machine(u32 cpus)
{
	memset(timers, 0, sizeof(timers));
	sims = 0;
	machine_cpus = cpus;
	fake_cpus_init(cpus);
	sched_ratelimit_us = 500;
	sched_init();
	for (u32 i = 0; i < CPUS; i++)
		fair_set_idle(i, false);
	for (u32 i = 0; i < cpus; i++)
		sched_init_cpu(cpu_of(i));
}

static void pass(struct cpu *c)
{
	fake_cpu = c;
	while (c->pending || !c->curr) {
		u32 bits = c->pending;

		c->pending = 0;
		if ((bits & PENDING_SCHED) || !c->curr)
			sched_pick(guest_regs());
		if (!c->curr && !c->pending)
			break;
	}
}

static void pass_all(void)
{
	bool pending = true;

	while (pending) {
		pending = false;
		for (u32 i = 0; i < machine_cpus; i++)
			pass(cpu_of(i));
		for (u32 i = 0; i < machine_cpus; i++)
			pending |= cpu_of(i)->pending != 0;
	}
	fake_cpu = cpu_of(0);
}

// Who waits for another processor lets it do what it was asked.
void lock_spin(void)
{
	struct cpu *self = fake_cpu;

	for (u32 i = 0; i < machine_cpus; i++)
		if (cpu_of(i) != self && cpu_of(i)->pending)
			pass(cpu_of(i));
	fake_cpu = self;
}

static void wake_up(struct sim *s)
{
	s->left_ns = s->run_ns;
	s->since = fake_now;
	vcpu_wake(&s->vcpu);
}

static void live(struct sim *s)
{
	if (s->yields)
		vcpu_yield(&s->vcpu);
	if (!s->run_ns)
		return;
	s->left_ns -= min(STEP, s->left_ns);
	if (s->left_ns)
		return;
	vcpu_block(&s->vcpu);
	s->wake_at = fake_now + s->sleep_ns;
	if (s->partner)
		wake_up(s->partner);
}

// Each vCPU is in one place, and nobody waits where he could run.
static void check_places(void)
{
	for (u32 i = 0; i < sims; i++) {
		struct vcpu *v = &sim[i].vcpu;
		u32 places = v->place.waits + v->parked;

		for (u32 c = 0; c < machine_cpus; c++) {
			places += cpu_of(c)->curr == v;
			if (v->place.waits && fair_allowed(v, c) &&
			    cap_allows(v->domain))
				assert_non_null(cpu_of(c)->curr);
		}
		assert_int_equal(places, v->state == VCPU_RUNNING ||
						 (v->state == VCPU_RUNNABLE &&
						  vcpu_may_run(v)));
	}
}

static void fire_timers(void)
{
	for (u32 i = 0; timers[i]; i++) {
		struct timer *t = timers[i];

		if (!t->slot || t->expires_ns > fake_now)
			continue;
		t->slot = 0;
		fake_cpu = cpu_of(t->cpu);
		t->fn(t->arg);
	}
	fake_cpu = cpu_of(0);
}

static void run_on(struct cpu *c)
{
	struct sim *s;

	if (!c->curr)
		return;
	fake_cpu = c;
	assert_true(fair_allowed(c->curr, c->id));
	s = sim_of(c->curr);
	s->ran += STEP;
	s->on_cpu[c->id] += STEP;
	s->since = fake_now;
	live(s);
	fake_cpu = cpu_of(0);
}

static void note_waits(void)
{
	for (u32 i = 0; i < sims; i++) {
		struct sim *s = &sim[i];

		if (s->vcpu.state != VCPU_RUNNABLE || s->vcpu.parked)
			s->since = fake_now;
		s->longest_wait = max(s->longest_wait, fake_now - s->since);
		if (s->vcpu.state == VCPU_BLOCKED && s->sleep_ns &&
		    s->wake_at <= fake_now)
			wake_up(s);
	}
}

static void simulate(u64 ns)
{
	for (u64 end = fake_now + ns; fake_now < end;) {
		fire_timers();
		pass_all();
		check_places();
		fake_now += STEP;
		for (u32 i = 0; i < machine_cpus; i++)
			run_on(cpu_of(i));
		note_waits();
	}
}

static void forget_the_past(void)
{
	for (u32 i = 0; i < sims; i++) {
		sim[i].ran = sim[i].longest_wait = 0;
		memset(sim[i].on_cpu, 0, sizeof(sim[i].on_cpu));
	}
}

static void all_up(void)
{
	for (u32 i = 0; i < sims; i++)
		vcpu_up(&sim[i].vcpu);
}

static void run_all(u64 ns)
{
	all_up();
	simulate(S / 2); // it settles
	forget_the_past();
	simulate(ns);
}

// s ran for `expected` within `percent`.
static void expect(const struct sim *s, u64 expected, u32 percent)
{
	u64 off = expected * percent / 100;

	if (s->ran < expected - off || s->ran > expected + off)
		print_message("vCPU %u ran %lu us, not %lu\n", s->vcpu.id,
			      s->ran / 1000, expected / 1000);
	assert_in_range(s->ran, expected - off, expected + off);
}

// ------------------------------------------------------------------- shares

static void weights_are_shares_of_one_processor(void **state)
{
	make_machine(1);
	for (u32 w = 256; w <= 1024; w *= 2)
		add(w);
	run_all(10 * S);
	for (u32 i = 0; i < 3; i++)
		expect(&sim[i], 10 * S * (1u << i) / 7, 1);
}

static void extreme_weights_are_served_too(void **state)
{
	make_machine(1);
	add(64);
	add(65535);
	add(256);
	run_all(10 * S);
	assert_in_range(sim[0].ran, 5 * MS, 20 * MS);
	expect(&sim[1], 10 * S, 2);
	expect(&sim[2], 10 * S / 257, 20);
}

static void weights_are_shares_of_several_processors(void **state)
{
	static const u32 weight[] = {1, 2, 4, 1, 2, 4, 3};

	make_machine(2);
	for (u32 i = 0; i < 7; i++)
		add(256 * weight[i]);
	run_all(10 * S);
	for (u32 i = 0; i < 7; i++)
		expect(&sim[i], 20 * S * weight[i] / 17, 2);
}

static void three_share_two_processors_evenly(void **state)
{
	make_machine(2);
	for (u32 i = 0; i < 3; i++)
		add(256);
	run_all(10 * S);
	for (u32 i = 0; i < 3; i++)
		expect(&sim[i], 20 * S / 3, 2);
}

static void seven_share_four_processors_evenly(void **state)
{
	make_machine(4);
	for (u32 i = 0; i < 7; i++)
		add(256);
	run_all(10 * S);
	for (u32 i = 0; i < 7; i++)
		expect(&sim[i], 40 * S / 7, 2);
}

// A weight that is worth more than a processor gets one; the others share.
static void nobody_gets_more_than_a_processor(void **state)
{
	make_machine(2);
	add(256 * 16);
	add(256);
	add(512);
	run_all(10 * S);
	expect(&sim[0], 10 * S, 1);
	expect(&sim[1], 10 * S / 3, 2);
	expect(&sim[2], 20 * S / 3, 2);
}

// An old debt or credit is not paid for ever.
static void a_change_of_weight_counts_at_once(void **state)
{
	make_machine(2);
	add(1);
	add(65535);
	add(256);
	run_all(5 * S);
	for (u32 i = 0; i < 3; i++)
		sim[i].domain.sched_weight = 256;
	simulate(S);
	forget_the_past();
	simulate(10 * S);
	for (u32 i = 0; i < 3; i++)
		expect(&sim[i], 20 * S / 3, 2);
}

// One that sleeps a little gets what it wants while that is under its share,
// and what it leaves goes to the others.
static void sleepers_get_what_they_want(void **state)
{
	make_machine(1);
	add_sleeper(256, 1 * MS, 9 * MS);
	add(256);
	add(256);
	run_all(10 * S);
	assert_true(sim[0].ran > 8 * S / 10);
	expect(&sim[1], (10 * S - sim[0].ran) / 2, 2);
	expect(&sim[2], (10 * S - sim[0].ran) / 2, 2);
}

// One that sleeps for an instant before each slice's end gains nothing.
static void short_sleeps_do_not_pay(void **state)
{
	make_machine(1);
	add_sleeper(256, 4 * MS, STEP);
	add(256);
	add(256);
	run_all(10 * S);
	expect(&sim[0], 10 * S / 3, 5);
	expect(&sim[1], 10 * S / 3, 5);
}

// While no queue of v's is locked, another processor may take v elsewhere.
static struct vcpu *taken;

void lock_check_put(const struct lock *l)
{
	if (taken && taken->cpu == 1)
		taken->cpu = 2;
}

static void a_processor_chosen_for_nothing_says_so(void **state)
{
	struct vcpu *v;

	make_machine(3);
	add(256);
	v = &add(256)->vcpu;
	all_up();
	pass_all();
	vcpu_block(v);
	cpu_pend(cpu_of(v->cpu), PENDING_SCHED);
	pass_all();
	assert_ptr_equal(cpu_of(0)->curr, &sim[0].vcpu);
	v->cpu = 0;
	taken = v;
	vcpu_wake(v);
	taken = NULL;
	assert_true(v->place.waits);
	assert_int_equal(v->cpu, 2);
	assert_true(cpu_of(1)->pending & PENDING_SCHED);
	assert_true(cpu_of(2)->pending & PENDING_SCHED);
}

// --------------------------------------------------------------------- caps

static void a_cap_is_kept_and_used(void **state)
{
	make_machine(2);
	add(256);
	sched_set_cap(&sim[0].domain, 25);
	run_all(10 * S);
	assert_in_range(sim[0].ran, 10 * S * 24 / 100, 10 * S * 26 / 100);
}

static void a_cap_holds_for_all_vcpus_of_a_domain(void **state)
{
	make_machine(2);
	add(256);
	add(256);
	sim[0].domain.vcpu[1] = &sim[1].vcpu; // both are of the first domain
	sim[0].domain.max_vcpus = 2;
	sim[1].vcpu.domain = &sim[0].domain;
	sched_set_cap(&sim[0].domain, 150);
	run_all(10 * S);
	assert_in_range(sim[0].ran + sim[1].ran, 10 * S * 149 / 100,
			10 * S * 151 / 100);
	sched_set_cap(&sim[0].domain, 25);
	forget_the_past();
	simulate(10 * S);
	assert_in_range(sim[0].ran + sim[1].ran, 10 * S * 24 / 100,
			10 * S * 26 / 100);
	sched_set_cap(&sim[0].domain, 0);
	forget_the_past();
	simulate(S);
	assert_int_equal(sim[0].ran + sim[1].ran, 2 * S);
}

// Another processor may have begun a period while we were about to refill, and
// be ahead of our clock.
static void a_period_that_begins_later_does_no_harm(void **state)
{
	struct domain *d = &sim[0].domain;

	make_machine(1);
	add(256);
	sched_set_cap(d, 25);
	all_up();
	simulate(S);
	timer_cancel(&d->sched_refill);
	d->sched_refilled_ns = fake_now + 100;
	d->sched_refill.fn(d->sched_refill.arg);
	forget_the_past();
	simulate(S);
	assert_in_range(sim[0].ran, S * 24 / 100, S * 26 / 100);
}

static void what_a_cap_leaves_goes_to_others(void **state)
{
	make_machine(1);
	for (u32 i = 0; i < 3; i++)
		add(256);
	sched_set_cap(&sim[0].domain, 25);
	run_all(10 * S);
	assert_in_range(sim[0].ran, 10 * S * 24 / 100, 10 * S * 26 / 100);
	expect(&sim[1], (10 * S - sim[0].ran) / 2, 2);
	expect(&sim[2], (10 * S - sim[0].ran) / 2, 2);
}

static void a_capped_domain_that_sleeps_saves_little_up(void **state)
{
	make_machine(1);
	add(256);
	sched_set_cap(&sim[0].domain, 10);
	all_up();
	vcpu_pause(&sim[0].vcpu);
	simulate(5 * S);
	vcpu_unpause(&sim[0].vcpu);
	forget_the_past();
	simulate(S / 10);
	assert_in_range(sim[0].ran, 0, S / 10 * 16 / 100);
}

// ------------------------------------------------------------------ waiting

static void who_wakes_up_runs_within_a_millisecond(void **state)
{
	make_machine(2);
	for (u32 i = 0; i < 8; i++)
		add(256);
	add_sleeper(256, STEP, 3 * MS);
	add_sleeper(256, 2 * STEP, 7 * MS);
	run_all(10 * S);
	for (u32 i = 8; i < 10; i++) {
		assert_in_range(sim[i].longest_wait, 0, MS);
		assert_true(sim[i].vcpu.wakes > 1000);
		assert_in_range(sim[i].vcpu.late_wakes, 0, 1);
		assert_in_range(sim[i].vcpu.owing_wakes, 0, 1);
	}
}

// As when an emulator's host was away for 30 ms in the middle of its turn.
static void who_was_charged_too_much_waits_and_is_counted_apart(void **state)
{
	struct vcpu *v;
	u32 woken;

	make_machine(1);
	for (u32 i = 0; i < 3; i++)
		add(256);
	v = &add_sleeper(256, STEP, 5 * MS)->vcpu;
	run_all(S);
	woken = v->wakes;
	v->vt += 30 * MS * 4096 / 256;
	simulate(S);
	assert_in_range(v->owing_wakes, 1, 3);
	assert_in_range(v->wakes - woken, 100, 200); // and it is forgotten
	assert_in_range(v->late_wakes, 0, 1);
}

// Each goes to sleep as soon as it has woken the other, whose processor takes
// a while to come.
static void who_wakes_another_does_not_take_it_along(void **state)
{
	make_machine(2);
	for (u32 i = 0; i < 2; i++) {
		add_sleeper(256, STEP, 0);
		sim[i].partner = &sim[i ^ 1];
	}
	run_all(S);
	for (u32 i = 0; i < 2; i++) {
		expect(&sim[i], S / 2, 1);
		assert_int_equal(sim[i].on_cpu[i], sim[i].ran);
	}
}

// But one that waits behind the first is not left there.
static void an_idle_processor_takes_the_second(void **state)
{
	make_machine(2);
	for (u32 i = 0; i < 2; i++) {
		add(256);
		sim[i].vcpu.cpu = 1;
		vcpu_up(&sim[i].vcpu);
	}
	assert_int_equal(queue_of(1)->waiting, 2);
	pass(cpu_of(0));
	assert_ptr_equal(cpu_of(0)->curr, &sim[1].vcpu);
	pass(cpu_of(0));
	assert_int_equal(queue_of(1)->waiting, 1);
	pass(cpu_of(1));
	assert_ptr_equal(cpu_of(1)->curr, &sim[0].vcpu);
}

static void the_rate_limit_is_kept(void **state)
{
	make_machine(1);
	sched_ratelimit_us = 3000;
	add(256);
	add_sleeper(256, STEP, 1 * MS);
	run_all(S);
	assert_in_range(sim[1].longest_wait, 2 * MS - STEP, 2 * MS + STEP);
}

static void a_yield_storm_starves_nobody(void **state)
{
	make_machine(1);
	for (u32 i = 0; i < 4; i++)
		add(256)->yields = true;
	add(256);
	run_all(10 * S);
	assert_true(sim[4].ran >= 10 * S / 5 * 98 / 100);
	for (u32 i = 0; i < 5; i++)
		assert_in_range(sim[i].longest_wait, 0, 50 * MS);
	assert_true(sim[0].ran > S / 2);
}

static void a_wake_storm_starves_nobody(void **state)
{
	make_machine(1);
	for (u32 i = 0; i < 6; i++)
		add_sleeper(256, STEP, 0);
	for (u32 i = 0; i < 6; i++)
		sim[i].partner = &sim[i ^ 1];
	add(256);
	run_all(10 * S);
	assert_true(sim[6].ran >= 10 * S / 7 * 95 / 100);
	assert_in_range(sim[6].longest_wait, 0, 60 * MS);
}

static void many_hogs_all_get_their_turn(void **state)
{
	make_machine(2);
	for (u32 i = 0; i < VCPUS - 4; i++)
		add(256);
	run_all(10 * S);
	for (u32 i = 0; i < sims; i++) {
		expect(&sim[i], 20 * S / sims, 3);
		assert_in_range(sim[i].longest_wait, 0, 120 * MS);
	}
}

// ----------------------------------------------------------------- affinity

static void pinned_ones_stay(void **state)
{
	make_machine(2);
	for (u32 i = 0; i < 3; i++)
		add(256)->vcpu.affinity[0] = 1;
	add(256);
	run_all(10 * S);
	for (u32 i = 0; i < 3; i++) {
		expect(&sim[i], 10 * S / 3, 2);
		assert_int_equal(sim[i].on_cpu[1], 0);
	}
	expect(&sim[3], 10 * S, 1);
}

static void a_new_affinity_is_obeyed(void **state)
{
	make_machine(4);
	for (u32 i = 0; i < 6; i++)
		add(256);
	run_all(S);
	for (u32 c = 0; c < 4; c++) {
		for (u32 i = 0; i < 6; i++) {
			sim[i].vcpu.affinity[0] = BIT(c);
			sched_affinity_changed(&sim[i].vcpu);
		}
		pass_all();
		forget_the_past();
		simulate(S);
		for (u32 i = 0; i < 6; i++)
			assert_int_equal(sim[i].on_cpu[c], sim[i].ran);
		assert_true(sim[0].ran > S / 7);
	}
}

static void soft_affinity_holds_while_there_is_room(void **state)
{
	make_machine(4);
	for (u32 i = 0; i < 4; i++)
		add_sleeper(256, 2 * MS, 1 * MS)->vcpu.affinity_soft[0] =
			BIT(i ^ 1);
	run_all(S);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(sim[i].on_cpu[i ^ 1], sim[i].ran);
	// Two that like the same are better off apart.
	make_machine(2);
	for (u32 i = 0; i < 2; i++)
		add(256)->vcpu.affinity_soft[0] = 1;
	run_all(S);
	assert_int_equal(sim[0].ran + sim[1].ran, 2 * S);
}

// Drifted apart for long, then let loose: nobody waits for an old debt.
static void queues_that_were_apart_meet_again(void **state)
{
	make_machine(2);
	for (u32 i = 0; i < 6; i++)
		add(256)->vcpu.affinity[0] = i ? 1 : 2;
	run_all(10 * S);
	for (u32 i = 0; i < 6; i++)
		sim[i].vcpu.affinity[0] = 3;
	simulate(S);
	forget_the_past();
	simulate(10 * S);
	for (u32 i = 0; i < 6; i++) {
		expect(&sim[i], 20 * S / 6, 3);
		assert_in_range(sim[i].longest_wait, 0, 60 * MS);
	}
}

// ------------------------------------------------------------------- random

static void disturb(void)
{
	struct sim *s = &sim[(u32)random() % sims];
	struct vcpu *v = &s->vcpu;

	switch (random() % 9) {
	case 0:
		v->affinity[0] = 1 + (u64)random() % ALL;
		sched_affinity_changed(v);
		break;
	case 1:
		s->domain.sched_weight = (u16)(1 + random() % 2000);
		break;
	case 2:
		sched_set_cap(&s->domain, (u32)(random() % 3) * 40);
		break;
	case 3:
		vcpu_pause(v);
		break;
	case 4:
	case 5:
		if (v->pause_count)
			vcpu_unpause(v);
		break;
	case 6:
		vcpu_down(v);
		break;
	case 7:
		vcpu_kick(v);
		break;
	default:
		vcpu_up(v);
	}
}

static void check_queue(const struct run_queue *q)
{
	const struct vcpu *v, *n;
	u32 count = 0;

	for (v = q->first; v; v = n, count++) {
		n = queue_next(v);
		assert_int_equal(v->cpu, q->cpu);
		assert_true(v->place.waits);
		if (n)
			assert_false(vt_before(n->place.key, v->place.key));
		if (v->place.up)
			assert_true(v->place.random <=
				    v->place.up->place.random);
	}
	assert_int_equal(count, q->waiting);
}

static void the_invariants_hold_whatever_happens(void **state)
{
	srandom(7);
	make_machine(4);
	for (u32 i = 0; i < 14; i++)
		if (i % 3)
			add(256);
		else
			add_sleeper(256, i * STEP + STEP, i * MS);
	all_up();
	for (u32 i = 0; i < 20000; i++) {
		disturb();
		simulate(STEP * ((u64)random() % 4));
		for (u32 c = 0; c < 4; c++)
			check_queue(queue_of(c));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test(name)
		TEST(weights_are_shares_of_one_processor),
		TEST(extreme_weights_are_served_too),
		TEST(weights_are_shares_of_several_processors),
		TEST(three_share_two_processors_evenly),
		TEST(seven_share_four_processors_evenly),
		TEST(nobody_gets_more_than_a_processor),
		TEST(a_change_of_weight_counts_at_once),
		TEST(sleepers_get_what_they_want),
		TEST(short_sleeps_do_not_pay),
		TEST(a_processor_chosen_for_nothing_says_so),
		TEST(a_cap_is_kept_and_used),
		TEST(a_cap_holds_for_all_vcpus_of_a_domain),
		TEST(a_period_that_begins_later_does_no_harm),
		TEST(what_a_cap_leaves_goes_to_others),
		TEST(a_capped_domain_that_sleeps_saves_little_up),
		TEST(who_wakes_up_runs_within_a_millisecond),
		TEST(who_was_charged_too_much_waits_and_is_counted_apart),
		TEST(who_wakes_another_does_not_take_it_along),
		TEST(an_idle_processor_takes_the_second),
		TEST(the_rate_limit_is_kept),
		TEST(a_yield_storm_starves_nobody),
		TEST(a_wake_storm_starves_nobody),
		TEST(many_hogs_all_get_their_turn),
		TEST(pinned_ones_stay),
		TEST(a_new_affinity_is_obeyed),
		TEST(soft_affinity_holds_while_there_is_room),
		TEST(queues_that_were_apart_meet_again),
		TEST(the_invariants_hold_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
