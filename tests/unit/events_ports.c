// SPDX-License-Identifier: MIT
// uses: src/events/events.c src/events/interdomain.c src/events/event_op.c
// uses: src/events/virq.c tests/fake/core.c
//
// Event channels: each error the ABI names, the bits that reach the guest, and
// three domains doing random things against a plain model of what is connected
// to what.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "core.h"
#include "events/events.h"
#include "hypercall/hypercall.h"
#include "irq/irq.h"
#include "sched/sched.h"

#define DOMAINS 3
#define VCPUS 2

static struct domain domain[DOMAINS];
static struct vcpu vcpu[DOMAINS][VCPUS];
static struct shared_info shared[DOMAINS];
struct domain *dom0 = &domain[0];

static const struct vcpu *kicked;
static u32 kicks, poll_wakes, pirqs_bound, pirq_followed;
static int pirq_error;

void vcpu_kick(struct vcpu *v)
{
	kicked = v;
	kicks++;
}

void sched_wake_pollers(struct domain *d, u32 port)
{
	poll_wakes++;
}

int pirq_bind(struct domain *d, u32 pirq, u32 port, bool share)
{
	if (!pirq_error)
		pirqs_bound++;
	return pirq_error;
}

void pirq_follow(struct domain *d, u32 pirq)
{
	pirq_followed = pirq;
}

void pirq_unbind(struct domain *d, u32 pirq)
{
	pirqs_bound--;
}

struct domain *domain_find(domid_t id)
{
	return id < DOMAINS ? &domain[id] : NULL;
}

struct domain *domain_target(struct domain *caller, domid_t id, int *err)
{
	if (id == DOMID_SELF || id == caller->id)
		return caller;
	*err = domain_find(id) ? -EPERM : -ESRCH;
	return caller->privileged ? domain_find(id) : NULL;
}

static int set_up(void **state)
{
	memset(domain, 0, sizeof(domain));
	memset(vcpu, 0, sizeof(vcpu));
	memset(shared, 0, sizeof(shared));
	for (u32 i = 0; i < DOMAINS; i++) {
		struct domain *d = &domain[i];

		d->id = (domid_t)i;
		d->privileged = i == 0;
		d->max_vcpus = VCPUS;
		d->shared = &shared[i];
		for (u32 j = 0; j < VCPUS; j++) {
			vcpu[i][j].domain = d;
			vcpu[i][j].id = j;
			vcpu[i][j].info = &shared[i].vcpu_info[j];
			d->vcpu[j] = &vcpu[i][j];
		}
		if (events_domain_init(d))
			return -1;
	}
	pirq_error = 0;
	pirqs_bound = kicks = poll_wakes = 0;
	return 0;
}

static int tear_down(void **state)
{
	for (u32 i = 0; i < DOMAINS; i++) {
		do
			cpu_this()->work = 0;
		while (events_close_all(&domain[i], 1));
		events_domain_free(&domain[i]);
	}
	return fake_allocated || pirqs_bound ? -1 : 0;
}

static i64 op(u32 d, u32 cmd, void *arg)
{
	struct hcall h = {.arg = {cmd, gva_of(arg)}};

	return hc_event_channel_op(&vcpu[d][0], &h);
}

// Each answers the port, or the error.
static i64 alloc_unbound(u32 d, domid_t dom, domid_t remote)
{
	struct evtchn_alloc_unbound a = {.dom = dom, .remote_dom = remote};
	i64 err = op(d, EVTCHNOP_alloc_unbound, &a);

	return err ? err : a.port;
}

static i64 bind_interdomain(u32 d, domid_t remote, u32 port)
{
	struct evtchn_bind_interdomain a = {.remote_dom = remote,
					    .remote_port = port};
	i64 err = op(d, EVTCHNOP_bind_interdomain, &a);

	return err ? err : a.local_port;
}

static i64 bind_virq(u32 d, u32 virq, u32 v)
{
	struct evtchn_bind_virq a = {.virq = virq, .vcpu = v};
	i64 err = op(d, EVTCHNOP_bind_virq, &a);

	return err ? err : a.port;
}

static i64 bind_ipi(u32 d, u32 v)
{
	struct evtchn_bind_ipi a = {.vcpu = v};
	i64 err = op(d, EVTCHNOP_bind_ipi, &a);

	return err ? err : a.port;
}

static i64 bind_pirq(u32 d, u32 pirq)
{
	struct evtchn_bind_pirq a = {.pirq = pirq};
	i64 err = op(d, EVTCHNOP_bind_pirq, &a);

	return err ? err : a.port;
}

static i64 one_port(u32 d, u32 cmd, u32 port)
{
	return op(d, cmd, &port);
}

static i64 bind_vcpu(u32 d, u32 port, u32 v)
{
	struct evtchn_bind_vcpu a = {.port = port, .vcpu = v};

	return op(d, EVTCHNOP_bind_vcpu, &a);
}

static struct evtchn_status status(u32 d, u32 port)
{
	struct evtchn_status s = {.dom = DOMID_SELF, .port = port};

	assert_int_equal(op(d, EVTCHNOP_status, &s), 0);
	return s;
}

// Takes what is pending for a vCPU, as a guest does; true if port was in it.
static bool take(u32 d, u32 v, u32 port)
{
	struct vcpu_info *info = vcpu[d][v].info;
	u64 *group = &shared[d].evtchn_pending[port / 64];
	bool seen;

	if (!info->evtchn_upcall_pending ||
	    !(info->evtchn_pending_sel & BIT(port / 64)))
		return false;
	seen = *group & BIT(port % 64);
	*group &= ~BIT(port % 64);
	info->evtchn_upcall_pending = 0;
	info->evtchn_pending_sel &= ~BIT(port / 64);
	return seen;
}

// ------------------------------------------------------------------ delivery

static void raising_sets_three_levels_and_kicks_once(void **state)
{
	u32 port = (u32)bind_ipi(1, 1);

	port_raise(&domain[1], port);
	assert_int_equal(shared[1].evtchn_pending[0], BIT(port));
	assert_int_equal(vcpu[1][1].info->evtchn_pending_sel, 1);
	assert_int_equal(vcpu[1][1].info->evtchn_upcall_pending, 1);
	assert_int_equal(vcpu[1][0].info->evtchn_upcall_pending, 0);
	assert_ptr_equal(kicked, &vcpu[1][1]);
	port_raise(&domain[1], port);
	assert_int_equal(kicks, 1);
	assert_true(take(1, 1, port));
	port_raise(&domain[1], port);
	assert_int_equal(kicks, 2);
}

static void a_masked_port_is_pending_but_tells_nobody(void **state)
{
	u32 port = (u32)bind_ipi(1, 0);

	shared[1].evtchn_mask[0] = BIT(port);
	port_raise(&domain[1], port);
	assert_true(port_pending(&domain[1], port));
	assert_int_equal(vcpu[1][0].info->evtchn_upcall_pending, 0);
	assert_int_equal(one_port(1, EVTCHNOP_unmask, port), 0);
	assert_int_equal(shared[1].evtchn_mask[0], 0);
	assert_true(take(1, 0, port));
	assert_int_equal(one_port(1, EVTCHNOP_unmask, port), 0);
	assert_int_equal(kicks, 1);
	assert_int_equal(one_port(1, EVTCHNOP_unmask, 4096), -EINVAL);
	assert_int_equal(one_port(1, EVTCHNOP_unmask, ~0u), -EINVAL);
}

static void pollers_hear_of_masked_ports_too(void **state)
{
	u32 port = (u32)bind_ipi(1, 0);

	shared[1].evtchn_mask[0] = BIT(port);
	port_raise(&domain[1], port);
	assert_int_equal(poll_wakes, 0);
	one_port(1, EVTCHNOP_close, port);
	port = (u32)bind_ipi(1, 0);
	domain[1].pollers = 1;
	port_raise(&domain[1], port);
	assert_int_equal(poll_wakes, 1);
}

static void re_registration_marks_everything(void **state)
{
	event_mark_pending(&vcpu[1][1]);
	assert_int_equal(vcpu[1][1].info->evtchn_pending_sel, ~0ul);
	assert_int_equal(vcpu[1][1].info->evtchn_upcall_pending, 1);
	assert_ptr_equal(kicked, &vcpu[1][1]);
}

static void a_virq_reaches_its_vcpu_when_it_is_bound(void **state)
{
	i64 port;

	virq_raise(&vcpu[1][1], VIRQ_TIMER);
	assert_int_equal(kicks, 0);
	port = bind_virq(1, VIRQ_TIMER, 1);
	virq_raise(&vcpu[1][0], VIRQ_TIMER);
	assert_int_equal(kicks, 0);
	virq_raise(&vcpu[1][1], VIRQ_TIMER);
	assert_true(take(1, 1, (u32)port));
	assert_int_equal(one_port(1, EVTCHNOP_close, (u32)port), 0);
	virq_raise(&vcpu[1][1], VIRQ_TIMER);
	assert_int_equal(kicks, 1);
}

static void global_virqs_go_to_dom0(void **state)
{
	i64 port = bind_virq(0, VIRQ_CONSOLE, 0);

	virq_raise_global(VIRQ_CONSOLE);
	assert_true(take(0, 0, (u32)port));
	assert_int_equal(bind_vcpu(0, (u32)port, 1), 0);
	virq_raise_global(VIRQ_CONSOLE);
	assert_true(take(0, 1, (u32)port));
}

static void a_global_virq_goes_to_its_handler_while_that_lives(void **state)
{
	i64 port = bind_virq(0, VIRQ_DOM_EXC, 0);
	i64 theirs = bind_virq(1, VIRQ_DOM_EXC, 0);

	assert_int_equal(virq_set_handler(&domain[1], NR_VIRQS), -EINVAL);
	assert_int_equal(virq_set_handler(&domain[1], ~0u), -EINVAL);
	assert_int_equal(virq_set_handler(&domain[1], VIRQ_TIMER), -EINVAL);
	assert_int_equal(virq_set_handler(&domain[1], VIRQ_DOM_EXC), 0);
	virq_raise_global(VIRQ_DOM_EXC);
	assert_true(take(1, 0, (u32)theirs));
	assert_false(take(0, 0, (u32)port));
	domain[1].dying = DOMAIN_DYING;
	virq_raise_global(VIRQ_DOM_EXC);
	assert_true(take(0, 0, (u32)port));
	assert_int_equal(virq_set_handler(&domain[1], VIRQ_DOM_EXC), -EINVAL);
	virq_drop_handler(&domain[1]);
	domain[1].dying = DOMAIN_ALIVE; // another with the same number
	virq_raise_global(VIRQ_DOM_EXC);
	assert_true(take(0, 0, (u32)port));
	assert_false(take(1, 0, (u32)theirs));
}

static void a_handler_may_be_there_before_its_vcpus(void **state)
{
	assert_int_equal(virq_set_handler(&domain[2], VIRQ_CONSOLE), 0);
	domain[2].vcpu[0] = NULL;
	virq_raise_global(VIRQ_CONSOLE);
	domain[2].vcpu[0] = &vcpu[2][0];
	virq_raise_global(VIRQ_CONSOLE);
	assert_int_equal(kicks, 0);
	virq_drop_handler(&domain[2]);
}

// The tools may connect a domain before they have made its vCPUs.
static void ports_may_be_there_before_their_vcpus(void **state)
{
	u32 port = (u32)alloc_unbound(0, 2, 1), theirs;

	domain[2].vcpu[0] = NULL;
	theirs = (u32)bind_interdomain(1, 2, port);
	assert_int_equal(one_port(1, EVTCHNOP_send, theirs), 0);
	assert_true(port_pending(&domain[2], port));
	domain[2].vcpu[0] = &vcpu[2][0];
}

static void a_domains_port_is_sent_by_for_it(void **state)
{
	u32 port = (u32)alloc_unbound(0, DOMID_SELF, 1);
	u32 theirs = (u32)bind_interdomain(1, 0, port);

	take(1, 0, theirs);
	assert_int_equal(port_send(&domain[1], theirs), 0);
	assert_true(take(0, 0, port));
	assert_int_equal(port_send(&domain[1], theirs + 1), -EINVAL);
	assert_int_equal(port_send(&domain[1], 0), -EINVAL);
	assert_int_equal(port_send(&domain[1], ~0u), -EINVAL);
}

// -------------------------------------------------------------------- errors

static void sub_ops_that_there_are_not_are_enosys(void **state)
{
	static const u32 none[] = {11, 12, 13, 14, 100, ~0u};
	u8 arg[64] = {0};

	for (u32 i = 0; i < ARRAY_SIZE(none); i++)
		assert_int_equal(op(0, none[i], arg), -ENOSYS);
}

static void arguments_that_cannot_be_read_are_efault(void **state)
{
	u8 arg[64] = {0};

	fake_fault_at = arg;
	fake_fault_bytes = 1;
	for (u32 cmd = 0; cmd <= EVTCHNOP_reset; cmd++)
		assert_int_equal(op(0, cmd, arg), -EFAULT);
	fake_fault_bytes = 0;
}

static void bind_virq_errors(void **state)
{
	assert_int_equal(bind_virq(1, 24, 0), -EINVAL);
	assert_int_equal(bind_virq(1, ~0u, 0), -EINVAL);
	assert_int_equal(bind_virq(1, VIRQ_DOM_EXC, 1), -EINVAL);
	assert_int_equal(bind_virq(1, VIRQ_TIMER, VCPUS), -ENOENT);
	assert_int_equal(bind_virq(1, VIRQ_TIMER, ~0u), -ENOENT);
	assert_int_equal(bind_virq(1, VIRQ_TIMER, 0), 1);
	assert_int_equal(bind_virq(1, VIRQ_TIMER, 0), -EEXIST);
	assert_int_equal(bind_virq(1, VIRQ_TIMER, 1), 2);
	assert_int_equal(bind_virq(1, VIRQ_ARCH_0, 0), 3);
}

static void bind_ipi_errors(void **state)
{
	assert_int_equal(bind_ipi(1, VCPUS), -ENOENT);
	assert_int_equal(bind_ipi(1, MAX_VCPUS), -ENOENT);
}

static void a_pirq_follows_its_port(void **state)
{
	i64 port = bind_pirq(0, 9);

	pirq_followed = 0;
	assert_int_equal(bind_vcpu(0, (u32)port, 1), 0);
	assert_int_equal(pirq_followed, 9);
	assert_int_equal(port_vcpu(&domain[0], (u32)port)->id, 1);
	pirq_followed = 0;
	assert_int_equal(bind_vcpu(0, (u32)port, VCPUS), -ENOENT);
	assert_int_equal(pirq_followed, 0);
}

static void a_pirq_that_is_refused_leaves_no_port(void **state)
{
	pirq_error = -EEXIST;
	assert_int_equal(bind_pirq(0, 9), -EEXIST);
	pirq_error = 0;
	assert_int_equal(bind_pirq(0, 9), 1);
	assert_int_equal(status(0, 1).u.pirq, 9);
	assert_int_equal(one_port(0, EVTCHNOP_close, 1), 0);
	assert_int_equal(pirqs_bound, 0);
}

static void only_dom0_opens_ports_for_others(void **state)
{
	assert_int_equal(alloc_unbound(1, 2, 1), -EPERM);
	assert_int_equal(alloc_unbound(0, 9, 1), -ESRCH);
	assert_int_equal(alloc_unbound(1, 9, 1), -ESRCH);
	assert_int_equal(alloc_unbound(0, 2, 0), 1);
	assert_int_equal(alloc_unbound(1, 1, 0), 1);
	assert_int_equal(alloc_unbound(1, DOMID_SELF, 99), 2);
}

static void bind_interdomain_errors(void **state)
{
	u32 port = (u32)alloc_unbound(1, DOMID_SELF, 2);

	assert_int_equal(bind_interdomain(2, 9, port), -ESRCH);
	assert_int_equal(bind_interdomain(0, 1, port), -EINVAL);
	assert_int_equal(bind_interdomain(2, 1, port + 1), -EINVAL);
	assert_int_equal(bind_interdomain(2, 1, 5000), -EINVAL);
	assert_int_equal(bind_interdomain(2, 1, port), 1);
	assert_int_equal(bind_interdomain(2, 1, port), -EINVAL);
	assert_int_equal(status(2, 2).status, EVTCHNSTAT_closed);
}

static void close_errors(void **state)
{
	assert_int_equal(one_port(1, EVTCHNOP_close, 0), -EINVAL);
	assert_int_equal(one_port(1, EVTCHNOP_close, 1), -EINVAL);
	assert_int_equal(one_port(1, EVTCHNOP_close, 4096), -EINVAL);
	assert_int_equal(one_port(1, EVTCHNOP_close, 2000), -EINVAL);
}

static void send_errors(void **state)
{
	u32 virq = (u32)bind_virq(1, VIRQ_TIMER, 0);
	u32 unbound = (u32)alloc_unbound(1, DOMID_SELF, 2);

	assert_int_equal(one_port(1, EVTCHNOP_send, 0), -EINVAL);
	assert_int_equal(one_port(1, EVTCHNOP_send, virq), -EINVAL);
	assert_int_equal(one_port(1, EVTCHNOP_send, 77), -EINVAL);
	assert_int_equal(one_port(1, EVTCHNOP_send, 9999), -EINVAL);
	assert_int_equal(one_port(1, EVTCHNOP_send, unbound), 0);
	assert_int_equal(kicks, 0);
}

static void ports_that_belong_to_a_vcpu_do_not_move(void **state)
{
	u32 timer = (u32)bind_virq(1, VIRQ_TIMER, 0);
	u32 ipi = (u32)bind_ipi(1, 0);
	u32 exc = (u32)bind_virq(1, VIRQ_DOM_EXC, 0);

	assert_int_equal(bind_vcpu(1, timer, 1), -EINVAL);
	assert_int_equal(bind_vcpu(1, ipi, 1), -EINVAL);
	assert_int_equal(bind_vcpu(1, exc, 1), 0);
	assert_int_equal(bind_vcpu(1, exc, VCPUS), -ENOENT);
	assert_int_equal(bind_vcpu(1, 99, 0), -EINVAL);
	assert_int_equal(bind_vcpu(1, 5000, 0), -EINVAL);
	assert_int_equal(status(1, exc).vcpu, 1);
}

static void status_errors(void **state)
{
	struct evtchn_status s = {.dom = 2, .port = 1};

	assert_int_equal(op(1, EVTCHNOP_status, &s), -EPERM);
	assert_int_equal(op(0, EVTCHNOP_status, &s), 0);
	s.dom = 7;
	assert_int_equal(op(0, EVTCHNOP_status, &s), -ESRCH);
	s = (struct evtchn_status){.dom = DOMID_SELF, .port = 4096};
	assert_int_equal(op(1, EVTCHNOP_status, &s), -EINVAL);
}

static void ports_run_out_at_4095(void **state)
{
	for (u32 i = 1; i < 4096; i++)
		assert_int_equal(bind_ipi(1, 0), i);
	assert_int_equal(bind_ipi(1, 0), -ENOSPC);
	assert_int_equal(one_port(1, EVTCHNOP_close, 1234), 0);
	assert_int_equal(bind_ipi(1, 0), 1234);
}

static void no_memory_for_a_bucket_is_enomem(void **state)
{
	for (u32 i = 1; i < PORTS_PER_BUCKET; i++)
		bind_ipi(1, 0);
	fake_alloc_fails = 1;
	assert_int_equal(bind_ipi(1, 0), -ENOMEM);
	assert_int_equal(bind_ipi(1, 0), PORTS_PER_BUCKET);
}

static void a_dying_domain_gets_no_ports(void **state)
{
	u32 port = (u32)alloc_unbound(1, DOMID_SELF, 2);

	domain[2].dying = DOMAIN_DYING;
	assert_int_equal(bind_interdomain(2, 1, port), -EINVAL);
	assert_int_equal(bind_ipi(2, 0), -EINVAL);
}

static void closing_one_end_makes_the_other_wait_again(void **state)
{
	u32 a = (u32)alloc_unbound(1, DOMID_SELF, 2);
	u32 b = (u32)bind_interdomain(2, 1, a);

	assert_true(take(2, 0, b)); // binding raises it
	assert_int_equal(one_port(2, EVTCHNOP_send, b), 0);
	assert_true(take(1, 0, a));
	assert_int_equal(one_port(2, EVTCHNOP_close, b), 0);
	assert_int_equal(status(1, a).status, EVTCHNSTAT_unbound);
	assert_int_equal(status(1, a).u.unbound.dom, 2);
	assert_int_equal(bind_interdomain(2, 1, a), b);
}

static void a_domain_may_talk_to_itself(void **state)
{
	u32 a = (u32)alloc_unbound(1, DOMID_SELF, DOMID_SELF);
	u32 b = (u32)bind_interdomain(1, DOMID_SELF, a);

	assert_int_equal(one_port(1, EVTCHNOP_send, a), 0);
	assert_true(take(1, 0, b));
	assert_int_equal(one_port(1, EVTCHNOP_close, a), 0);
	assert_int_equal(status(1, b).status, EVTCHNSTAT_unbound);
	assert_int_equal(status(1, b).u.unbound.dom, 1);
}

static void closing_takes_back_what_was_pending(void **state)
{
	u32 port = (u32)bind_ipi(1, 0);

	port_raise(&domain[1], port);
	one_port(1, EVTCHNOP_close, port);
	assert_false(port_pending(&domain[1], port));
}

static void reset_closes_all(void **state)
{
	struct evtchn_reset a = {.dom = 1};
	u32 port = (u32)alloc_unbound(2, DOMID_SELF, 1);

	bind_ipi(1, 0);
	bind_virq(1, VIRQ_TIMER, 0);
	bind_interdomain(1, 2, port);
	assert_int_equal(op(2, EVTCHNOP_reset, &a), -EPERM);
	assert_int_equal(op(0, EVTCHNOP_reset, &a), -EINVAL);
	domain[1].controller_pauses = 1;
	assert_int_equal(op(0, EVTCHNOP_reset, &a), 0);
	for (u32 i = 1; i < 10; i++)
		assert_int_equal(status(1, i).status, EVTCHNSTAT_closed);
	assert_int_equal(status(2, port).status, EVTCHNSTAT_unbound);
	assert_int_equal(bind_virq(1, VIRQ_TIMER, 0), 1);
}

/* Each call that is due to end closes at least one port, and none is left. */
static void reset_is_preempted(void **state)
{
	struct evtchn_reset a = {.dom = DOMID_SELF};
	struct hcall h = {.arg = {EVTCHNOP_reset, gva_of(&a)}};
	const u32 ports = 600;
	u32 calls = 0;

	for (u32 i = 0; i < ports; i++)
		assert_true(bind_ipi(1, 0) > 0);
	do {
		h.restart = false;
		cpu_this()->work = calls % 2 ? 0 : PREEMPT_BUDGET;
		assert_int_equal(hc_event_channel_op(&vcpu[1][0], &h), 0);
		calls++;
	} while (h.restart);
	assert_in_range(calls, 3, 20);
	for (u32 i = 1; i <= ports; i++)
		assert_int_equal(status(1, i).status, EVTCHNSTAT_closed);
	h = (struct hcall){.arg = {(u64)1 << 8, gva_of(&a)}};
	assert_int_equal(hc_event_channel_op(&vcpu[1][0], &h), -ENOSYS);
}

// --------------------------------------------------------------------- model

#define MODEL_PORTS 24
#define STEPS 60000

struct mport {
	u32 status, vcpu, peer_dom, peer_port, virq;
};
static struct mport model[DOMAINS][MODEL_PORTS];

static void model_opened(u32 d, i64 port, struct mport as)
{
	assert_in_range(port, 1, MODEL_PORTS - 1);
	assert_int_equal(model[d][port].status, EVTCHNSTAT_closed);
	for (i64 i = 1; i < port; i++) // the lowest free one
		assert_int_not_equal(model[d][i].status, EVTCHNSTAT_closed);
	model[d][port] = as;
}

static bool model_full(u32 d)
{
	for (u32 i = 1; i < MODEL_PORTS; i++)
		if (model[d][i].status == EVTCHNSTAT_closed)
			return false;
	return true;
}

static void step_open(u32 d, u32 x, u32 y)
{
	u32 v = y % VCPUS;
	i64 got;

	if (x % 3 == 0) {
		got = alloc_unbound(d, DOMID_SELF, (domid_t)(y % DOMAINS));
		model_opened(d, got,
			     (struct mport){EVTCHNSTAT_unbound, 0, y % DOMAINS,
					    0, 0});
	} else if (x % 3 == 1) {
		got = bind_ipi(d, v);
		model_opened(d, got,
			     (struct mport){EVTCHNSTAT_ipi, v, 0, 0, 0});
	} else {
		bool had = vcpu[d][v].virq_port[VIRQ_TIMER];

		got = bind_virq(d, VIRQ_TIMER, v);
		if (had)
			assert_int_equal(got, -EEXIST);
		else
			model_opened(d, got,
				     (struct mport){EVTCHNSTAT_virq, v, 0, 0,
						    VIRQ_TIMER});
	}
}

static void step_bind(u32 d, u32 r, u32 port)
{
	const struct mport *p = &model[r][port];
	bool may = p->status == EVTCHNSTAT_unbound && p->peer_dom == d;
	i64 got = bind_interdomain(d, (domid_t)r, port);

	if (!may) {
		assert_int_equal(got, -EINVAL);
		return;
	}
	model_opened(d, got,
		     (struct mport){EVTCHNSTAT_interdomain, 0, r, port, 0});
	model[r][port].status = EVTCHNSTAT_interdomain;
	model[r][port].peer_dom = d;
	model[r][port].peer_port = (u32)got;
	assert_true(take(d, 0, (u32)got));
}

static void step_close(u32 d, u32 port)
{
	struct mport *p = &model[d][port];
	i64 got = one_port(d, EVTCHNOP_close, port);

	assert_int_equal(got, p->status == EVTCHNSTAT_closed ? -EINVAL : 0);
	if (p->status == EVTCHNSTAT_interdomain) {
		struct mport *peer = &model[p->peer_dom][p->peer_port];

		peer->status = EVTCHNSTAT_unbound;
		peer->peer_dom = d;
	}
	*p = (struct mport){0};
}

static void step_send(u32 d, u32 port)
{
	const struct mport *p = &model[d][port];
	i64 got = one_port(d, EVTCHNOP_send, port);

	if (p->status == EVTCHNSTAT_interdomain) {
		assert_int_equal(got, 0);
		assert_true(take(p->peer_dom,
				 model[p->peer_dom][p->peer_port].vcpu,
				 p->peer_port));
	} else if (p->status == EVTCHNSTAT_ipi) {
		assert_int_equal(got, 0);
		assert_true(take(d, p->vcpu, port));
	} else {
		assert_int_equal(got,
				 p->status == EVTCHNSTAT_unbound ? 0 : -EINVAL);
	}
}

static void step_move(u32 d, u32 port, u32 v)
{
	struct mport *p = &model[d][port];
	bool may = p->status == EVTCHNSTAT_unbound ||
		   p->status == EVTCHNSTAT_interdomain;

	assert_int_equal(bind_vcpu(d, port, v), may ? 0 : -EINVAL);
	if (may)
		p->vcpu = v;
}

static void check(void)
{
	for (u32 d = 0; d < DOMAINS; d++)
		for (u32 i = 1; i < MODEL_PORTS; i++) {
			struct evtchn_status s = status(d, i);
			const struct mport *p = &model[d][i];

			assert_int_equal(s.status, p->status);
			assert_int_equal(s.vcpu, p->vcpu);
			if (p->status == EVTCHNSTAT_unbound)
				assert_int_equal(s.u.unbound.dom, p->peer_dom);
			if (p->status != EVTCHNSTAT_interdomain)
				continue;
			assert_int_equal(s.u.interdomain.dom, p->peer_dom);
			assert_int_equal(s.u.interdomain.port, p->peer_port);
		}
}

static void three_domains_agree_with_the_model(void **state)
{
	memset(model, 0, sizeof(model));
	srandom(2);
	for (u32 step = 0; step < STEPS; step++) {
		u32 d = (u32)random() % DOMAINS, r = (u32)random() % DOMAINS;
		u32 port = 1 + (u32)random() % (MODEL_PORTS - 1);
		u32 x = (u32)random(), y = (u32)random();

		switch (random() % 6) {
		case 0:
			if (!model_full(d))
				step_open(d, x, y);
			break;
		case 1:
			if (!model_full(d))
				step_bind(d, r, port);
			break;
		case 2:
			step_close(d, port);
			break;
		case 3:
			step_move(d, port, y % VCPUS);
			break;
		default:
			step_send(d, port);
		}
		if (step % 64 == 0)
			check();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(raising_sets_three_levels_and_kicks_once),
		TEST(a_masked_port_is_pending_but_tells_nobody),
		TEST(pollers_hear_of_masked_ports_too),
		TEST(re_registration_marks_everything),
		TEST(a_virq_reaches_its_vcpu_when_it_is_bound),
		TEST(global_virqs_go_to_dom0),
		TEST(a_global_virq_goes_to_its_handler_while_that_lives),
		TEST(a_handler_may_be_there_before_its_vcpus),
		TEST(ports_may_be_there_before_their_vcpus),
		TEST(a_domains_port_is_sent_by_for_it),
		TEST(sub_ops_that_there_are_not_are_enosys),
		TEST(arguments_that_cannot_be_read_are_efault),
		TEST(bind_virq_errors),
		TEST(bind_ipi_errors),
		TEST(a_pirq_follows_its_port),
		TEST(a_pirq_that_is_refused_leaves_no_port),
		TEST(only_dom0_opens_ports_for_others),
		TEST(bind_interdomain_errors),
		TEST(close_errors),
		TEST(send_errors),
		TEST(ports_that_belong_to_a_vcpu_do_not_move),
		TEST(status_errors),
		TEST(ports_run_out_at_4095),
		TEST(no_memory_for_a_bucket_is_enomem),
		TEST(a_dying_domain_gets_no_ports),
		TEST(closing_one_end_makes_the_other_wait_again),
		TEST(a_domain_may_talk_to_itself),
		TEST(closing_takes_back_what_was_pending),
		TEST(reset_closes_all),
		TEST(reset_is_preempted),
		TEST(three_domains_agree_with_the_model),
	};

	fake_cpus_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
