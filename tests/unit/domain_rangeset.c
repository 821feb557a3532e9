// SPDX-License-Identifier: MIT
// uses: src/domain/rangeset.c tests/fake/core.c
//
// Range sets against a plain array of booleans, and at the ends of 64 bits.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "core.h"
#include "domain/rangeset.h"

#define UNIVERSE 96
#define STEPS 20000

static bool model_has(const bool *model, u32 first, u32 last)
{
	for (u32 i = first; i <= last; i++)
		if (!model[i])
			return false;
	return true;
}

static void a_set_holds_what_was_added_and_not_removed(void **state)
{
	struct rangeset *s = rangeset_create();
	bool model[UNIVERSE] = {0};

	srandom(1);
	for (u32 step = 0; step < STEPS; step++) {
		u32 a = (u32)random() % UNIVERSE;
		u32 b = a + (u32)random() % (step % 3 ? 6 : UNIVERSE - a);
		bool add = random() & 1;

		b = min(b, (u32)UNIVERSE - 1);
		if (add)
			assert_int_equal(rangeset_add(s, a, b), 0);
		else
			assert_int_equal(rangeset_remove(s, a, b), 0);
		for (u32 i = a; i <= b; i++)
			model[i] = add;
		for (u32 i = 0; i < UNIVERSE; i++) {
			u32 j = i + (u32)random() % (UNIVERSE - i);

			assert_int_equal(rangeset_has(s, i, i), model[i]);
			assert_int_equal(rangeset_has(s, i, j),
					 model_has(model, i, j));
		}
	}
	rangeset_destroy(s);
}

static void the_ends_of_the_number_line_do_not_wrap(void **state)
{
	struct rangeset *s = rangeset_create();

	assert_int_equal(rangeset_add(s, 0, ~0ull), 0);
	assert_true(rangeset_has(s, 0, ~0ull));
	assert_int_equal(rangeset_remove(s, ~0ull, ~0ull), 0);
	assert_false(rangeset_has(s, ~0ull, ~0ull));
	assert_true(rangeset_has(s, 0, ~0ull - 1));
	assert_int_equal(rangeset_remove(s, 0, 0), 0);
	assert_false(rangeset_has(s, 0, 0));
	assert_int_equal(rangeset_add(s, ~0ull, ~0ull), 0);
	assert_int_equal(rangeset_add(s, 0, 0), 0);
	assert_true(rangeset_has(s, 0, ~0ull));
	rangeset_destroy(s);
}

static void a_range_that_ends_before_it_begins_is_refused(void **state)
{
	struct rangeset *s = rangeset_create();

	assert_int_equal(rangeset_add(s, 2, 1), -EINVAL);
	assert_int_equal(rangeset_remove(s, 2, 1), -EINVAL);
	rangeset_destroy(s);
}

static void a_set_that_cannot_grow_stays_as_it_was(void **state)
{
	struct rangeset *s = rangeset_create();
	u64 n = 0;

	for (;; n++) {
		fake_alloc_fails = 1;
		if (rangeset_add(s, 10 * n, 10 * n + 4))
			break;
	}
	fake_alloc_fails = 1; // a cut in the middle needs room too
	assert_int_equal(rangeset_remove(s, 2, 2), -ENOMEM);
	for (u64 i = 0; i < n; i++)
		assert_true(rangeset_has(s, 10 * i, 10 * i + 4));
	assert_false(rangeset_has(s, 10 * n, 10 * n));
	assert_int_equal(rangeset_add(s, 10 * n, 10 * n + 4), 0);
	rangeset_destroy(s);
	assert_int_equal(fake_allocated, 0);
}

static void without_memory_there_is_no_set(void **state)
{
	for (u32 n = 1; n <= 2; n++) {
		fake_alloc_fails = n;
		assert_null(rangeset_create());
		assert_int_equal(fake_allocated, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_holds_what_was_added_and_not_removed),
		cmocka_unit_test(the_ends_of_the_number_line_do_not_wrap),
		cmocka_unit_test(a_range_that_ends_before_it_begins_is_refused),
		cmocka_unit_test(a_set_that_cannot_grow_stays_as_it_was),
		cmocka_unit_test(without_memory_there_is_no_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
