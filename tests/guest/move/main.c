// SPDX-License-Identifier: MIT
//
// move: vCPUs that are moved between processors while they run.
//
// A vCPU's state is saved on one processor and loaded on another; what is left
// behind there must not be seen again, and nothing may be lost: general and SSE
// registers, segment bases, debug registers, the clock.
//
// Provoked by setvcpuaffinity for both vCPUs, again and again, while the second
// keeps patterns in its registers, looks whether they stay and
// reads the time; the first does the same between the
// calls. Expected: all stays as it was set, time never goes back, and
// every call succeeds. Where dom0 has one vCPU only the verdict is skip.

#include "guest.h"
#include "place.h"
#include "second.h"

#define MOVES 300

static volatile bool stop, stopped;
static volatile u32 rounds;
static const char *volatile wrong;

/* The registers of this vCPU: patterns that depend on n. */
static void set(u64 n, u64 who)
{
	asm volatile("movq %0, %%xmm5; movq %0, %%xmm12" : : "r"(n * 77 + who));
	set_segment_base(SEGBASE_FS, 0x10000 * n + who);
	set_segment_base(SEGBASE_GS_USER, 0x30000 * n + who);
	set_debugreg(0, 0x50000 * n + who);
}

static u64 fs_base(void)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000100));
	return (u64)high << 32 | low;
}

static const char *look(u64 n, u64 who)
{
	u64 xmm5, xmm12;

	asm volatile("movq %%xmm5, %0; movq %%xmm12, %1"
		     : "=r"(xmm5), "=r"(xmm12));
	if (xmm5 != n * 77 + who || xmm12 != xmm5)
		return "SSE registers";
	if (fs_base() != 0x10000 * n + who)
		return "FS base";
	if ((u64)get_debugreg(0) != 0x50000 * n + who)
		return "debug register 0";
	return NULL;
}

static void spin(u32 times)
{
	for (volatile u32 i = 0; i < times; i++)
		;
}

static void second(void)
{
	u64 last = 0;

	for (u64 n = 1; !stop && !wrong; n++) {
		set(n, 2);
		spin(2000);
		wrong = look(n, 2);
		if (now_ns() + clock_slack_ns() < last)
			wrong = "the clock";
		last = now_ns();
		rounds = (u32)n;
	}
	stopped = true;
	for (;;)
		vcpu_op(VCPUOP_down, 1, NULL);
}

TEST("move")
{
	const char *mine = NULL;
	u64 before = 0, now;

	second_start(second);
	for (u32 i = 0; i < MOVES && !wrong && !mine; i++) {
		set(i, 1);
		place_vcpu(1, i & 1);
		place_vcpu(0, i >> 1 & 1);
		spin(500);
		mine = look(i, 1);
		now = now_ns();
		check(now + clock_slack_ns() >= before,
		      "the clock goes back by %lu ns", before - now);
		before = now_ns();
	}
	stop = true;
	for (u64 end = rdtsc() + (60UL << 30); !stopped;)
		require(rdtsc() < end, "the second vCPU does not stop");
	check(!wrong, "the second vCPU lost its %s", wrong);
	check(!mine, "the first vCPU lost its %s", mine);
	check(rounds > 20, "the second vCPU ran %u rounds only", rounds);
}
