// SPDX-License-Identifier: MIT
//
// How domains stop: because they ask to, because their watchdog ran out, or
// because they broke the contract. dom0's end is the machine's.
#include "abi/xen.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "events/events.h"
#include "lib/fmt.h"
#include "sched/sched.h"

#define REASON_MAX 160

// Tells that d has stopped. One that has suspended may have a port for that.
static void announce(struct domain *d)
{
	if (d->shutdown_code != SHUTDOWN_suspend || !d->suspend_port ||
	    port_send(d, d->suspend_port))
		virq_raise_global(VIRQ_DOM_EXC);
}

// Completes the shutdown once no vCPU is on a processor, exactly once.
void domain_shutdown_check(struct domain *d)
{
	bool complete;

	lock_get(&shutdown_lock);
	complete =
		d->is_shutting_down && !d->is_shut_down && domain_is_still(d);
	if (complete)
		d->is_shut_down = true;
	lock_put(&shutdown_lock);
	if (complete)
		announce(d);
}

static no_return void machine_shutdown(u32 code)
{
	counters_print(); // for bench/
	switch (code) {
	case SHUTDOWN_poweroff:
		log_info("dom0 powered off\n");
		machine_poweroff();
	case SHUTDOWN_reboot:
		log_info("dom0 asked for a restart\n");
		machine_restart();
	default:
		machine_stop();
	}
}

// Stops d for a reason that has been reported. Does not return for dom0.
static void finish(struct domain *d)
{
	if (d == dom0)
		machine_shutdown(d->shutdown_code);
	domain_shutdown_check(d);
}

// Registers of the current vCPU, if it is d's.
static void dump_guest(const struct domain *d)
{
	const struct vcpu *v = vcpu_this();

	if (v && v->domain == d)
		dump_regs(guest_regs());
}

// What a domain did to itself is dom0's business to tell, but who tells of
// dom0?
static void report(const struct domain *d, u32 code)
{
	if (d != dom0)
		return;
	if (code == SHUTDOWN_crash) {
		log_error("d0 crashed: its kernel says so\n");
		dump_guest(d);
	} else if (code == SHUTDOWN_watchdog) {
		log_error("d0's watchdog stops the machine\n");
	}
}

void domain_shutdown(struct domain *d, u32 code)
{
	if (!sched_shutdown_domain(d, code))
		return;
	report(d, d->shutdown_code);
	finish(d);
}

void domain_crash(struct domain *d, const char *format, ...)
{
	char reason[REASON_MAX];
	va_list ap;

	if (!sched_shutdown_domain(d, SHUTDOWN_crash))
		return; // the first reason is the one that counts
	va_start(ap, format);
	fmt_vprint(reason, sizeof(reason), format, ap);
	va_end(ap);
	log_error("%s crashed: %s\n", d->name, reason);
	dump_guest(d);
	finish(d);
}
