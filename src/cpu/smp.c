// SPDX-License-Identifier: MIT
//
// What processors ask of each other: to flush their TLBs, to look at their
// pending work, to stop. All of us run with interrupts off, so a processor that
// waits for a lock answers flush requests from the waiting loop: the holder may
// be waiting for that answer.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "hw/cpu.h"
#include "irq/irq.h"
#include "irq/watchdog.h"
#include "lib/lock.h"
#include "mm/mm.h"

static u32 nr_cpus;

u32 cpu_count(void)
{
	return nr_cpus;
}

void cpu_count_add(u32 cpu)
{
	nr_cpus = max(nr_cpus, cpu + 1);
}

// A flush serves those who asked before it began. Who asks meanwhile may have
// changed his tables too late for it, and gets the next one.
static void flush_if_asked(struct cpu *c)
{
	u32 wanted = __atomic_load_n(&c->flush_wanted, __ATOMIC_SEQ_CST);

	while (wanted != c->flush_done) {
		tlb_flush_local();
		c->flushed_idle = !c->curr;
		__atomic_store_n(&c->flush_done, wanted, __ATOMIC_SEQ_CST);
		wanted = __atomic_load_n(&c->flush_wanted, __ATOMIC_SEQ_CST);
	}
}

void cpu_answer(void)
{
	flush_if_asked(cpu_this());
}

void lock_spin(void)
{
	flush_if_asked(cpu_this());
	watchdog_look();
	cpu_pause();
}

// Who wants all to stand still waits for us, and the processor we wait for may
// be that one.
void cpu_wait(void)
{
	struct cpu *c = cpu_this();

	if (READ_ONCE(c->pending) & PENDING_PARK) {
		__atomic_fetch_and(&c->pending, ~PENDING_PARK,
				   __ATOMIC_SEQ_CST);
		cpu_park_here();
	}
	lock_spin();
}

static void flush_interrupt(void *arg maybe_unused)
{
	flush_if_asked(cpu_this());
}

// ------------------------------------------------------------- standing still

static u32 park_owner; // cpu_block() of who wants them to stand, 0: nobody
static bool standing; // they are to stand now
static u32 parked; // how many do

static bool is_other(const struct cpu *c)
{
	return c->online && c != cpu_this();
}

bool cpus_park(void)
{
	u32 nobody = 0, others = 0;

	if (!__atomic_compare_exchange_n(&park_owner, &nobody, cpu_block(),
					 false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return false;
	__atomic_store_n(&standing, true, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < cpu_count(); i++) {
		if (!is_other(cpu_of(i)))
			continue;
		others++;
		cpu_pend(cpu_of(i), PENDING_PARK);
		apic_send_ipi(cpu_of(i)->apic_id, VEC_IPI_KICK);
	}
	while (__atomic_load_n(&parked, __ATOMIC_SEQ_CST) != others)
		lock_spin();
	return true;
}

// The next one to come must find none of them still here.
void cpus_release(void)
{
	__atomic_store_n(&standing, false, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&parked, __ATOMIC_SEQ_CST))
		lock_spin();
	__atomic_store_n(&park_owner, 0, __ATOMIC_SEQ_CST);
}

void cpu_park_here(void)
{
	__atomic_fetch_add(&parked, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&standing, __ATOMIC_SEQ_CST)) {
		watchdog_touch();
		lock_spin();
	}
	__atomic_fetch_sub(&parked, 1, __ATOMIC_SEQ_CST);
}

// The asker has set bits in cpu->pending; guest_exit() looks at them.
static void kick_interrupt(void *arg maybe_unused)
{
}

static void stop_interrupt(void *arg maybe_unused)
{
	cpu_halt_forever();
}

void cpu_ipi_init(void)
{
	irq_register(VEC_IPI_FLUSH, flush_interrupt, NULL);
	irq_register(VEC_IPI_KICK, kick_interrupt, NULL);
	irq_register(VEC_IPI_STOP, stop_interrupt, NULL);
}
