// SPDX-License-Identifier: MIT
//
// The way out to the guest. Rare work is announced by bits in cpu->pending, so
// the common way is a few tests. This is also the only place where one vCPU
// gives way to another, and where an idle processor waits.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "events/events.h"
#include "gate/closed.h"
#include "hw/cpu.h"
#include "mm/tlb.h"
#include "sched/sched.h"

static void do_pending(struct cpu *c, struct regs *r)
{
	u32 bits = __atomic_exchange_n(&c->pending, 0, __ATOMIC_SEQ_CST);

	if (bits & PENDING_PARK)
		cpu_park_here();
	if (bits & PENDING_TIMER)
		timer_run();
	if (bits & PENDING_NMI)
		vcpu_kick(dom0->vcpu[0]);
	if ((bits & PENDING_SCHED) || !c->curr)
		sched_pick(r);
	if ((bits & PENDING_ROOT) && c->loaded)
		root_load(c->loaded);
	tlb_settle(FLUSH_BEFORE_WRITE);
}

static bool has_upcall(const struct vcpu *v)
{
	return event_deliverable(v) || unlikely(READ_ONCE(v->nmi_pending));
}

static no_inline void exit_pending(struct cpu *c, struct regs *r)
{
	for (;;) {
		while (unlikely(READ_ONCE(c->pending) || !c->curr)) {
			do_pending(c, r);
			if (!c->curr)
				cpu_idle(c);
		}
		if (!has_upcall(c->curr))
			break;
		bounce_pending(c->curr, r);
		// It may have crashed the domain; else the mask is set now, or
		// an NMI waits for the handler of the one before.
		if (!READ_ONCE(c->pending))
			break;
	}
}

// Mostly there is nothing: then it is over soon.
hot_code void guest_exit(struct regs *r)
{
	struct cpu *c = cpu_this();

	if (READ_ONCE(c->pending) || !c->curr || has_upcall(c->curr))
		exit_pending(c, r);
	if (RF_DEBUG)
		lock_check_none();
	c->work = 0;
	if (unlikely(c->curr->domain->gate | c->closed))
		gate_leave(c->curr, r);
}

void cpu_enter_guests(void)
{
	cpu_pend(cpu_this(), PENDING_SCHED);
	gate_enter(guest_regs());
}
