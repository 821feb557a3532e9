// SPDX-License-Identifier: MIT
//
// Are the time stamp counters of all processors in step? Measured when each
// starts, together with the boot processor: both read their counter in turn,
// each after it has seen what the other read. One that reads less than that is
// behind. Guests that know the counters to be in step tell time without asking
// anybody, from whatever processor they are on.
#include "console/console.h"
#include "cpu/cpu.h"
#include "irq/priv.h"
#include "sched/sched.h"

#define PARTIES 2
#define TURNS_ENOUGH 100 // changes of the reader
#define TURNS_NEEDED 4 // on a host that hardly lets both run at once
#define TIME_S_FRACTION 4 // of a second, at most, for waiting and reading

static struct {
	u32 here; // who has come
	u32 reader; // who read last
	u32 turns;
	u64 latest; // what was read last
	u64 behind; // most that one was behind, in ticks
} step;

static bool out_of_step;

static u64 time_limit(void)
{
	return rdtsc() + tsc_scale.hz / TIME_S_FRACTION;
}

static void read_once(u32 self)
{
	u64 before = __atomic_load_n(&step.latest, __ATOMIC_SEQ_CST);
	u64 now = rdtsc_ordered();

	if (now < before) {
		step.behind = max(step.behind, before - now);
		return;
	}
	if (!__atomic_compare_exchange_n(&step.latest, &before, now, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return; // the other was faster
	if (__atomic_exchange_n(&step.reader, self, __ATOMIC_SEQ_CST) != self)
		__atomic_fetch_add(&step.turns, 1, __ATOMIC_SEQ_CST);
}

void tsc_step_prepare(void)
{
	step = (typeof(step)){0};
}

void tsc_step_measure(u32 self)
{
	u64 end = time_limit();

	__atomic_fetch_add(&step.here, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&step.here, __ATOMIC_SEQ_CST) < PARTIES &&
	       rdtsc() < end)
		cpu_pause();
	while (__atomic_load_n(&step.turns, __ATOMIC_SEQ_CST) < TURNS_ENOUGH &&
	       rdtsc() < end)
		read_once(self);
}

// Where a processor did not get its turns the word of the processor's maker
// counts.
void tsc_step_judge(u32 cpu)
{
	if (step.behind) {
		log_warn("TSC of processor %u is off by %lu ticks: guests' "
			 "time may step back between processors\n",
			 cpu, step.behind);
		out_of_step = true;
	} else if (step.turns < TURNS_NEEDED && !cpu_features.tsc_stable) {
		log_warn("TSC of processor %u could not be compared\n", cpu);
		out_of_step = true;
	}
}

bool tsc_in_step(void)
{
	return !out_of_step;
}
