// SPDX-License-Identifier: MIT
// uses: src/sched/timer.c tests/fake/core.c
//
// Timers against a slow obvious model: whatever is set, moved and stopped in
// whatever order, each timer fires once, when it is due and not before, in the
// order of time; and the hardware is always armed in time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "core.h"
#include "cpu/percpu.h"
#include "irq/irq.h"
#include "mm/mm.h"
#include "sched/timer.h"

#define TIMERS 700 // more than a queue has room for at first
#define STEPS 200000

static u64 armed; // by the queue, 0: the interrupt came or was never set
static u64 armings;

void apic_timer_set(u64 when_ns)
{
	armed = when_ns;
	armings++;
}

static struct model {
	struct timer timer;
	u64 expires; // 0: not active
	u64 again_ns; // sets itself again when it fires
	u32 fired;
} model[TIMERS];

static u64 last_expiry;

static void fire(void *arg)
{
	struct model *m = arg;

	assert_true(m->expires && m->expires <= fake_now);
	assert_true(m->expires >= last_expiry);
	assert_false(timer_active(&m->timer));
	last_expiry = m->expires;
	m->expires = 0;
	m->fired++;
	if (m->again_ns) {
		m->expires = fake_now + m->again_ns;
		timer_set(&m->timer, m->expires);
	}
}

static void check_queue(void)
{
	u64 first = ~0ull;

	for (u32 i = 0; i < TIMERS; i++) {
		assert_int_equal(timer_active(&model[i].timer),
				 model[i].expires != 0);
		if (model[i].expires)
			first = min(first, model[i].expires);
	}
	if (first != ~0ull)
		assert_true(armed && armed <= first);
}

static void advance(u64 ns)
{
	fake_now += ns;
	if (!armed || armed > fake_now)
		return;
	armed = 0;
	last_expiry = 0;
	timer_run();
	for (u32 i = 0; i < TIMERS; i++)
		assert_true(!model[i].expires || model[i].expires > fake_now);
}

static void step(void)
{
	struct model *m = &model[(u32)rand() % TIMERS];

	switch (rand() % 8) {
	case 0:
		timer_cancel(&m->timer);
		m->expires = 0;
		break;
	case 1:
		advance((u64)rand() % 3000);
		break;
	default:
		m->expires = fake_now + (u64)(rand() % 100000);
		m->again_ns = rand() % 16 ? 0 : 1 + (u64)(rand() % 10000);
		timer_set(&m->timer, m->expires);
	}
}

static void every_timer_fires_as_the_model_says(void **state)
{
	srand(2);
	for (u32 i = 0; i < TIMERS; i++)
		timer_init(&model[i].timer, fire, &model[i]);
	for (u32 n = 0; n < STEPS; n++) {
		step();
		if (n % 64 == 0)
			check_queue();
	}
	for (u32 i = 0; i < TIMERS; i++)
		model[i].again_ns = 0;
	advance(1000000);
	advance(1000000);
	for (u32 i = 0; i < TIMERS; i++)
		assert_false(timer_active(&model[i].timer));
	assert_int_equal(cpu_this()->timers.count, 0);
}

static u32 calls;

static void count_call(void *arg)
{
	calls++;
}

static void moving_a_timer_back_does_not_touch_the_hardware(void **state)
{
	struct timer t;
	u64 before;

	armed = 0;
	timer_run();
	timer_init(&t, count_call, NULL);
	timer_set(&t, fake_now + 100);
	before = armings;
	for (u32 i = 0; i < 10; i++)
		timer_set(&t, fake_now + 1000 + i);
	timer_cancel(&t);
	timer_set(&t, fake_now + 500);
	assert_int_equal(armings, before);
	timer_set(&t, fake_now + 50);
	assert_int_equal(armings, before + 1);
	timer_cancel(&t);
	fake_now += 1000;
	calls = 0;
	timer_run();
	assert_int_equal(calls, 0);
}

static void an_idle_processor_is_not_woken_too_early(void **state)
{
	struct timer t;
	u64 before;

	armed = 0;
	timer_run();
	timer_init(&t, count_call, NULL);
	timer_set(&t, fake_now + 100);
	timer_set(&t, fake_now + 1000);
	assert_int_equal(armed, fake_now + 100);
	timer_settle();
	assert_int_equal(armed, fake_now + 1000);
	before = armings;
	timer_settle(); // is right already
	timer_cancel(&t);
	timer_settle(); // nothing to wait for
	assert_int_equal(armings, before);
	timer_set(&t, fake_now + 500);
	assert_int_equal(armed, fake_now + 500);
	timer_cancel(&t);
}

static void set_again_in_the_past(void *arg)
{
	calls++;
	timer_set(arg, 0);
}

static void a_timer_set_in_the_past_does_not_run_for_ever(void **state)
{
	struct timer t;

	timer_init(&t, set_again_in_the_past, &t);
	calls = 0;
	timer_set(&t, 0);
	assert_true(armed && armed <= fake_now);
	timer_run();
	assert_int_equal(calls, 1);
	assert_true(armed && armed <= fake_now);
	timer_cancel(&t);
}

static void a_timer_moves_to_the_processor_that_sets_it(void **state)
{
	struct timer t;

	timer_init(&t, count_call, NULL);
	timer_set(&t, fake_now + 10);
	assert_int_equal(cpu_of(0)->timers.count, 1);
	fake_cpu = cpu_of(1);
	timer_set(&t, fake_now + 20);
	assert_int_equal(cpu_of(0)->timers.count, 0);
	assert_int_equal(cpu_of(1)->timers.count, 1);
	fake_cpu = cpu_of(0);
	timer_cancel(&t);
	assert_int_equal(cpu_of(1)->timers.count, 0);
}

static int set_up(void **state)
{
	fake_cpus_init(2);
	fake_alloc_fails = 1;
	assert_int_equal(timer_queue_init(cpu_of(0)), -ENOMEM);
	for (u32 i = 0; i < 2; i++)
		if (timer_queue_init(cpu_of(i)))
			return -1;
	return 0;
}

static int tear_down(void **state)
{
	for (u32 i = 0; i < 2; i++)
		kfree(cpu_of(i)->timers.heap);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_timer_fires_as_the_model_says),
		cmocka_unit_test(
			moving_a_timer_back_does_not_touch_the_hardware),
		cmocka_unit_test(an_idle_processor_is_not_woken_too_early),
		cmocka_unit_test(a_timer_set_in_the_past_does_not_run_for_ever),
		cmocka_unit_test(a_timer_moves_to_the_processor_that_sets_it),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
