// SPDX-License-Identifier: MIT
// uses: src/sched/sched_op.c src/sched/vcpu_op.c src/sched/vcpu_timers.c
// uses: tests/fake/core.c
//
// sched_op, vcpu_op and the guests' timers: each sub-op's effect and errors.
// The scheduler below them is a few counters.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "console/console.h"
#include "core.h"
#include "events/events.h"
#include "hypercall/hypercall.h"
#include "sched/sched.h"

#define VCPUS 3
#define MS 1000000ull

static struct domain domain, control;
static struct vcpu vcpu[VCPUS];
static struct vcpu_info info;
struct domain *dom0 = &control;
struct lock shutdown_lock;

static u32 blocked, yielded, ups, downs, raised, kicks, wakes;
static u32 polled_ports;
static bool poll_sleeps;
static struct domain *stopped;
static u32 stop_code;
static int context_error, info_error;
static u32 clock_updates;
static bool has_info;

void vcpu_block(struct vcpu *v)
{
	blocked++;
}
void vcpu_yield(struct vcpu *v)
{
	yielded++;
}
void vcpu_kick(struct vcpu *v)
{
	kicks++;
}
void vcpu_wake(struct vcpu *v)
{
	wakes++;
}
void clock_update(struct vcpu *v)
{
	clock_updates++;
}
void clock_update_runstate(struct vcpu *v)
{
	clock_updates++;
}

void vcpu_up(struct vcpu *v)
{
	ups++;
	v->state = VCPU_RUNNABLE;
}

void vcpu_down(struct vcpu *v)
{
	downs++;
	v->state = VCPU_DOWN;
}

bool vcpu_poll(struct vcpu *v, const u32 *ports, u32 n)
{
	polled_ports = n;
	v->polling = poll_sleeps;
	return poll_sleeps;
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	*out = (struct vcpu_runstate_info){.state = (int)v->id};
}

void virq_raise(struct vcpu *v, u32 virq)
{
	assert_int_equal(virq, VIRQ_TIMER);
	raised++;
}

bool port_valid(const struct domain *d, u32 port)
{
	return port < 128;
}

void domain_shutdown(struct domain *d, u32 code)
{
	stopped = d;
	stop_code = code;
}

struct domain *domain_target(struct domain *caller, domid_t id, int *err)
{
	if (id == DOMID_SELF)
		return caller;
	*err = id == 0 ? -EPERM : -ESRCH;
	return NULL;
}

bool vcpu_info_present(const struct vcpu *v)
{
	return has_info;
}

int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	assert_int_equal(c->flags, VGCF_in_kernel);
	v->initialised = !context_error;
	return context_error;
}

int vcpu_register_info(struct vcpu *v, mfn_t mfn, u32 offset)
{
	assert_int_equal(mfn.n, 0x77);
	assert_int_equal(offset, 64);
	return info_error;
}

// Timers: the test looks at expires_ns and slot, and fires them itself.
void timer_init(struct timer *t, void (*fn)(void *arg), void *arg)
{
	*t = (struct timer){.fn = fn, .arg = arg};
}

void timer_set(struct timer *t, u64 expires_ns)
{
	t->expires_ns = expires_ns;
	t->slot = 1;
}

void timer_cancel(struct timer *t)
{
	t->slot = 0;
}

static void fire(struct timer *t)
{
	assert_true(timer_active(t));
	fake_now = max(fake_now, t->expires_ns);
	t->slot = 0;
	t->fn(t->arg);
}

static int set_up(void **state)
{
	memset(&domain, 0, sizeof(domain));
	memset(vcpu, 0, sizeof(vcpu));
	memset(&info, 0, sizeof(info));
	domain.max_vcpus = VCPUS + 1;
	domain.shutdown_code = SHUTDOWN_CODE_NONE;
	for (u32 i = 0; i < VCPUS; i++) {
		vcpu[i].domain = &domain;
		vcpu[i].id = i;
		vcpu[i].info = &info;
		domain.vcpu[i] = &vcpu[i];
		vcpu_timers_init(&vcpu[i]);
	}
	watchdogs_init(&domain);
	vcpu[0].state = VCPU_RUNNING;
	blocked = yielded = ups = downs = raised = kicks = wakes = 0;
	clock_updates = 0;
	stopped = NULL;
	context_error = info_error = 0;
	has_info = true;
	fake_fault_bytes = 0;
	fake_now = 1000 * MS;
	return 0;
}

static i64 sched(u32 cmd, void *arg)
{
	struct hcall h = {.arg = {cmd, gva_of(arg)}};

	return hc_sched_op(&vcpu[0], &h);
}

static i64 vop(u32 cmd, u64 id, void *arg)
{
	struct hcall h = {.arg = {cmd, id, gva_of(arg)}};

	return hc_vcpu_op(&vcpu[0], &h);
}

// ------------------------------------------------------------------ sched_op

static void block_takes_events_first(void **state)
{
	info.evtchn_upcall_mask = 1;
	assert_int_equal(sched(SCHEDOP_block, NULL), 0);
	assert_int_equal(info.evtchn_upcall_mask, 0);
	assert_int_equal(blocked, 1);
	assert_int_equal(sched(SCHEDOP_yield, NULL), 0);
	assert_int_equal(yielded, 1);
}

static void unknown_sched_ops_are_enosys(void **state)
{
	assert_int_equal(sched(SCHEDOP_pin_override, NULL), -ENOSYS);
	assert_int_equal(sched(8, NULL), -ENOSYS);
	assert_int_equal(sched(~0u, NULL), -ENOSYS);
}

static void shutdown_gives_the_reason(void **state)
{
	struct sched_shutdown a = {.reason = SHUTDOWN_suspend};

	assert_int_equal(sched(SCHEDOP_shutdown, &a), 0);
	assert_ptr_equal(stopped, &domain);
	assert_int_equal(stop_code, SHUTDOWN_suspend);
	a.reason = SHUTDOWN_MAX + 1;
	assert_int_equal(sched(SCHEDOP_shutdown, &a), -EINVAL);
	fake_fault_at = &a;
	fake_fault_bytes = 1;
	assert_int_equal(sched(SCHEDOP_shutdown, &a), -EFAULT);
}

static void dom0_cannot_suspend(void **state)
{
	struct sched_shutdown a = {.reason = SHUTDOWN_suspend};

	dom0 = &domain;
	assert_int_equal(sched(SCHEDOP_shutdown, &a), -EINVAL);
	assert_null(stopped);
	a.reason = SHUTDOWN_poweroff;
	assert_int_equal(sched(SCHEDOP_shutdown, &a), 0);
	dom0 = &control;
}

static void a_shutdown_code_is_kept_for_later(void **state)
{
	struct sched_shutdown a = {.reason = SHUTDOWN_crash};

	assert_int_equal(sched(SCHEDOP_shutdown_code, &a), 0);
	assert_null(stopped);
	assert_int_equal(domain.shutdown_code, SHUTDOWN_crash);
	a.reason = SHUTDOWN_MAX + 1;
	assert_int_equal(sched(SCHEDOP_shutdown_code, &a), -EINVAL);
	assert_int_equal(domain.shutdown_code, SHUTDOWN_crash);
	domain.is_shutting_down = true;
	a.reason = SHUTDOWN_reboot;
	assert_int_equal(sched(SCHEDOP_shutdown_code, &a), 0);
	assert_int_equal(domain.shutdown_code, SHUTDOWN_crash);
}

static void remote_shutdown_errors(void **state)
{
	struct sched_remote_shutdown a = {.domain_id = DOMID_SELF,
					  .reason = SHUTDOWN_reboot};

	assert_int_equal(sched(SCHEDOP_remote_shutdown, &a), 0);
	assert_int_equal(stop_code, SHUTDOWN_reboot);
	a.domain_id = 0;
	assert_int_equal(sched(SCHEDOP_remote_shutdown, &a), -EPERM);
	a.domain_id = 5;
	assert_int_equal(sched(SCHEDOP_remote_shutdown, &a), -ESRCH);
}

static i64 poll_for(u32 *ports, u32 n, u64 timeout)
{
	struct sched_poll a = {.nr_ports = n, .timeout = timeout};

	a.ports.p = ports;
	return sched(SCHEDOP_poll, &a);
}

static void poll_sets_its_timer_only_when_it_sleeps(void **state)
{
	u32 ports[129] = {1, 2, 3};

	poll_sleeps = false;
	assert_int_equal(poll_for(ports, 3, 5000 * MS), 0);
	assert_int_equal(polled_ports, 3);
	assert_false(timer_active(&vcpu[0].poll));
	poll_sleeps = true;
	assert_int_equal(poll_for(ports, 1, 5000 * MS), 0);
	assert_int_equal(vcpu[0].poll.expires_ns, 5000 * MS);
	fire(&vcpu[0].poll);
	assert_int_equal(wakes, 1);
	assert_int_equal(poll_for(ports, 1, 0), 0);
	assert_false(timer_active(&vcpu[0].poll));
	assert_int_equal(poll_for(ports, 128, 0), 0);
	assert_int_equal(poll_for(ports, 129, 0), -EINVAL);
	ports[2] = 128;
	assert_int_equal(poll_for(ports, 3, 0), -EINVAL);
	fake_fault_at = &ports[1];
	fake_fault_bytes = 4;
	assert_int_equal(poll_for(ports, 3, 0), -EFAULT);
}

static void a_poll_timer_that_comes_late_wakes_nobody(void **state)
{
	u32 port = 1;

	poll_sleeps = true;
	poll_for(&port, 1, 5000 * MS);
	vcpu[0].polling = false; // an event was first
	fire(&vcpu[0].poll);
	assert_int_equal(wakes, 0);
}

static i64 watchdog(u32 id, u32 timeout)
{
	struct sched_watchdog a = {.id = id, .timeout = timeout};

	return sched(SCHEDOP_watchdog, &a);
}

static void watchdogs_bite_unless_they_are_fed(void **state)
{
	assert_int_equal(watchdog(1, 5), -EINVAL); // not started
	assert_int_equal(watchdog(3, 5), -EINVAL);
	assert_int_equal(watchdog(0, 5), 1);
	assert_int_equal(domain.watchdog[0].expires_ns, fake_now + 5000 * MS);
	assert_int_equal(watchdog(0, 7), 2);
	assert_int_equal(watchdog(0, 7), -ENOSPC);
	assert_int_equal(watchdog(1, 9), 0);
	assert_int_equal(domain.watchdog[0].expires_ns, fake_now + 9000 * MS);
	assert_int_equal(watchdog(1, 0), 0);
	assert_false(timer_active(&domain.watchdog[0]));
	assert_int_equal(watchdog(1, 9), -EINVAL);
	assert_null(stopped);
	fire(&domain.watchdog[1]);
	assert_ptr_equal(stopped, &domain);
	assert_int_equal(stop_code, SHUTDOWN_watchdog);
}

static void the_old_sched_op_knows_three_things(void **state)
{
	struct hcall h = {.arg = {SCHEDOP_shutdown, SHUTDOWN_reboot}};

	assert_int_equal(hc_sched_op_compat(&vcpu[0], &h), 0);
	assert_int_equal(stop_code, SHUTDOWN_reboot);
	h.arg[0] = SCHEDOP_block;
	assert_int_equal(hc_sched_op_compat(&vcpu[0], &h), 0);
	h.arg[0] = SCHEDOP_yield;
	assert_int_equal(hc_sched_op_compat(&vcpu[0], &h), 0);
	assert_int_equal(blocked + yielded, 2);
	h.arg[0] = SCHEDOP_poll;
	assert_int_equal(hc_sched_op_compat(&vcpu[0], &h), -ENOSYS);
}

// ------------------------------------------------------------------- vcpu_op

static void ids_that_there_are_not_are_enoent_whatever_the_op(void **state)
{
	static const u64 ids[] = {VCPUS, VCPUS + 1, 127, 8191, ~0u};

	for (u32 i = 0; i < ARRAY_SIZE(ids); i++) {
		assert_int_equal(vop(VCPUOP_is_up, ids[i], NULL), -ENOENT);
		assert_int_equal(vop(999, ids[i], NULL), -ENOENT);
	}
	assert_int_equal(vop(VCPUOP_get_physid, 0, NULL), -ENOSYS);
	assert_int_equal(vop(999, 0, NULL), -ENOSYS);
}

static void a_secondary_is_initialised_once_and_then_comes_up(void **state)
{
	static struct vcpu_guest_context c = {.flags = VGCF_in_kernel};

	assert_int_equal(vop(VCPUOP_up, 1, NULL), -EINVAL);
	has_info = false;
	assert_int_equal(vop(VCPUOP_initialise, 1, &c), -EINVAL);
	has_info = true;
	fake_fault_at = &c.gs_base_user;
	fake_fault_bytes = 1;
	assert_int_equal(vop(VCPUOP_initialise, 1, &c), -EFAULT);
	fake_fault_bytes = 0;
	fake_alloc_fails = 1;
	assert_int_equal(vop(VCPUOP_initialise, 1, &c), -ENOMEM);
	context_error = -EINVAL;
	assert_int_equal(vop(VCPUOP_initialise, 1, &c), -EINVAL);
	context_error = 0;
	assert_int_equal(vop(VCPUOP_is_up, 1, NULL), 0);
	assert_int_equal(vop(VCPUOP_initialise, 1, &c), 0);
	assert_int_equal(vop(VCPUOP_initialise, 1, &c), -EEXIST);
	assert_int_equal(vop(VCPUOP_up, 1, NULL), 0);
	assert_int_equal(vop(VCPUOP_is_up, 1, NULL), 1);
	assert_int_equal(fake_allocated, 0);
}

static void initialising_is_restarted_when_it_takes_long(void **state)
{
	static struct vcpu_guest_context c = {.flags = VGCF_in_kernel};
	struct hcall h = {.arg = {VCPUOP_initialise, 1, gva_of(&c)}};

	context_error = -ERESTART;
	hc_vcpu_op(&vcpu[0], &h);
	assert_true(h.restart);
	assert_int_equal(h.arg[2], gva_of(&c));
	assert_int_equal(fake_allocated, 0);
}

static void the_last_vcpu_down_powers_the_domain_off(void **state)
{
	vcpu[1].state = VCPU_BLOCKED;
	assert_int_equal(vop(VCPUOP_down, 1, NULL), 0);
	assert_null(stopped);
	assert_int_equal(vop(VCPUOP_down, 0, NULL), 0);
	assert_ptr_equal(stopped, &domain);
	assert_int_equal(stop_code, SHUTDOWN_poweroff);
}

static void one_shot_timers_are_the_callers_own(void **state)
{
	struct vcpu_set_singleshot_timer a = {.timeout_abs_ns = 2000 * MS};

	assert_int_equal(vop(VCPUOP_set_singleshot_timer, 1, &a), -EINVAL);
	assert_int_equal(vop(VCPUOP_stop_singleshot_timer, 1, NULL), -EINVAL);
	assert_int_equal(vop(VCPUOP_set_singleshot_timer, 0, &a), 0);
	assert_int_equal(vcpu[0].singleshot.expires_ns, 2000 * MS);
	fire(&vcpu[0].singleshot);
	assert_int_equal(raised, 1);
	a.timeout_abs_ns = 3000 * MS;
	assert_int_equal(vop(VCPUOP_set_singleshot_timer, 0, &a), 0);
	a.timeout_abs_ns = 1; // past: at once, and the other is replaced
	assert_int_equal(vop(VCPUOP_set_singleshot_timer, 0, &a), 0);
	assert_int_equal(raised, 2);
	assert_false(timer_active(&vcpu[0].singleshot));
	a.flags = VCPU_SSHOTTMR_future;
	assert_int_equal(vop(VCPUOP_set_singleshot_timer, 0, &a), -ETIME);
	a.timeout_abs_ns = 3000 * MS;
	assert_int_equal(vop(VCPUOP_set_singleshot_timer, 0, &a), 0);
	assert_true(timer_active(&vcpu[0].singleshot));
	assert_int_equal(vop(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	assert_false(timer_active(&vcpu[0].singleshot));
	fake_fault_at = &a;
	fake_fault_bytes = 1;
	assert_int_equal(vop(VCPUOP_set_singleshot_timer, 0, &a), -EFAULT);
}

static void the_old_timer_op_takes_far_times_for_mistakes(void **state)
{
	struct hcall h = {.arg = {3000 * MS}};

	assert_int_equal(hc_set_timer_op(&vcpu[0], &h), 0);
	assert_int_equal(vcpu[0].singleshot.expires_ns, 3000 * MS);
	h.arg[0] = ~0ull;
	assert_int_equal(hc_set_timer_op(&vcpu[0], &h), 0);
	assert_in_range(vcpu[0].singleshot.expires_ns, fake_now,
			fake_now + 1000 * MS);
	h.arg[0] = 0;
	assert_int_equal(hc_set_timer_op(&vcpu[0], &h), 0);
	assert_false(timer_active(&vcpu[0].singleshot));
}

static void a_vcpu_starts_with_a_tick_every_10_ms(void **state)
{
	vcpu_periodic_start(&vcpu[0]);
	assert_int_equal(raised, 1); // due since its start
	for (u32 i = 0; i < 5; i++)
		fire(&vcpu[0].periodic);
	assert_int_equal(raised, 6);
	assert_int_equal(fake_now, 1050 * MS);
	assert_int_equal(vop(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	assert_false(timer_active(&vcpu[0].periodic));
	vcpu_periodic_start(&vcpu[0]);
	assert_int_equal(raised, 6);
}

static void ticks_stop_while_the_vcpu_is_away(void **state)
{
	vcpu_periodic_start(&vcpu[0]);
	vcpu_periodic_stop(&vcpu[0]);
	assert_false(timer_active(&vcpu[0].periodic));
	fake_now += 3 * MS;
	vcpu_periodic_start(&vcpu[0]);
	assert_int_equal(raised, 1);
	assert_int_equal(vcpu[0].periodic.expires_ns, 1010 * MS);
	vcpu_periodic_stop(&vcpu[0]);
	fake_now += 50 * MS;
	vcpu_periodic_start(&vcpu[0]); // five are due, one comes
	assert_int_equal(raised, 2);
}

static void periods_have_a_minimum(void **state)
{
	struct vcpu_set_periodic_timer a = {.period_ns = MS - 1};

	assert_int_equal(vop(VCPUOP_set_periodic_timer, 0, &a), -EINVAL);
	a.period_ns = ~0ull;
	assert_int_equal(vop(VCPUOP_set_periodic_timer, 0, &a), -EINVAL);
	a.period_ns = 2 * MS;
	assert_int_equal(vop(VCPUOP_set_periodic_timer, 0, &a), 0);
	assert_int_equal(vcpu[0].periodic.expires_ns, fake_now + 2 * MS);
	assert_int_equal(vop(VCPUOP_set_periodic_timer, 1, &a), 0);
	assert_false(timer_active(&vcpu[1].periodic)); // it does not run
}

static void areas_must_be_outside_the_hypervisor(void **state)
{
	struct vcpu_register_runstate_memory_area r;
	struct vcpu_register_time_memory_area t;

	r.addr.p = HV_START;
	t.addr.p = HV_START - 8;
	assert_int_equal(vop(VCPUOP_register_runstate_memory_area, 0, &r),
			 -EFAULT);
	assert_int_equal(vop(VCPUOP_register_vcpu_time_memory_area, 0, &t),
			 -EFAULT);
	r.addr.p = t.addr.p = 0x1000;
	assert_int_equal(vop(VCPUOP_register_runstate_memory_area, 1, &r), 0);
	assert_int_equal(vop(VCPUOP_register_vcpu_time_memory_area, 1, &t), 0);
	assert_int_equal(vcpu[1].runstate_area, 0x1000);
	assert_int_equal(vcpu[1].time_area, 0x1000);
	assert_true(vcpu[1].time_area_stale);
	assert_int_equal(clock_updates, 2);
}

static void runstate_info_and_nmi(void **state)
{
	struct vcpu_runstate_info r;
	struct vcpu_register_vcpu_info a = {.mfn = 0x77, .offset = 64};

	assert_int_equal(vop(VCPUOP_get_runstate_info, 2, &r), 0);
	assert_int_equal(r.state, 2);
	assert_int_equal(vop(VCPUOP_send_nmi, 2, NULL), 0);
	assert_true(vcpu[2].nmi_pending);
	assert_int_equal(kicks, 1);
	assert_int_equal(vop(VCPUOP_register_vcpu_info, 2, &a), 0);
	info_error = -ENXIO;
	assert_int_equal(vop(VCPUOP_register_vcpu_info, 2, &a), -ENXIO);
}

static void arguments_that_cannot_be_read_are_efault(void **state)
{
	static const u32 sched_ops[] = {
		SCHEDOP_shutdown, SCHEDOP_poll, SCHEDOP_remote_shutdown,
		SCHEDOP_shutdown_code, SCHEDOP_watchdog};
	static const u32 vcpu_ops[] = {
		VCPUOP_get_runstate_info,
		VCPUOP_register_runstate_memory_area,
		VCPUOP_register_vcpu_time_memory_area,
		VCPUOP_register_vcpu_info,
		VCPUOP_set_periodic_timer,
		VCPUOP_set_singleshot_timer,
	};
	static u8 nothing[64];

	fake_fault_at = nothing;
	fake_fault_bytes = sizeof(nothing);
	for (u32 i = 0; i < ARRAY_SIZE(sched_ops); i++)
		assert_int_equal(sched(sched_ops[i], nothing), -EFAULT);
	for (u32 i = 0; i < ARRAY_SIZE(vcpu_ops); i++)
		assert_int_equal(vop(vcpu_ops[i], 0, nothing), -EFAULT);
	assert_null(stopped);
	assert_int_equal(domain.watchdog_used | clock_updates, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, set_up)
		TEST(block_takes_events_first),
		TEST(unknown_sched_ops_are_enosys),
		TEST(shutdown_gives_the_reason),
		TEST(dom0_cannot_suspend),
		TEST(a_shutdown_code_is_kept_for_later),
		TEST(remote_shutdown_errors),
		TEST(poll_sets_its_timer_only_when_it_sleeps),
		TEST(a_poll_timer_that_comes_late_wakes_nobody),
		TEST(watchdogs_bite_unless_they_are_fed),
		TEST(the_old_sched_op_knows_three_things),
		TEST(ids_that_there_are_not_are_enoent_whatever_the_op),
		TEST(a_secondary_is_initialised_once_and_then_comes_up),
		TEST(initialising_is_restarted_when_it_takes_long),
		TEST(the_last_vcpu_down_powers_the_domain_off),
		TEST(one_shot_timers_are_the_callers_own),
		TEST(the_old_timer_op_takes_far_times_for_mistakes),
		TEST(a_vcpu_starts_with_a_tick_every_10_ms),
		TEST(ticks_stop_while_the_vcpu_is_away),
		TEST(periods_have_a_minimum),
		TEST(areas_must_be_outside_the_hypervisor),
		TEST(runstate_info_and_nmi),
		TEST(arguments_that_cannot_be_read_are_efault),
	};

	fake_cpus_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
