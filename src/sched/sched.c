// SPDX-License-Identifier: MIT
//
// The scheduler's mechanism. A vCPU's state says what it wants:
//
//   DOWN -> RUNNABLE (vcpu_up) -> RUNNING (picked) -> BLOCKED (waits)
//   BLOCKED -> RUNNABLE (woken); RUNNING -> RUNNABLE (must give way)
//   any -> DOWN (vcpu_down)
//
// Whether it gets it is another matter: pause counts, shutdown and death of the
// domain keep a vCPU from running without changing what it wants. A RUNNABLE
// vCPU is on the run queue of its processor exactly when it may run; but one
// whose domain has reached its cap is set aside (parked), and one on its way
// from one queue to another is on neither for a moment.
//
// States change anywhere, under the lock of the queue of the vCPU's processor;
// the processor changes only while it is off the queue and not running.
// Switches happen in sched_pick(), on the way out to the guest. In between, the
// processor's curr may have a state other than RUNNING: it is about to be
// switched away from. When it is woken meanwhile it just goes on.
#include "sched/priv.h"

#include "abi/xen.h"
#include "boot/boot.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "events/events.h"
#include "irq/irq.h"
#include "lib/string.h"

#define POLICY "credit2"

struct lock shutdown_lock = LOCK_INIT(LOCK_SHUTDOWN);

u32 sched_ratelimit_us = 500;

// One whose bits are set already has been told, or is on its way out.
void sched_kick(struct cpu *c, u32 bits)
{
	bool self = c == cpu_this();
	u32 old;

	if (!self)
		WRITE_ONCE(c->called, true);
	old = __atomic_fetch_or(&c->pending, bits, __ATOMIC_SEQ_CST);
	if (self || (old & bits) == bits)
		return;
	if (!__atomic_load_n(&c->polls, __ATOMIC_SEQ_CST))
		apic_send_ipi(c->apic_id, VEC_IPI_KICK);
}

static void slice_over(void *arg)
{
	sched_kick(arg, PENDING_SCHED);
}

void sched_init(void)
{
	if (boot_options.sched[0] && strcmp(boot_options.sched, POLICY) != 0)
		log_warn("sched=%s is not known: taking %s\n",
			 boot_options.sched, POLICY);
	clock_init();
	debug_key_register('r', "scheduler state", sched_dump);
}

void sched_init_cpu(struct cpu *c)
{
	fair_init_cpu(c->id);
	timer_init(&queue_of(c->id)->slice, slice_over, c);
}

u32 sched_guest_cpus(void)
{
	return cpu_count();
}

// Any order will do that has nothing to do with that of virtual times.
static u32 random_number(void)
{
	static u32 state = 1;

	return __atomic_add_fetch(&state, 0x9e3779b9, __ATOMIC_RELAXED) *
	       0x85ebca6b;
}

void sched_vcpu_init(struct vcpu *v)
{
	v->state = VCPU_DOWN;
	v->runstate.state = RUNSTATE_offline;
	v->runstate.state_entry_time = now_ns();
	v->place.random = random_number();
	v->cpu = v->id % cpu_count();
}

void sched_domain_init(struct domain *d)
{
	cap_init(d);
}

void sched_domain_stop(struct domain *d)
{
	cap_stop(d);
}

// Locks the queue of v's processor. While it is held, v stays there.
static struct run_queue *queue_lock_of(const struct vcpu *v)
{
	for (;;) {
		u32 cpu = READ_ONCE(v->cpu);
		struct run_queue *q = queue_of(cpu);

		lock_get(&q->lock);
		if (READ_ONCE(v->cpu) == cpu)
			return q;
		lock_put(&q->lock);
	}
}

// ----------------------------------------------------------------- runstate

static u32 runstate_of(const struct vcpu *v)
{
	switch (v->state) {
	case VCPU_RUNNING:
		return RUNSTATE_running;
	case VCPU_BLOCKED:
		return RUNSTATE_blocked;
	case VCPU_RUNNABLE:
		return vcpu_may_run(v) ? RUNSTATE_runnable : RUNSTATE_offline;
	case VCPU_DOWN:
		break;
	}
	return RUNSTATE_offline;
}

// Charges the time since the last change to the state that it was spent in.
static void runstate_charge(struct vcpu_runstate_info *r, u64 now)
{
	if (now <= r->state_entry_time)
		return;
	r->time[r->state] += now - r->state_entry_time;
	r->state_entry_time = now;
}

void sched_set_state(struct vcpu *v, enum vcpu_state state, u64 now)
{
	v->state = state;
	if (runstate_of(v) == (u32)v->runstate.state)
		return;
	runstate_charge(&v->runstate, now);
	v->runstate.state = (int)runstate_of(v);
}

void vcpu_runstate_last(struct vcpu *v, struct vcpu_runstate_info *out)
{
	struct run_queue *q = queue_lock_of(v);

	*out = v->runstate;
	lock_put(&q->lock);
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	u64 entry;

	vcpu_runstate_last(v, out);
	entry = out->state_entry_time;
	runstate_charge(out, now_ns());
	out->state_entry_time = entry;
}

// ----------------------------------------------------- changing what is wanted

void sched_look(struct run_queue *q, u64 now)
{
	struct cpu *c = cpu_of(q->cpu);
	u64 when;

	if (!c->curr) {
		sched_kick(c, PENDING_SCHED);
		return;
	}
	when = fair_tick(q, c->curr);
	if (when <= now)
		sched_kick(c, PENDING_SCHED);
	else if (when != SCHED_NEVER)
		timer_set(&q->slice, when);
}

static bool is_current(const struct vcpu *v)
{
	return cpu_of(v->cpu)->curr == v;
}

static bool wants_queue(const struct vcpu *v)
{
	return v->state == VCPU_RUNNABLE && vcpu_may_run(v) && !vcpu_queued(v);
}

// A processor that is still about to leave v must be done with it before
// another takes it; then it comes here again.
static bool may_queue(const struct run_queue *q, const struct vcpu *v)
{
	return wants_queue(v) && (!is_current(v) || fair_allowed(v, q->cpu));
}

// v is off the queues and q, its processor's, is locked. Takes it to the queue
// of the processor that suits best, which is locked then; or to that of
// another, when somebody else takes it elsewhere at the same time. An idle
// processor that was chosen for nothing then has to say again that it is idle.
static struct run_queue *bring(struct run_queue *q, struct vcpu *v)
{
	u32 cpu = fair_place(v);

	if (cpu == q->cpu)
		return q;
	WRITE_ONCE(v->cpu, cpu);
	lock_put(&q->lock);
	q = queue_lock_of(v);
	if (q->cpu != cpu)
		sched_kick(cpu_of(cpu), PENDING_SCHED);
	return q;
}

// The same, and puts it there. Somebody may have done so in between, or stopped
// it: then an idle processor that was chosen is free again.
static struct run_queue *enqueue(struct run_queue *q, struct vcpu *v,
				 enum arrival how)
{
	u64 now;

	if (!is_current(v))
		q = bring(q, v);
	now = now_ns();
	if (wants_queue(v))
		fair_insert(q, v, how, now);
	sched_look(q, now);
	return q;
}

void sched_enqueue(struct vcpu *v, enum arrival how)
{
	struct run_queue *q = queue_lock_of(v);

	if (may_queue(q, v))
		q = enqueue(q, v, how);
	lock_put(&q->lock);
}

void sched_unpark(struct vcpu *v)
{
	struct run_queue *q = queue_lock_of(v);

	if (v->parked) {
		v->parked = false;
		if (may_queue(q, v))
			q = enqueue(q, v, MOVED);
	} else if (v->place.waits) {
		fair_call_idle(v); // which did not take it, over its cap
	}
	lock_put(&q->lock);
}

static void polling_end(struct vcpu *v)
{
	if (!v->polling)
		return;
	v->polling = false;
	__atomic_fetch_sub(&v->domain->pollers, 1, __ATOMIC_SEQ_CST);
}

// v may have become free to run.
static void start(struct vcpu *v)
{
	struct run_queue *q = queue_lock_of(v);

	sched_set_state(v, v->state, now_ns()); // offline -> runnable
	if (may_queue(q, v))
		q = enqueue(q, v, WOKEN);
	lock_put(&q->lock);
}

// v may not run any more, or does not want to. Queue locked.
static void stop_locked(struct vcpu *v)
{
	if (vcpu_queued(v))
		fair_remove(queue_of(v->cpu), v);
	sched_set_state(v, v->state, now_ns());
	if (is_current(v))
		sched_kick(cpu_of(v->cpu), PENDING_SCHED);
}

static void stop(struct vcpu *v)
{
	struct run_queue *q = queue_lock_of(v);

	stop_locked(v);
	lock_put(&q->lock);
}

// Queue locked; returns the one that is locked then.
static struct run_queue *wake(struct run_queue *q, struct vcpu *v)
{
	u64 now;

	if (v->state != VCPU_BLOCKED)
		return q;
	now = now_ns();
	polling_end(v);
	if (is_current(v)) {
		sched_set_state(v, VCPU_RUNNING, now); // not switched away yet
		return q;
	}
	sched_set_state(v, VCPU_RUNNABLE, now);
	return may_queue(q, v) ? enqueue(q, v, WOKEN) : q;
}

void vcpu_wake(struct vcpu *v)
{
	struct run_queue *q = queue_lock_of(v);

	q = wake(q, v);
	lock_put(&q->lock);
}

void vcpu_kick(struct vcpu *v)
{
	struct run_queue *q;

	if (v == cpu_this()->curr && READ_ONCE(v->state) == VCPU_RUNNING)
		return; // it looks at its events on the way out
	q = queue_lock_of(v);
	if (v->state == VCPU_BLOCKED) {
		q = wake(q, v);
	} else if (v->place.waits) {
		// Somebody may be waiting for it, spinning.
		q->urgent = true;
		sched_look(q, now_ns());
	}
	if (is_current(v))
		sched_kick(cpu_of(v->cpu), PENDING_EVENT);
	lock_put(&q->lock);
}

static bool must_wake(const struct vcpu *v)
{
	return event_deliverable(v) || (v->nmi_pending && !v->nmi_masked);
}

void vcpu_block(struct vcpu *v)
{
	struct run_queue *q = queue_lock_of(v);

	// Who raises an event sets it pending first and wakes afterwards, so
	// either we see it here or the waker sees us blocked.
	if (!must_wake(v)) {
		sched_set_state(v, VCPU_BLOCKED, now_ns());
		cpu_pend(cpu_this(), PENDING_SCHED);
	}
	lock_put(&q->lock);
}

static bool any_pending(const struct domain *d, const u32 *ports, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (port_pending(d, ports[i]))
			return true;
	return false;
}

bool vcpu_poll(struct vcpu *v, const u32 *ports, u32 nr_ports)
{
	struct run_queue *q = queue_lock_of(v);
	bool sleeps;

	v->poll_port = nr_ports == 1 ? ports[0] : 0;
	v->polling = true;
	// As in vcpu_block: count first, look afterwards.
	__atomic_fetch_add(&v->domain->pollers, 1, __ATOMIC_SEQ_CST);
	sleeps = !must_wake(v) && !any_pending(v->domain, ports, nr_ports);
	if (sleeps) {
		sched_set_state(v, VCPU_BLOCKED, now_ns());
		cpu_pend(cpu_this(), PENDING_SCHED);
	} else {
		polling_end(v);
	}
	lock_put(&q->lock);
	return sleeps;
}

void sched_wake_pollers(struct domain *d, u32 port)
{
	struct run_queue *q;
	struct vcpu *v;

	for_each_vcpu (d, v) {
		if (!READ_ONCE(v->polling))
			continue;
		q = queue_lock_of(v);
		if (v->polling && (!v->poll_port || v->poll_port == port))
			q = wake(q, v);
		lock_put(&q->lock);
	}
}

void vcpu_yield(struct vcpu *v)
{
	v->yielded = true;
	cpu_pend(cpu_this(), PENDING_SCHED);
}

void vcpu_pause(struct vcpu *v)
{
	struct run_queue *q = queue_lock_of(v);

	v->pause_count++;
	stop_locked(v);
	lock_put(&q->lock);
}

void vcpu_unpause(struct vcpu *v)
{
	struct run_queue *q = queue_lock_of(v);

	bug_on(!v->pause_count);
	v->pause_count--;
	lock_put(&q->lock);
	start(v);
}

// What keeps all of a domain from running is written first; who puts one of
// its vCPUs on a queue afterwards, under the lock that stop() takes, sees it.
void domain_pause(struct domain *d)
{
	struct vcpu *v;

	__atomic_add_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST);
	for_each_vcpu (d, v)
		stop(v);
}

void domain_unpause(struct domain *d)
{
	u32 before = __atomic_fetch_sub(&d->pause_count, 1, __ATOMIC_SEQ_CST);
	struct vcpu *v;

	bug_on(!before);
	for_each_vcpu (d, v)
		start(v);
}

void vcpu_up(struct vcpu *v)
{
	struct run_queue *q = queue_lock_of(v);

	if (v->state == VCPU_DOWN)
		v->state = VCPU_RUNNABLE;
	lock_put(&q->lock);
	start(v);
}

void vcpu_down(struct vcpu *v)
{
	struct run_queue *q = queue_lock_of(v);

	polling_end(v);
	v->state = VCPU_DOWN;
	stop_locked(v);
	lock_put(&q->lock);
}

bool sched_shutdown_domain(struct domain *d, u32 code)
{
	struct vcpu *v;
	bool first;

	lock_get(&shutdown_lock);
	first = !d->is_shutting_down;
	if (first) {
		WRITE_ONCE(d->is_shutting_down, true);
		if (d->shutdown_code == SHUTDOWN_CODE_NONE)
			d->shutdown_code = code;
		for_each_vcpu (d, v)
			stop(v);
	}
	lock_put(&shutdown_lock);
	return first;
}

void sched_resume_domain(struct domain *d)
{
	struct vcpu *v;

	lock_get(&shutdown_lock);
	d->is_shutting_down = d->is_shut_down = false;
	d->shutdown_code = SHUTDOWN_CODE_NONE;
	for_each_vcpu (d, v)
		start(v);
	lock_put(&shutdown_lock);
}

// One that waits looks for a new place; one that runs does when it has left.
void sched_affinity_changed(struct vcpu *v)
{
	struct run_queue *q = queue_lock_of(v);

	if (is_current(v)) {
		sched_kick(cpu_of(v->cpu), PENDING_SCHED);
	} else if (v->place.waits) {
		fair_remove(q, v);
		q = enqueue(q, v, MOVED);
	}
	lock_put(&q->lock);
}

// --------------------------------------------------------------------- dump

static u64 rip_of(const struct vcpu *v)
{
	const struct cpu *c = cpu_of(v->cpu);

	if (!v->on)
		return v->regs.rip;
	return ((const struct regs *)(c->stack_top - sizeof(v->regs)))->rip;
}

static u64 ran_ns(struct vcpu *v)
{
	struct vcpu_runstate_info r;

	vcpu_runstate_get(v, &r);
	return r.time[RUNSTATE_running];
}

static void dump_vcpu(struct vcpu *v)
{
	static const char *const name[] = {
		[VCPU_DOWN] = "down",
		[VCPU_BLOCKED] = "blocked",
		[VCPU_RUNNABLE] = "runnable",
		[VCPU_RUNNING] = "running",
	};

	log_info("  %s.%u: cpu %u %s%s%s, paused %u, ran %lu ms, "
		 "woken %u (%u late), %u owing, rip %016lx\n",
		 v->domain->name, v->id, v->cpu, name[v->state],
		 v->polling ? " (polls)" : "", v->parked ? " (capped)" : "",
		 v->pause_count, (unsigned long)ran_ns(v) / 1000000, v->wakes,
		 v->late_wakes, v->owing_wakes, (unsigned long)rip_of(v));
}

void sched_dump(void)
{
	struct domain *d;
	struct vcpu *v;

	log_info("scheduler " POLICY ", rate limit %u us, at %lu ms\n",
		 sched_ratelimit_us, (unsigned long)now_ns() / 1000000);
	for (u32 i = 0; i < cpu_count(); i++)
		log_info("  processor %u: %s, %u waiting, halted %lu us\n", i,
			 cpu_of(i)->curr ? "busy" : "idle",
			 queue_of(i)->waiting,
			 (unsigned long)cpu_halted_ns(cpu_of(i)) / 1000);
	for_each_domain (d)
		for_each_vcpu (d, v)
			dump_vcpu(v);
}
