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
// vCPU is on the run queue of its processor exactly when it may run.
//
// States change anywhere, under sched_lock; switches happen in sched_pick(),
// on the way out to the guest. In between, the processor's curr may have a
// state other than RUNNING: it is about to be switched away from. When it is
// woken meanwhile it just goes on.
#include "sched/priv.h"

#include "abi/xen.h"
#include "boot/boot.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "events/events.h"
#include "irq/irq.h"
#include "lib/string.h"

struct lock sched_lock = LOCK_INIT(LOCK_SCHED);

static const struct sched_policy *const policies[] = {&sched_rr};
static const struct sched_policy *policy;

// Fires when the running vCPU of a processor has to give way.
static struct timer slice_timer[MAX_CPUS];

u32 sched_ratelimit_us = 500;

// When the processor became idle, 0: it is not; and how long it was in all,
// before that. Under sched_lock.
static u64 idle_since_ns[MAX_CPUS], idle_ns[MAX_CPUS];

// Quiet points: the number of the latest beginning, and for each processor the
// latest that it has passed.
static u32 quiet_epoch;
static u32 quiet_seen[MAX_CPUS];

static void kick_cpu(struct cpu *c, u32 bits)
{
	cpu_pend(c, bits);
	if (c != cpu_this())
		apic_send_ipi(c->apic_id, VEC_IPI_KICK);
}

static void slice_over(void *arg)
{
	kick_cpu(arg, PENDING_SCHED);
}

static const struct sched_policy *policy_named(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(policies); i++)
		if (!strcmp(name, policies[i]->name))
			return policies[i];
	return NULL;
}

void sched_init(void)
{
	policy = policy_named(boot_options.sched);
	if (!policy) {
		policy = policies[0];
		if (boot_options.sched[0])
			log_warn("sched=%s is not known: taking %s\n",
				 boot_options.sched, policy->name);
	}
	clock_init();
	debug_key_register('r', "scheduler state", sched_dump);
}

void sched_init_cpu(struct cpu *c)
{
	timer_init(&slice_timer[c->id], slice_over, c);
	policy->init_cpu(c->id);
}

u32 sched_guest_cpus(void)
{
	return policy->cpus();
}

void sched_vcpu_init(struct vcpu *v)
{
	v->state = VCPU_DOWN;
	v->runstate.state = RUNSTATE_offline;
	v->runstate.state_entry_time = now_ns();
	list_init(&v->run_link);
	v->cpu = policy->place(v);
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

static void set_state(struct vcpu *v, enum vcpu_state state, u64 now)
{
	v->state = state;
	if (runstate_of(v) == (u32)v->runstate.state)
		return;
	runstate_charge(&v->runstate, now);
	v->runstate.state = (int)runstate_of(v);
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	u64 entry;

	lock_get(&sched_lock);
	*out = v->runstate;
	lock_put(&sched_lock);
	entry = out->state_entry_time;
	runstate_charge(out, now_ns());
	out->state_entry_time = entry;
}

// ----------------------------------------------------- changing what is wanted

// Has the processor look at its queue, now or when the running vCPU's time is
// over.
static void look(struct cpu *c, u64 now)
{
	u64 when;

	if (!c->curr) {
		kick_cpu(c, PENDING_SCHED);
		return;
	}
	when = policy->tick(c->curr);
	if (when <= now)
		kick_cpu(c, PENDING_SCHED);
	else if (when != SCHED_NEVER)
		timer_set(&slice_timer[c->id], when);
}

static void enqueue(struct vcpu *v, bool woken, u64 now)
{
	policy->insert(v, woken, now);
	look(cpu_of(v->cpu), now);
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
	u64 now = now_ns();

	set_state(v, v->state, now); // offline -> runnable
	if (v->state == VCPU_RUNNABLE && vcpu_may_run(v) && !vcpu_queued(v))
		enqueue(v, false, now);
}

// v may not run any more, or does not want to.
static void stop(struct vcpu *v)
{
	struct cpu *c = cpu_of(v->cpu);

	if (vcpu_queued(v))
		policy->remove(v);
	set_state(v, v->state, now_ns());
	if (c->curr == v)
		kick_cpu(c, PENDING_SCHED);
}

static void wake(struct vcpu *v)
{
	u64 now = now_ns();

	if (v->state != VCPU_BLOCKED)
		return;
	polling_end(v);
	if (cpu_of(v->cpu)->curr == v) {
		set_state(v, VCPU_RUNNING, now); // was not switched away yet
		return;
	}
	set_state(v, VCPU_RUNNABLE, now);
	if (vcpu_may_run(v))
		enqueue(v, true, now);
}

void vcpu_wake(struct vcpu *v)
{
	lock_get(&sched_lock);
	wake(v);
	lock_put(&sched_lock);
}

void vcpu_kick(struct vcpu *v)
{
	struct cpu *c;

	if (v == cpu_this()->curr && READ_ONCE(v->state) == VCPU_RUNNING)
		return; // it looks at its events on the way out
	lock_get(&sched_lock);
	wake(v);
	c = cpu_of(v->cpu);
	if (c->curr == v && c != cpu_this())
		apic_send_ipi(c->apic_id, VEC_IPI_KICK);
	lock_put(&sched_lock);
}

static bool must_wake(const struct vcpu *v)
{
	return event_deliverable(v) || (v->nmi_pending && !v->nmi_masked);
}

void vcpu_block(struct vcpu *v)
{
	lock_get(&sched_lock);
	// Who raises an event sets it pending first and wakes afterwards, so
	// either we see it here or the waker sees us blocked.
	if (!must_wake(v)) {
		set_state(v, VCPU_BLOCKED, now_ns());
		cpu_pend(cpu_this(), PENDING_SCHED);
	}
	lock_put(&sched_lock);
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
	bool sleeps;

	lock_get(&sched_lock);
	v->poll_port = nr_ports == 1 ? ports[0] : 0;
	v->polling = true;
	// As in vcpu_block: count first, look afterwards.
	__atomic_fetch_add(&v->domain->pollers, 1, __ATOMIC_SEQ_CST);
	sleeps = !must_wake(v) && !any_pending(v->domain, ports, nr_ports);
	if (sleeps) {
		set_state(v, VCPU_BLOCKED, now_ns());
		cpu_pend(cpu_this(), PENDING_SCHED);
	} else {
		polling_end(v);
	}
	lock_put(&sched_lock);
	return sleeps;
}

void sched_wake_pollers(struct domain *d, u32 port)
{
	struct vcpu *v;

	for_each_vcpu (d, v) {
		if (!READ_ONCE(v->polling))
			continue;
		lock_get(&sched_lock);
		if (v->polling && (!v->poll_port || v->poll_port == port))
			wake(v);
		lock_put(&sched_lock);
	}
}

void vcpu_yield(struct vcpu *v)
{
	v->yielded = true;
	cpu_pend(cpu_this(), PENDING_SCHED);
}

void vcpu_pause(struct vcpu *v)
{
	lock_get(&sched_lock);
	v->pause_count++;
	stop(v);
	lock_put(&sched_lock);
}

void vcpu_unpause(struct vcpu *v)
{
	lock_get(&sched_lock);
	bug_on(!v->pause_count);
	v->pause_count--;
	start(v);
	lock_put(&sched_lock);
}

void domain_pause(struct domain *d)
{
	struct vcpu *v;

	lock_get(&sched_lock);
	d->pause_count++;
	for_each_vcpu (d, v)
		stop(v);
	lock_put(&sched_lock);
}

void domain_unpause(struct domain *d)
{
	struct vcpu *v;

	lock_get(&sched_lock);
	bug_on(!d->pause_count);
	d->pause_count--;
	for_each_vcpu (d, v)
		start(v);
	lock_put(&sched_lock);
}

void vcpu_up(struct vcpu *v)
{
	lock_get(&sched_lock);
	if (v->state == VCPU_DOWN) {
		v->state = VCPU_RUNNABLE;
		start(v);
	}
	lock_put(&sched_lock);
}

void vcpu_down(struct vcpu *v)
{
	lock_get(&sched_lock);
	polling_end(v);
	v->state = VCPU_DOWN;
	stop(v);
	lock_put(&sched_lock);
}

bool sched_shutdown_domain(struct domain *d, u32 code)
{
	struct vcpu *v;
	bool first;

	lock_get(&sched_lock);
	first = !d->is_shutting_down;
	if (first) {
		d->is_shutting_down = true;
		if (d->shutdown_code == SHUTDOWN_CODE_NONE)
			d->shutdown_code = code;
		for_each_vcpu (d, v)
			stop(v);
	}
	lock_put(&sched_lock);
	return first;
}

void sched_resume_domain(struct domain *d)
{
	struct vcpu *v;

	lock_get(&sched_lock);
	d->is_shutting_down = d->is_shut_down = false;
	d->shutdown_code = SHUTDOWN_CODE_NONE;
	for_each_vcpu (d, v)
		start(v);
	lock_put(&sched_lock);
}

bool domain_is_still(const struct domain *d)
{
	struct vcpu *v;

	for_each_vcpu (d, v)
		if (READ_ONCE(cpu_of(v->cpu)->curr) == v)
			return false;
	return true;
}

// ---------------------------------------------------------------- switching

static void account_idle(u32 cpu, bool idle, u64 now)
{
	if (idle == (idle_since_ns[cpu] != 0))
		return;
	if (!idle)
		idle_ns[cpu] += now - idle_since_ns[cpu];
	idle_since_ns[cpu] = idle ? now : 0;
}

u64 sched_idle_ns(u32 cpu)
{
	u64 sum, since;

	lock_get(&sched_lock);
	sum = idle_ns[cpu];
	since = idle_since_ns[cpu];
	lock_put(&sched_lock);
	return since ? sum + now_ns() - since : sum;
}

static bool may_keep(struct vcpu *v, u64 now)
{
	return vcpu_may_run(v) && !v->yielded && policy->tick(v) > now;
}

// Who runs on c from now on; its state is RUNNING.
static struct vcpu *choose(struct cpu *c, u64 now)
{
	struct vcpu *v = c->curr;

	if (v && v->state == VCPU_RUNNING) {
		if (may_keep(v, now))
			return v;
		set_state(v, VCPU_RUNNABLE, now);
		if (vcpu_may_run(v))
			policy->insert(v, false, now);
	}
	v = policy->pick(c->id, now);
	if (v) {
		v->yielded = false;
		v->slice_start_ns = now;
		set_state(v, VCPU_RUNNING, now);
	}
	return v;
}

// An idle processor keeps the last vCPU's state loaded for its return, unless
// that is not to be expected.
static bool stays_loaded(const struct vcpu *v)
{
	return vcpu_may_run(v) && v->state != VCPU_DOWN;
}

static void unload(struct cpu *c, struct regs *r)
{
	vcpu_save(c->loaded, r);
	vcpu_unload();
}

// Leaving: the vCPU's clocks stop while it does not run.
static void leave(struct vcpu *v)
{
	vcpu_periodic_stop(v);
	clock_update_runstate(v);
}

// A flush that was asked for while the processor was idle is due now; loading
// a vCPU is one.
static void enter(struct cpu *c, struct vcpu *v, struct regs *r)
{
	bool late =
		__atomic_exchange_n(&c->flush_late, false, __ATOMIC_SEQ_CST);

	if (c->loaded != v) {
		if (c->loaded)
			vcpu_save(c->loaded, r);
		vcpu_load(v, r);
		count(CNT_SWITCH);
	} else if (late) {
		tlb_flush_local();
	}
	clock_update(v);
	clock_update_runstate(v);
	vcpu_periodic_start(v);
}

void sched_pick(struct regs *r)
{
	struct cpu *c = cpu_this();
	struct vcpu *prev = c->curr, *next;

	__atomic_store_n(&quiet_seen[c->id],
			 __atomic_load_n(&quiet_epoch, __ATOMIC_SEQ_CST),
			 __ATOMIC_SEQ_CST);
	lock_get(&sched_lock);
	next = choose(c, now_ns());
	account_idle(c->id, !next, now_ns());
	__atomic_store_n(&c->curr, next, __ATOMIC_SEQ_CST);
	if (next)
		look(c, now_ns());
	lock_put(&sched_lock);

	count_for(c, next ? next->count : NULL);
	if (prev && prev != next)
		leave(prev);
	if (next && prev != next)
		enter(c, next, r);
	if (!next && c->loaded && !stays_loaded(c->loaded))
		unload(c, r);
	if (prev && prev != next && prev->domain->is_shutting_down)
		domain_shutdown_check(prev->domain);
	domains_reap();
}

bool sched_detach(struct vcpu *v)
{
	struct cpu *c = cpu_of(v->cpu);

	if (READ_ONCE(c->loaded) != v && READ_ONCE(c->curr) != v)
		return true;
	if (c == cpu_this() && !c->curr) {
		unload(c, guest_regs());
		return true;
	}
	kick_cpu(c, PENDING_SCHED);
	return false;
}

// ------------------------------------------------------------- quiet points

u32 sched_quiesce_begin(void)
{
	u32 epoch = __atomic_add_fetch(&quiet_epoch, 1, __ATOMIC_SEQ_CST);

	for (u32 i = 0; i < cpu_count(); i++)
		kick_cpu(cpu_of(i), PENDING_SCHED);
	return epoch;
}

bool sched_quiesced(u32 epoch)
{
	for (u32 i = 0; i < cpu_count(); i++)
		if ((i32)(READ_ONCE(quiet_seen[i]) - epoch) < 0)
			return false;
	return true;
}

// --------------------------------------------------------------------- dump

static u64 rip_of(const struct vcpu *v)
{
	const struct cpu *c = cpu_of(v->cpu);

	if (c->loaded != v)
		return v->regs.rip;
	return ((const struct regs *)(c->stack_top - sizeof(v->regs)))->rip;
}

static void dump_vcpu(const struct vcpu *v)
{
	static const char *const name[] = {
		[VCPU_DOWN] = "down",
		[VCPU_BLOCKED] = "blocked",
		[VCPU_RUNNABLE] = "runnable",
		[VCPU_RUNNING] = "running",
	};

	log_info("  %s.%u: cpu %u %s%s, paused %u, ran %lu ms, rip %016lx\n",
		 v->domain->name, v->id, v->cpu, name[v->state],
		 v->polling ? " (polls)" : "", v->pause_count,
		 (unsigned long)v->runstate.time[RUNSTATE_running] / 1000000,
		 (unsigned long)rip_of(v));
}

void sched_dump(void)
{
	struct list *l;
	struct vcpu *v;

	log_info("scheduler %s\n", policy->name);
	for (u32 i = 0; i < cpu_count(); i++)
		log_info("  processor %u: %s\n", i,
			 cpu_of(i)->curr ? "busy" : "idle");
	list_for_each (l, &domain_list)
		for_each_vcpu (list_entry(l, struct domain, link), v)
			dump_vcpu(v);
}
