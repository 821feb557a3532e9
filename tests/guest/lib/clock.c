// SPDX-License-Identifier: MIT
//
// The clock of clock.h: read again until the version has not moved.

#include "guest.h"

u64 tsc_to_ns(u64 delta, u32 mul, int8_t shift)
{
	if (shift < 0)
		delta >>= -shift;
	else
		delta <<= shift;
	return (u64)((unsigned __int128)delta * mul >> 32);
}

u64 clock_ns(const volatile struct vcpu_time_info *t)
{
	u32 version;
	u64 ns;

	do {
		version = t->version;
		asm volatile("" : : : "memory");
		ns = t->system_time + tsc_to_ns(rdtsc() - t->tsc_timestamp,
						t->tsc_to_system_mul,
						t->tsc_shift);
		asm volatile("" : : : "memory");
	} while ((version & 1) || version != t->version);
	return ns;
}

u64 now_ns(void)
{
	return clock_ns(&vcpu_info->time);
}

void sleep_until(u64 when_ns)
{
	struct sched_poll poll = {.timeout = when_ns};
	long rc = sched_op(SCHEDOP_poll, &poll);

	require(rc == 0, "poll: error %ld", rc);
}

u64 clock_slack_ns(void)
{
	return on_stock_xen() ? 20 * MS : 0;
}
