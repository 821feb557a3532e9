// SPDX-License-Identifier: MIT
//
// Switching: on the way out to the guest a processor decides who runs, saves
// the one and loads the other.
//
// A vCPU that leaves is saved at once, so that any processor may take it up;
// until then v->on says whose registers hold its state, and who has picked it
// waits. The processor it left, if it becomes idle, keeps everything loaded:
// when the vCPU comes back and was nowhere else meanwhile (v->last_on), there
// is nothing to load. Before another processor takes the vCPU, that one must
// have left the vCPU's root (c->rooted): it is the vCPU's reference that keeps
// the tables what they are, and the vCPU may exchange it for another.
#include "sched/priv.h"

#include "cpu/cpu.h"
#include "hw/cpu.h"
#include "irq/irq.h"

// Quiet points: the number of the latest beginning, and for each processor the
// latest that it has passed.
static u32 quiet_epoch;
static u32 quiet_seen[MAX_CPUS];

// ----------------------------------------------------------------- choosing

static void account_idle(struct run_queue *q, bool idle, u64 now)
{
	fair_set_idle(q->cpu, idle);
	if (idle == (q->idle_since_ns != 0))
		return;
	if (!idle)
		q->idle_ns += now - q->idle_since_ns;
	q->idle_since_ns = idle ? now : 0;
}

u64 sched_idle_ns(u32 cpu)
{
	struct run_queue *q = queue_of(cpu);
	u64 sum, since;

	lock_get(&q->lock);
	sum = q->idle_ns;
	since = q->idle_since_ns;
	lock_put(&q->lock);
	return since ? sum + now_ns() - since : sum;
}

static bool may_keep(const struct run_queue *q, const struct vcpu *v, u64 now)
{
	return vcpu_may_run(v) && !v->yielded && fair_allowed(v, q->cpu) &&
	       fair_tick(q, v) > now;
}

// v ran here and shall do so no more, for now. One that may not come back here
// is put elsewhere when its registers are saved.
static void set_aside(struct run_queue *q, struct vcpu *v, u64 now)
{
	sched_set_state(v, VCPU_RUNNABLE, now);
	if (vcpu_may_run(v) && fair_allowed(v, q->cpu)) {
		fair_insert(q, v, EXPIRED, now);
		fair_balance(q, now);
	}
}

// Who runs on c from now on; its state is RUNNING.
static struct vcpu *choose(struct cpu *c, struct run_queue *q, u64 now)
{
	struct vcpu *v = c->curr, *yields = NULL;

	if (v)
		fair_charge(v, now);
	if (v && v->state == VCPU_RUNNING) {
		if (may_keep(q, v, now))
			return v;
		yields = v->yielded ? v : NULL;
		set_aside(q, v, now);
	}
	v = fair_pick(q, yields, now);
	if (!v) {
		fair_steal(q, now);
		v = fair_pick(q, NULL, now);
	}
	if (v) {
		v->yielded = false;
		sched_set_state(v, VCPU_RUNNING, now);
	}
	return v;
}

static struct vcpu *decide(struct cpu *c)
{
	struct run_queue *q = queue_of(c->id);
	struct vcpu *next;
	u64 now;

	lock_get(&q->lock);
	now = now_ns();
	next = choose(c, q, now);
	account_idle(q, !next, now);
	__atomic_store_n(&c->curr, next, __ATOMIC_SEQ_CST);
	if (next)
		sched_look(q, now);
	lock_put(&q->lock);
	return next;
}

// ---------------------------------------------------------------- switching

// Its clocks stop while it does not run.
static void leave(struct vcpu *v, const struct regs *r)
{
	vcpu_save(v, r);
	vcpu_periodic_stop(v);
	clock_update_runstate(v);
	__atomic_store_n(&v->on, 0, __ATOMIC_RELEASE);
	if (READ_ONCE(v->state) == VCPU_RUNNABLE && !vcpu_queued(v))
		sched_enqueue(v, MOVED);
	if (v->place.waits)
		fair_call_idle(v);
	if (READ_ONCE(v->domain->is_shutting_down))
		domain_shutdown_check(v->domain);
}

static void unload(struct cpu *c)
{
	vcpu_unload();
	__atomic_store_n(&c->rooted, NULL, __ATOMIC_RELEASE);
}

// The vCPU is c's from now on, and on no other processor. Who waits has let go
// himself, as two may want each other's vCPU.
static void take(struct cpu *c, struct vcpu *v)
{
	struct cpu *other = v->last_on;

	while (__atomic_load_n(&v->on, __ATOMIC_ACQUIRE))
		cpu_wait();
	__atomic_store_n(&v->last_on, c, __ATOMIC_SEQ_CST);
	v->on = c->id + 1;
	if (!other || other == c)
		return;
	while (__atomic_load_n(&other->rooted, __ATOMIC_ACQUIRE) == v) {
		if (c->loaded)
			unload(c);
		sched_kick(other, PENDING_SCHED);
		cpu_wait();
	}
}

// A flush that was asked for while the processor was idle is due now; loading
// a vCPU is one.
static void enter(struct cpu *c, struct vcpu *v, struct regs *r)
{
	bool late =
		__atomic_exchange_n(&c->flush_late, false, __ATOMIC_SEQ_CST);
	bool there = c->loaded == v && v->last_on == c;

	take(c, v);
	if (there) {
		vcpu_resume(v);
		if (late)
			tlb_flush_local();
	} else {
		vcpu_load(v, r);
		__atomic_store_n(&c->rooted, v, __ATOMIC_RELEASE);
		count(CNT_SWITCH);
	}
	clock_update(v);
	clock_update_runstate(v);
	vcpu_periodic_start(v);
}

// An idle processor keeps the last vCPU's state loaded for its return, unless
// that is not to be expected, or others were held up by it.
static bool stays_loaded(struct cpu *c)
{
	const struct vcpu *v = c->loaded;

	return vcpu_may_run(v) && v->state != VCPU_DOWN && !c->flushed_idle &&
	       __atomic_load_n(&v->last_on, __ATOMIC_SEQ_CST) == c;
}

void sched_pick(struct regs *r)
{
	struct cpu *c = cpu_this();
	struct vcpu *prev = c->curr, *next;

	__atomic_store_n(&quiet_seen[c->id],
			 __atomic_load_n(&quiet_epoch, __ATOMIC_SEQ_CST),
			 __ATOMIC_SEQ_CST);
	next = decide(c);
	count_for(c, next ? next->count : NULL);
	if (prev != next) {
		if (prev)
			leave(prev, r);
		if (next)
			enter(c, next, r);
	}
	if (!next && c->loaded && !stays_loaded(c))
		unload(c);
	c->flushed_idle = false;
	domains_reap();
}

static bool holds(const struct cpu *c, const struct vcpu *v)
{
	return READ_ONCE(c->loaded) == v || READ_ONCE(c->curr) == v ||
	       __atomic_load_n(&c->rooted, __ATOMIC_ACQUIRE) == v;
}

bool sched_detach(struct vcpu *v)
{
	bool detached = !__atomic_load_n(&v->on, __ATOMIC_ACQUIRE);

	for (u32 i = 0; i < cpu_count(); i++) {
		struct cpu *c = cpu_of(i);

		if (!holds(c, v))
			continue;
		if (c == cpu_this() && !c->curr) {
			unload(c);
			continue;
		}
		sched_kick(c, PENDING_SCHED);
		detached = false;
	}
	return detached;
}

bool domain_is_still(const struct domain *d)
{
	struct vcpu *v;

	for_each_vcpu (d, v)
		if (READ_ONCE(cpu_of(READ_ONCE(v->cpu))->curr) == v)
			return false;
	return true;
}

// ------------------------------------------------------------- quiet points

u32 sched_quiesce_begin(void)
{
	u32 epoch = __atomic_add_fetch(&quiet_epoch, 1, __ATOMIC_SEQ_CST);

	for (u32 i = 0; i < cpu_count(); i++)
		sched_kick(cpu_of(i), PENDING_SCHED);
	return epoch;
}

bool sched_quiesced(u32 epoch)
{
	for (u32 i = 0; i < cpu_count(); i++)
		if ((i32)(READ_ONCE(quiet_seen[i]) - epoch) < 0)
			return false;
	return true;
}
