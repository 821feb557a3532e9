// SPDX-License-Identifier: MIT
//
// An idle processor. Halting, and being woken by an interrupt, takes far longer
// than the answer that a vCPU often waits for: two that talk to each other are
// idle for a few microseconds at a time. So a processor whose idle times are
// that short looks out for work by itself before it halts; who has some for it
// sees that and sends no interrupt. As soon as idle times are longer it stops
// doing so. (The idea is that of Linux's haltpoll governor.) It does not for
// the sake of a device, whose interrupt comes in any case; where devices are
// emulated it would even keep the emulator from its work. And only a processor
// whose last idle time was long moves a timer that was armed too early: guests
// stop theirs when they go idle and start it when they come back, and to follow
// that in the hardware, each time, costs more than one interrupt for nothing.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "hw/cpu.h"

#define POLL_MIN_NS 5000ull
#define POLL_MAX_NS 200000ull
#define LONG_NS 2000000ull

// polls is cleared before pending is looked at for the last time; the others
// set pending first and look at polls then.
static void poll(struct cpu *c, u64 until)
{
	__atomic_store_n(&c->polls, true, __ATOMIC_SEQ_CST);
	while (!READ_ONCE(c->pending) && now_ns() < until)
		cpu_idle_poll();
	__atomic_store_n(&c->polls, false, __ATOMIC_SEQ_CST);
}

static u64 adapt(u64 poll_ns, u64 took, bool called)
{
	u64 more = max(2 * poll_ns, POLL_MIN_NS);

	if (called && took <= poll_ns)
		return poll_ns;
	if (called && took <= POLL_MAX_NS)
		return min(more, POLL_MAX_NS);
	return poll_ns > POLL_MIN_NS ? poll_ns / 2 : 0;
}

// The interrupt's handler, which only notes that it came, is counted in.
static void halt(struct cpu *c)
{
	u64 start = now_ns();

	WRITE_ONCE(c->halted_since_ns, start);
	cpu_idle_wait();
	WRITE_ONCE(c->halted_since_ns, 0);
	WRITE_ONCE(c->halted_ns, c->halted_ns + now_ns() - start);
}

// If it wakes up or halts meanwhile, the one or the other is read again.
u64 cpu_halted_ns(const struct cpu *c)
{
	u64 since, sum;

	do {
		since = READ_ONCE(c->halted_since_ns);
		sum = READ_ONCE(c->halted_ns);
	} while (since != READ_ONCE(c->halted_since_ns));
	return since ? sum + now_ns() - since : sum;
}

// An interrupt that sets a bit after the last test is taken inside
// cpu_idle_wait().
void cpu_idle(struct cpu *c)
{
	u64 start = now_ns();

	WRITE_ONCE(c->called, false);
	if (c->poll_ns)
		poll(c, start + c->poll_ns);
	else if (c->idle_took_ns >= LONG_NS)
		timer_settle();
	if (!__atomic_load_n(&c->pending, __ATOMIC_SEQ_CST))
		halt(c);
	c->idle_took_ns = now_ns() - start;
	c->poll_ns = adapt(c->poll_ns, c->idle_took_ns, READ_ONCE(c->called));
}
