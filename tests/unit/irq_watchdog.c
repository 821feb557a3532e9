// SPDX-License-Identifier: MIT
// uses: src/irq/watchdog.c tests/fake/core.c
//
// The watchdog: whom it suspects and when, and that it leaves alone whoever only
// seemed silent.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/boot.h"
#include "console/console.h"
#include "core.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "hw/cpu.h"
#include "irq/irq.h"
#include "irq/watchdog.h"
#include "sched/timer.h"

#define SECOND 1000000000ull

struct boot_options boot_options;

static struct timer *beat[2];
static u64 beat_at[2];
static u32 asked; // NMIs sent
static bool deaf; // they do not arrive
static bool fresh; // the one asked has interrupts on
static u32 dumps;
static jmp_buf machine_end;

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg)
{
	*t = (struct timer){.fn = fn, .arg = arg};
}

void timer_set(struct timer *t, u64 expires_ns)
{
	beat[cpu_this()->id] = t;
	beat_at[cpu_this()->id] = expires_ns;
}

static void beats(u32 cpu)
{
	struct cpu *was = fake_cpu;

	fake_cpu = cpu_of(cpu);
	beat[cpu]->fn(beat[cpu]->arg);
	fake_cpu = was;
}

void apic_send_nmi(u32 apic_id)
{
	struct regs r = {.cs = 8, .rflags = fresh ? RFLAGS_IF : 0};
	struct cpu *was = fake_cpu;

	asked++;
	if (deaf)
		return;
	fake_cpu = cpu_of(apic_id);
	assert_true(watchdog_nmi(&r));
	fake_cpu = was;
}

void panic(const char *format, ...)
{
	longjmp(machine_end, 1);
}

// Time goes on while somebody waits for it.
u64 now_ns(void)
{
	return fake_now += 1000;
}

void dump_regs(const struct regs *r)
{
	dumps++;
}

void console_force(void)
{
}

void log_at(enum log_level level, const char *format, ...)
{
}

void debug_key_register(char key, const char *what, void (*fn)(void))
{
}

static int reset(void **state)
{
	fake_cpus_init(2);
	fake_now = SECOND;
	asked = dumps = 0;
	deaf = fresh = false;
	boot_options.watchdog = true;
	boot_options.watchdog_timeout = 4;
	watchdog_init();
	for (u32 i = 2; i-- > 0;) {
		fake_cpu = cpu_of(i);
		watchdog_init_cpu(fake_cpu);
	}
	return 0;
}

static void off_without_the_option(void **state)
{
	boot_options.watchdog = false;
	boot_options.watchdog_timeout = 0;
	watchdog_init();
	beat[0] = NULL;
	watchdog_init_cpu(cpu_this());
	assert_null(beat[0]);
}

static void who_beats_is_left_alone(void **state)
{
	for (u32 i = 0; i < 20; i++) {
		assert_in_range(beat_at[0] - fake_now, 0, SECOND);
		fake_now += SECOND;
		beats(0);
		beats(1);
	}
	assert_int_equal(asked, 0);
}

static void a_silent_one_is_suspected_then_asked(void **state)
{
	fake_now += 5 * SECOND;
	beats(0);
	assert_int_equal(asked, 0);
	fake_now += SECOND / 2;
	beats(0);
	assert_int_equal(asked, 0);
	fake_now += SECOND;
	if (!setjmp(machine_end)) {
		beats(0);
		fail_msg("the machine goes on");
	}
	assert_int_equal(asked, 2); // it, and then it asks us
	assert_int_equal(dumps, 2);
}

static void who_comes_forward_is_not_asked(void **state)
{
	fake_now += 5 * SECOND; // the whole machine slept
	beats(0);
	fake_now += SECOND / 2;
	beats(1);
	fake_now += SECOND;
	beats(0);
	assert_int_equal(asked, 0);
}

static void with_interrupts_on_it_is_not_stuck(void **state)
{
	fresh = true;
	fake_now += 5 * SECOND;
	beats(0);
	fake_now += 2 * SECOND;
	beats(0);
	assert_int_equal(asked, 1);
	assert_int_equal(dumps, 0);
	beats(0);
	assert_int_equal(asked, 1);
	fake_now += 5 * SECOND; // and it may be suspected again
	beats(0);
	fake_now += 2 * SECOND;
	beats(0);
	assert_int_equal(asked, 2);
}

static void who_waits_for_a_lock_looks_too(void **state)
{
	fake_now += 5 * SECOND;
	watchdog_look();
	fake_now += 2 * SECOND;
	if (!setjmp(machine_end)) {
		watchdog_look();
		fail_msg("the machine goes on");
	}
	assert_int_equal(asked, 2);
}

static void one_that_takes_no_nmi(void **state)
{
	deaf = true;
	fake_now += 5 * SECOND;
	beats(0);
	fake_now += 2 * SECOND;
	if (!setjmp(machine_end)) {
		beats(0);
		fail_msg("the machine goes on");
	}
	assert_int_equal(asked, 1);
	assert_int_equal(dumps, 0);
}

static void nobody_asked_for_this_nmi(void **state)
{
	struct regs r = {.cs = 8};

	assert_false(watchdog_nmi(&r));
}

static void all_tell_where_they_are(void **state)
{
	cpu_this()->stack_top -= 64;
	watchdog_show_all();
	assert_int_equal(asked, 1);
	assert_int_equal(dumps, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, reset)
		TEST(off_without_the_option),
		TEST(who_beats_is_left_alone),
		TEST(who_comes_forward_is_not_asked),
		TEST(with_interrupts_on_it_is_not_stuck),
		TEST(nobody_asked_for_this_nmi),
		TEST(all_tell_where_they_are),
		TEST(a_silent_one_is_suspected_then_asked),
		TEST(who_waits_for_a_lock_looks_too),
		TEST(one_that_takes_no_nmi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
