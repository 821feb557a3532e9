// SPDX-License-Identifier: MIT
//
// The battery-backed clock (MC146818 and its heirs): the date at start, and
// the length of a second on a machine that has nothing better.
#include "irq/priv.h"

#define RTC_INDEX 0x70
#define RTC_DATA 0x71

#define RTC_SECONDS 0x00
#define RTC_MINUTES 0x02
#define RTC_HOURS 0x04
#define RTC_DAY 0x07
#define RTC_MONTH 0x08
#define RTC_YEAR 0x09
#define RTC_STATUS_A 0x0a
#define RTC_STATUS_B 0x0b

#define STATUS_A_UPDATING 0x80
#define STATUS_B_24H 0x02
#define STATUS_B_BINARY 0x04
#define HOURS_PM 0x80

static u8 rtc_read(u8 reg)
{
	port_outb(RTC_INDEX, reg);
	return port_inb(RTC_DATA);
}

// ---------------------------------------------------------------- the date

static u32 from_bcd(u32 value)
{
	return (value >> 4) * 10 + (value & 15);
}

// Days from 1970-01-01 to the given date, by counting years from March, so
// that the leap day comes last.
static u64 days_since_1970(u32 year, u32 month, u32 day)
{
	u32 y = month > 2 ? year : year - 1;
	u32 months_from_march = (month + 9) % 12;
	u32 day_of_year = (153 * months_from_march + 2) / 5 + day - 1;

	return 365ull * y + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static u32 decode_hours(u32 hours, u8 status_b)
{
	u32 value = hours & ~(u32)HOURS_PM;

	if (!(status_b & STATUS_B_BINARY))
		value = from_bcd(value);
	if (status_b & STATUS_B_24H)
		return value;
	return value % 12 + (hours & HOURS_PM ? 12 : 0);
}

u64 rtc_decode(struct rtc_raw raw)
{
	u32 fields[] = {raw.sec, raw.min, raw.day, raw.month, raw.year};

	if (!(raw.status_b & STATUS_B_BINARY))
		for (u32 i = 0; i < ARRAY_SIZE(fields); i++)
			fields[i] = from_bcd(fields[i]);

	u32 sec = fields[0], min = fields[1], day = fields[2];
	u32 month = fields[3], year = fields[4];
	u32 hour = decode_hours(raw.hour, raw.status_b);

	if (sec > 60 || min > 59 || hour > 23 || day < 1 || day > 31 ||
	    month < 1 || month > 12 || year > 99)
		return 0;
	// Two digits; the hypervisor is younger than 1970.
	year += year < 70 ? 2000 : 1900;
	return days_since_1970(year, month, day) * 86400 + hour * 3600 +
	       min * 60 + sec;
}

// Registers may be read for at least 244 us after the flag was seen clear.
static bool wait_while_updating(void)
{
	for (u32 i = 0; i < 100000; i++)
		if (!(rtc_read(RTC_STATUS_A) & STATUS_A_UPDATING))
			return true;
	return false;
}

static struct rtc_raw rtc_read_once(void)
{
	return (struct rtc_raw){
		.sec = rtc_read(RTC_SECONDS),
		.min = rtc_read(RTC_MINUTES),
		.hour = rtc_read(RTC_HOURS),
		.day = rtc_read(RTC_DAY),
		.month = rtc_read(RTC_MONTH),
		.year = rtc_read(RTC_YEAR),
		.status_b = rtc_read(RTC_STATUS_B),
	};
}

u64 wall_clock_read(void)
{
	struct rtc_raw raw;

	// Should an update slip in between, the seconds tell.
	do {
		if (!wait_while_updating())
			return 0;
		raw = rtc_read_once();
	} while (rtc_read(RTC_SECONDS) != raw.sec);
	return rtc_decode(raw);
}

// -------------------------------------------------------------- the second

// TSC at the next change of the seconds. 0 when none comes: `limit` TSC ticks
// are more than a second on any processor.
static u64 wait_second_edge(u64 limit)
{
	u64 start = rdtsc();
	u8 now = rtc_read(RTC_SECONDS);

	while (rdtsc() - start < limit) {
		u64 before = rdtsc();

		if (rtc_read(RTC_SECONDS) != now)
			return before;
	}
	return 0;
}

u64 rtc_measure_second(void)
{
	u64 limit = 20000000000ull;
	u64 first, second;

	if (!wait_while_updating())
		return 0;
	first = wait_second_edge(limit);
	second = first ? wait_second_edge(limit) : 0;
	return second ? second - first : 0;
}
