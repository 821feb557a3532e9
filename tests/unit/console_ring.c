// SPDX-License-Identifier: MIT
// uses: src/console/ring.c
//
// The log ring: order, wrapping, readers that are late, early or lost.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "console/ring.h"

static struct ring ring;
static char buf[RING_SIZE + 16];

static void start(u32 position)
{
	ring.start = ring.end = position;
}

static void test_in_order(void **state)
{
	u32 pos = 0;

	start(0);
	ring_put(&ring, "hello ", 6);
	ring_put(&ring, "world", 5);
	assert_int_equal(ring_read(&ring, &pos, buf, 3), 3);
	assert_memory_equal(buf, "hel", 3);
	assert_int_equal(ring_read(&ring, &pos, buf, sizeof(buf)), 8);
	assert_memory_equal(buf, "lo world", 8);
	assert_int_equal(pos, 11);
	assert_int_equal(ring_read(&ring, &pos, buf, sizeof(buf)), 0);
}

static void put_numbered(u32 bytes)
{
	for (u32 i = 0; i < bytes; i++) {
		char c = (char)(ring.end % 251);

		ring_put(&ring, &c, 1);
	}
}

// Positions wrap at 2^32; the ring must not care.
static void test_late_reader(void **state)
{
	static const u32 starts[] = {0, 12345, UINT32_MAX - RING_SIZE / 2};

	for (u32 i = 0; i < ARRAY_SIZE(starts); i++) {
		u32 pos = starts[i];

		start(starts[i]);
		put_numbered(RING_SIZE + 1000);
		assert_int_equal(ring.end - ring.start, RING_SIZE);
		assert_int_equal(ring_read(&ring, &pos, buf, sizeof(buf)),
				 RING_SIZE);
		assert_int_equal(pos, ring.end);
		for (u32 at = 0; at < RING_SIZE; at++)
			assert_int_equal((u8)buf[at], (ring.start + at) % 251);
	}
}

static void test_lost_reader(void **state)
{
	u32 ahead = 5000;

	start(100);
	ring_put(&ring, "abc", 3);
	assert_int_equal(ring_read(&ring, &ahead, buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "abc", 3);
	assert_int_equal(ahead, 103);
}

static void test_clear(void **state)
{
	u32 pos = 0;

	start(0);
	ring_put(&ring, "abc", 3);
	ring_forget(&ring, ring.end);
	assert_int_equal(ring_read(&ring, &pos, buf, sizeof(buf)), 0);
	ring_put(&ring, "d", 1);
	assert_int_equal(ring_read(&ring, &pos, buf, sizeof(buf)), 1);
	assert_int_equal(buf[0], 'd');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_late_reader),
		cmocka_unit_test(test_lost_reader),
		cmocka_unit_test(test_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
