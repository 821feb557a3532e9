// SPDX-License-Identifier: MIT
// uses: src/cpu/lockcheck.c tests/fake/core.c
// uses: tests/fake/log.c
//
// What the lock checker of debug builds lets pass and what it stops.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "console/console.h"
#include "core.h"
#include "cpu/cpu.h"
#include "lib/lock.h"
#include "log.h"

static struct lock event[2] = {LOCK_INIT(LOCK_EVENT), LOCK_INIT(LOCK_EVENT)};
static struct lock dom[2] = {LOCK_INIT(LOCK_DOMAIN), LOCK_INIT(LOCK_DOMAIN)};
static struct lock sched = LOCK_INIT(LOCK_QUEUE);
static struct lock heap = LOCK_INIT(LOCK_HEAP);
static struct lock forgotten;

static jmp_buf stopped;
static void (*print)(void);

void bug_at(const char *file, int line, const char *what)
{
	longjmp(stopped, 1);
}

void console_force(void)
{
}

void symbol_name(u64 addr, char *buf, size_t size)
{
	snprintf(buf, size, "somewhere");
}

void debug_key_register(char key, const char *what, void (*fn)(void))
{
	print = fn;
}

static int reset(void **state)
{
	fake_cpus_init(1);
	cpu_this()->locks.count = 0;
	event[0].held = event[1].held = dom[0].held = dom[1].held = 0;
	sched.held = heap.held = forgotten.held = 0;
	fake_log[0] = 0;
	return 0;
}

#define expect_stop(what, statement)                          \
	do {                                                  \
		if (!setjmp(stopped)) {                       \
			statement;                            \
			fail_msg("not stopped: " #statement); \
		}                                             \
		assert_non_null(strstr(fake_log, what));      \
	} while (0)

static void down_the_list(void **state)
{
	lock_get(&dom[0]);
	lock_get(&event[0]);
	lock_get(&event[1]);
	lock_get(&sched);
	lock_get(&heap);
	lock_put(&event[0]); // not the last one taken
	lock_put(&heap);
	lock_put(&sched);
	lock_put(&event[1]);
	lock_put(&dom[0]);
	lock_check_none();
}

static void up_the_list(void **state)
{
	lock_get(&sched);
	expect_stop("wrong order", lock_get(&dom[0]));
	assert_non_null(
		strstr(fake_log, "holds run queue, taken in somewhere"));
}

static void two_of_a_class(void **state)
{
	lock_get(&dom[0]);
	expect_stop("wrong order", lock_get(&dom[1]));
}

static void a_pair_in_the_wrong_order(void **state)
{
	lock_get(&event[1]);
	expect_stop("wrong order", lock_get(&event[0]));
}

static void twice(void **state)
{
	lock_get(&dom[0]);
	lock_get(&heap);
	expect_stop("held already", lock_get(&dom[0]));
}

static void trying_is_free(void **state)
{
	lock_get(&sched);
	assert_true(lock_try(&dom[0]));
	expect_stop("wrong order", lock_get(&dom[1]));
}

static void after_a_try_order_counts(void **state)
{
	assert_true(lock_try(&heap));
	expect_stop("wrong order", lock_get(&sched));
}

static void not_held(void **state)
{
	expect_stop("without being held", lock_put(&heap));
}

static void kept_on_the_way_out(void **state)
{
	lock_get(&heap);
	expect_stop("on the way out", lock_check_none());
}

static void without_a_class(void **state)
{
	expect_stop("no class", lock_get(&forgotten));
}

static void the_longest_hold_is_shown(void **state)
{
	lockcheck_init();
	lock_get(&heap);
	fake_now += 7000000;
	cpu_this()->work += 42;
	lock_put(&heap);
	lock_get(&heap);
	fake_now += 1000000;
	lock_put(&heap);
	print();
	assert_non_null(strstr(fake_log, "longest 7000 us in somewhere, "
					 "at most 42 units somewhere"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, reset)
		TEST(down_the_list),
		TEST(up_the_list),
		TEST(two_of_a_class),
		TEST(a_pair_in_the_wrong_order),
		TEST(twice),
		TEST(trying_is_free),
		TEST(after_a_try_order_counts),
		TEST(not_held),
		TEST(kept_on_the_way_out),
		TEST(without_a_class),
		TEST(the_longest_hold_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
