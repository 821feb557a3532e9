// SPDX-License-Identifier: MIT
//
// The hypervisor's clock: the time stamp counter, scaled to nanoseconds with
// the same two numbers that guests get, so that both count alike to the last
// bit: ns = (ticks << shift) * mul >> 32, mul below one and as long as it fits.
#include "irq/priv.h"
#include "sched/sched.h"

#define NS_PER_S 1000000000ull

struct tsc_scale tsc_scale;

void tsc_scale_set(u64 hz, u64 base)
{
	i32 shift = 0;
	u64 ticks = hz; // in a second, after the shift

	// mul = 2^32 * 10^9 / ticks must have its top bit set and fit 32 bits.
	while (ticks <= NS_PER_S) {
		ticks <<= 1;
		shift++;
	}
	while (ticks > 2 * NS_PER_S) {
		ticks = hz >> -(shift - 1);
		shift--;
	}

	// Divides the exact rate, not the one that lost bits in the shift.
	unsigned __int128 mul = (unsigned __int128)NS_PER_S << 64;

	mul = shift >= 0 ? mul / hz >> shift : (mul / hz) << -shift;
	tsc_scale = (struct tsc_scale){
		.base_tsc = base,
		.mul = (u32)(mul >> 32),
		.shift = (int8_t)shift,
		.hz = hz,
	};
}

u64 tsc_to_ns(u64 tsc)
{
	u64 ticks = tsc - tsc_scale.base_tsc;

	// A processor whose counter is a little behind is not 500 years ahead.
	if ((i64)ticks < 0)
		return 0;
	if (tsc_scale.shift >= 0)
		ticks <<= tsc_scale.shift;
	else
		ticks >>= -tsc_scale.shift;
	return (u64)((unsigned __int128)ticks * tsc_scale.mul >> 32);
}

u64 now_ns(void)
{
	return tsc_to_ns(rdtsc());
}
