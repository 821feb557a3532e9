// SPDX-License-Identifier: MIT
// uses: src/irq/rtc.c
//
// The RTC's registers to seconds since 1970: both number forms, both ways to
// count hours, leap days, and what is no date.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "irq/priv.h"

#define B_24H 0x02
#define B_BINARY 0x04

static u8 bcd(int v)
{
	return (u8)(v / 10 << 4 | v % 10);
}

// The registers as an RTC in the form of status_b would have them.
static struct rtc_raw registers(time_t t, u8 status_b)
{
	struct tm tm;
	u8 pm = 0;

	gmtime_r(&t, &tm);
	if (!(status_b & B_24H)) {
		pm = tm.tm_hour >= 12 ? 0x80 : 0;
		tm.tm_hour = tm.tm_hour % 12 ? tm.tm_hour % 12 : 12;
	}
	int v[] = {tm.tm_sec,  tm.tm_min,     tm.tm_hour,
		   tm.tm_mday, tm.tm_mon + 1, tm.tm_year % 100};
	u8 r[6];

	for (u32 i = 0; i < 6; i++)
		r[i] = status_b & B_BINARY ? (u8)v[i] : bcd(v[i]);
	return (struct rtc_raw){r[0], r[1], r[2] | pm, r[3],
				r[4], r[5], status_b};
}

static void every_form_gives_the_same_time(void **state)
{
	static const u8 forms[] = {0, B_24H, B_BINARY, B_24H | B_BINARY};

	// 1970 to 2069 in steps of some 11 hours, so that all hours come.
	for (time_t t = 0; t < 3124224000; t += 41017)
		for (u32 f = 0; f < ARRAY_SIZE(forms); f++)
			assert_int_equal(rtc_decode(registers(t, forms[f])), t);
}

static void leap_day_is_there(void **state)
{
	struct rtc_raw raw = {0, 0, 0, 0x29, 0x02, 0x24, B_24H};

	assert_int_equal(rtc_decode(raw), 1709164800);
	raw.day = 0x01;
	raw.month = 0x03;
	assert_int_equal(rtc_decode(raw), 1709164800 + 86400);
}

static void what_is_no_date_gives_zero(void **state)
{
	struct rtc_raw good = {0x59, 0x59, 0x23, 0x31, 0x12, 0x30, B_24H};
	struct rtc_raw bad;

	assert_int_not_equal(rtc_decode(good), 0);
	bad = (struct rtc_raw){0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	assert_int_equal(rtc_decode(bad), 0);
	bad = (struct rtc_raw){0};
	assert_int_equal(rtc_decode(bad), 0);
	bad = good;
	bad.month = 0x13;
	assert_int_equal(rtc_decode(bad), 0);
	bad = good;
	bad.min = 0x60;
	assert_int_equal(rtc_decode(bad), 0);
	bad = good;
	bad.hour = 0x24;
	assert_int_equal(rtc_decode(bad), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_gives_the_same_time),
		cmocka_unit_test(leap_day_is_there),
		cmocka_unit_test(what_is_no_date_gives_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
