// SPDX-License-Identifier: MIT
//
// See sched_parts.h.
#include "sched_parts.h"

#include "boot/boot.h"
#include "console/console.h"
#include "events/events.h"
#include "irq/irq.h"
#include "must.h"

struct fake_sched fake_sched;
struct boot_options boot_options;

struct domain *domain_next(domid_t id)
{
	return NULL;
}

void debug_key_register(char key, const char *what, void (*fn)(void))
{
}

u64 cpu_halted_ns(const struct cpu *c)
{
	return c->halted_ns;
}

void apic_send_ipi(u32 apic_id, u8 vector)
{
	fake_sched.ipis++;
}

void timer_cancel(struct timer *t)
{
	t->slot = 0;
}

void vcpu_load(struct vcpu *v, struct regs *r)
{
	cpu_this()->loaded = v;
	fake_sched.loads++;
}

void vcpu_save(struct vcpu *v, const struct regs *r)
{
	must(cpu_this()->loaded == v);
}

void vcpu_resume(struct vcpu *v)
{
	must(cpu_this()->loaded == v);
}

void vcpu_unload(void)
{
	cpu_this()->loaded = NULL;
}

void tlb_flush_local(void)
{
	fake_sched.flushes++;
}

void clock_init(void)
{
}

void clock_update(struct vcpu *v)
{
}

void clock_update_runstate(struct vcpu *v)
{
}

void vcpu_periodic_start(struct vcpu *v)
{
}

void vcpu_periodic_stop(struct vcpu *v)
{
}

void domain_shutdown_check(struct domain *d)
{
	fake_sched.shutdown_checks++;
}

void domains_reap(void)
{
}

bool port_pending(const struct domain *d, u32 port)
{
	return fake_sched.pending_ports & BIT(port);
}
