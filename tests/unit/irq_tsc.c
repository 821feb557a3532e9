// SPDX-License-Identifier: MIT
// uses: src/irq/tsc.c
//
// The TSC scale: for any rate the two numbers are in the form that the guest
// ABI wants, and a day of ticks comes out as a day of nanoseconds.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "irq/priv.h"
#include "sched/sched.h"

#define DAY_S 86400ull

static const u64 rates[] = {
	10000000,   11931820,   500000000,  999999999,
	1000000000, 1000000001, 1999999999, 2000000000,
	2000000001, 2095078317, 2400000000, 2999999999,
	3700000123, 4000000000, 5200000000, 100000000000ull,
};

static u64 distance(u64 a, u64 b)
{
	return a > b ? a - b : b - a;
}

static void a_day_of_ticks_is_a_day(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(rates); i++) {
		tsc_scale_set(rates[i], 1000);
		assert_int_equal(tsc_scale.hz, rates[i]);
		assert_true(tsc_scale.mul & 0x80000000);
		// Two parts in 10^9, where a clock chip has 10^5.
		assert_true(distance(tsc_to_ns(1000 + DAY_S * rates[i]),
				     DAY_S * 1000000000) < DAY_S * 2);
	}
}

static void time_starts_at_the_base_and_never_before(void **state)
{
	tsc_scale_set(2400000000, 5000);
	assert_int_equal(tsc_to_ns(5000), 0);
	assert_int_equal(tsc_to_ns(4999), 0);
	assert_int_equal(tsc_to_ns(0), 0);
	assert_true(distance(tsc_to_ns(5000 + 2400), 1000) <= 1);
}

static void later_ticks_are_never_earlier(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(rates); i++) {
		u64 last = 0;

		tsc_scale_set(rates[i], 7);
		for (u64 tsc = 7; tsc < 7 + 1000; tsc++) {
			assert_true(tsc_to_ns(tsc) >= last);
			last = tsc_to_ns(tsc);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_of_ticks_is_a_day),
		cmocka_unit_test(time_starts_at_the_base_and_never_before),
		cmocka_unit_test(later_ticks_are_never_earlier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
