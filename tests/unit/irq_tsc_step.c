// SPDX-License-Identifier: MIT
// uses: src/irq/tsc_step.c tests/fake/core.c
// libs: -lpthread
//
// Counters in step and not: two threads are the two processors, with the host's
// counter or one that is behind it.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "console/console.h"
#include "core.h"
#include "cpu/cpu.h"
#include "irq/irq.h"
#include "sched/sched.h"

struct tsc_scale tsc_scale = {.hz = 20000000000ull};
struct cpu_features cpu_features;

static _Thread_local u64 behind;
static u32 warnings;

// Set behind by the thread that pretends to be a bad processor.
u64 fake_rdtsc(void)
{
	__builtin_ia32_lfence();
	return __builtin_ia32_rdtsc() - behind;
}

void log_at(enum log_level level, const char *format, ...)
{
	warnings += level == LOG_WARN;
}

static void *other(void *arg)
{
	behind = *(u64 *)arg;
	tsc_step_measure(2);
	return NULL;
}

static void measure(u64 other_is_behind)
{
	pthread_t thread;

	warnings = 0;
	tsc_step_prepare();
	assert_int_equal(pthread_create(&thread, NULL, other, &other_is_behind),
			 0);
	tsc_step_measure(1);
	pthread_join(thread, NULL);
	tsc_step_judge(1);
}

static void alone_one_is_in_step(void **state)
{
	assert_true(tsc_in_step());
}

static void the_same_counter_is_in_step(void **state)
{
	measure(0);
	assert_int_equal(warnings, 0);
	assert_true(tsc_in_step());
}

static void one_behind_is_found(void **state)
{
	measure(100000000);
	assert_int_equal(warnings, 1);
	assert_false(tsc_in_step());
	measure(0);
	assert_false(tsc_in_step()); // once out of step is enough
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone_one_is_in_step),
		cmocka_unit_test(the_same_counter_is_in_step),
		cmocka_unit_test(one_behind_is_found),
	};

	fake_cpus_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
