// SPDX-License-Identifier: MIT
// uses: src/console/guest_log.c src/lib/fmt.c src/lib/text.c
// libs: -lpthread
//
// A guest's lines in the log are counted, also when its vCPUs cause them on
// several processors at the same time.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "console/console.h"
#include "console/priv.h"
#include "domain/domain.h"

#define PERIOD 5000000000ull
#define LINES 40 // the last one says that there were too many
#define PERIODS 20000u

int console_guest_max = LOG_WARN;

static struct domain d;
static u64 clock_ns;
static u32 lines;

u64 now_ns(void)
{
	return __atomic_load_n(&clock_ns, __ATOMIC_RELAXED);
}

void log_at(enum log_level level, const char *format, ...)
{
	__atomic_fetch_add(&lines, 1, __ATOMIC_RELAXED);
}

static u32 say(u32 n)
{
	lines = 0;
	for (u32 i = 0; i < n; i++)
		log_guest(&d, LOG_WARN, "word %u", i);
	return lines;
}

static void each_period_has_its_lines(void **state)
{
	d = (struct domain){0};
	clock_ns = 1;
	assert_int_equal(say(10), 10);
	assert_int_equal(say(1000), LINES - 10);
	assert_int_equal(say(1000), 0);
	clock_ns += PERIOD - 1;
	assert_int_equal(say(10), 0);
	clock_ns++;
	assert_int_equal(say(LINES + 1), LINES);
}

static void what_is_not_shown_costs_nothing(void **state)
{
	d = (struct domain){0};
	for (u32 i = 0; i < 100; i++)
		log_guest(&d, LOG_DEBUG, "word");
	assert_int_equal(say(LINES + 1), LINES);
}

// One vCPU for which time passes, and one beside it.
static bool stop;

static void *talk(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		log_guest(&d, LOG_WARN, "word");
	return NULL;
}

static void two_processors_share_them(void **state)
{
	pthread_t other;

	d = (struct domain){0};
	lines = 0;
	assert_int_equal(pthread_create(&other, NULL, talk, NULL), 0);
	for (u32 i = 0; i < PERIODS; i++) {
		for (u32 n = 0; n < 2 * LINES; n++)
			log_guest(&d, LOG_WARN, "word");
		__atomic_fetch_add(&clock_ns, PERIOD, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(other, NULL);
	assert_in_range(lines, 1, (PERIODS + 1) * LINES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_period_has_its_lines),
		cmocka_unit_test(what_is_not_shown_costs_nothing),
		cmocka_unit_test(two_processors_share_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
