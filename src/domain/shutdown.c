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

// Completes the shutdown once no vCPU is on a processor, exactly once.
void domain_shutdown_check(struct domain *d)
{
	bool complete;

	lock_get(&sched_lock);
	complete = d->is_shutting_down && !d->is_shut_down &&
		   domain_is_still(d);
	if (complete)
		d->is_shut_down = true;
	lock_put(&sched_lock);
	if (complete)
		virq_raise_global(VIRQ_DOM_EXC);
}

static no_return void machine_shutdown(u32 code)
{
	switch (code) {
	case SHUTDOWN_poweroff:
		log_info("d0 powered off\n");
		machine_poweroff();
	case SHUTDOWN_reboot:
		log_info("d0 asked for a restart\n");
		machine_restart();
	case SHUTDOWN_watchdog:
		log_error("d0's watchdog stops the machine\n");
		machine_stop();
	default:
		log_error("d0 crashed\n");
		machine_stop();
	}
}

void domain_shutdown(struct domain *d, u32 code)
{
	if (!sched_shutdown_domain(d, code))
		return;
	if (d == dom0)
		machine_shutdown(d->shutdown_code);
	domain_shutdown_check(d);
}

void domain_crash(struct domain *d, const char *format, ...)
{
	const struct vcpu *v = vcpu_this();
	char reason[REASON_MAX];
	va_list ap;

	if (READ_ONCE(d->is_shutting_down))
		return; // the first reason is the one that counts
	va_start(ap, format);
	fmt_vprint(reason, sizeof(reason), format, ap);
	va_end(ap);
	log_error("%s crashed: %s\n", d->name, reason);
	if (v && v->domain == d)
		dump_regs(guest_regs());
	domain_shutdown(d, SHUTDOWN_crash);
}
