// SPDX-License-Identifier: MIT
//
// Who runs. A vCPU is down, blocked, runnable or running; a processor without
// a runnable vCPU is idle and keeps the last one's state loaded, in case it
// comes back. Also: the guest's clocks.
#pragma once

#include "cpu/percpu.h"
#include "domain/domain.h"

// Reads the wall clock, and sched=. Once.
void sched_init(void);
// Makes a processor's queues. Before it calls sched_pick.
void sched_init_cpu(struct cpu *c);

// How many processors run guests; more vCPUs than that only take turns.
u32 sched_guest_cpus(void);
// Prepares a new vCPU, which is down, or a new domain.
void sched_vcpu_init(struct vcpu *v);
void sched_domain_init(struct domain *d);
// Once none of d's vCPUs can run any more: nothing of it is on its way.
void sched_domain_stop(struct domain *d);
// v's affinity maps were changed.
void sched_affinity_changed(struct vcpu *v);
// Sets the most that d's vCPUs may use, in percent of a processor; 0: all. Not
// after sched_domain_stop.
void sched_set_cap(struct domain *d, u32 percent);

// Guards how domains shut down.
extern struct lock shutdown_lock;

// Makes a blocked vCPU runnable (an event came); harmless otherwise.
void vcpu_wake(struct vcpu *v);
// The running vCPU waits for an event; the switch happens on the way out.
// Does nothing when an event is pending already.
void vcpu_block(struct vcpu *v);
// The running vCPU lets others run first, if there are any.
void vcpu_yield(struct vcpu *v);
// Counted; pause takes effect on the way out if v runs here.
void vcpu_pause(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
void domain_pause(struct domain *d);
void domain_unpause(struct domain *d);
// VCPUOP_up: v, which is initialised, wants to run from now on; down: no more.
// Harmless when it is so already.
void vcpu_up(struct vcpu *v);
void vcpu_down(struct vcpu *v);

// True once v's registers are on no processor. Asks the processor that has them
// to let go; call again (-ERESTART) until true. v must be kept from running.
bool sched_detach(struct vcpu *v);
// True when no vCPU of d runs.
bool domain_is_still(const struct domain *d);
// Stops all vCPUs of d for SCHEDOP_shutdown; false when that was under way.
bool sched_shutdown_domain(struct domain *d, u32 code);
// Lets a domain that has shut down run on.
void sched_resume_domain(struct domain *d);
// SCHEDOP_poll: v sleeps until event, port or timer. False: something is there
// already (no sleep). `ports` must be checked by the caller.
bool vcpu_poll(struct vcpu *v, const u32 *ports, u32 nr_ports);
// A port of d was raised: wakes those that poll for it.
void sched_wake_pollers(struct domain *d, u32 port);
// Makes the processor that runs v take a look at v's events.
void vcpu_kick(struct vcpu *v);

// Quiet points: after sched_quiesced(sched_quiesce_begin()) no processor uses a
// pointer that it found before the begin and that is found no more.
u32 sched_quiesce_begin(void);
bool sched_quiesced(u32 epoch);

// Time that a processor has spent without a vCPU.
u64 sched_idle_ns(u32 cpu);
// A vCPU that got a processor keeps it at least that long: sched-credit2's
// ratelimit, 0 or 100 to 500000.
extern u32 sched_ratelimit_us;

// v->runstate as of its last change, and up to now.
void vcpu_runstate_last(struct vcpu *v, struct vcpu_runstate_info *out);
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out);

// Prints every processor's and vCPU's state (debug key 'r').
void sched_dump(void);

// A new vCPU's timers; stop all of them.
void vcpu_timers_init(struct vcpu *v);
void vcpu_timers_stop(struct vcpu *v);
// One VIRQ_TIMER at when_ns, at once if that is past; replaces an earlier one.
void vcpu_singleshot_set(struct vcpu *v, u64 when_ns);
// The periodic timer runs only while its vCPU does.
void vcpu_periodic_start(struct vcpu *v);
void vcpu_periodic_stop(struct vcpu *v);
// SCHEDOP_watchdog timers of a domain.
void watchdogs_init(struct domain *d);
void watchdogs_stop(struct domain *d);

// Chooses who runs next on this processor and switches; r is the frame on the
// stack. Returns with cpu->curr set, or 0 when idle. From guest_exit only.
void sched_pick(struct regs *r);

// --------------------------------------------------------------- guest time
// Updates v's vcpu_time_info (and its user-readable copy) for this processor.
void clock_update(struct vcpu *v);
// Copies the runstate to the guest's area, when it asked for one.
void clock_update_runstate(struct vcpu *v);
// Writes to the vCPU's own kernel address space whichever mode it is in and
// wherever it is. False when that is not mapped writable just now.
bool must_check area_write(struct vcpu *v, gva_t va, const void *src,
			   size_t bytes);
// Sets all domains' wall clock: `secs`.`nsecs` since 1970 at now_ns() ==
// system_ns.
void clock_set_wall(u64 secs, u32 nsecs, u64 system_ns);
// Writes the wall clock into d's shared_info.
void clock_update_wall(struct domain *d);

// Calibration result, from irq/clocksource.c: ns = tsc * mul >> shift form.
struct tsc_scale {
	u64 base_tsc; // TSC at now_ns() == 0
	u32 mul; // ABI form: ns = ((delta << shift or >> -shift) * mul) >> 32
	int8_t shift;
	u64 hz;
};
extern struct tsc_scale tsc_scale;
// Have all processors' TSCs been measured to be in step? Until then: yes.
bool tsc_in_step(void);
u64 tsc_to_ns(u64 tsc); // absolute TSC to now_ns() clock
