// SPDX-License-Identifier: MIT
//
// The policy: who of those that wait runs next, where, and for how long.
//
// On one processor it is start-time fair queueing (Goyal, Guo, Vin, "A
// Hierarchical CPU Scheduler for Multimedia Operating Systems", OSDI 1996): a
// vCPU's virtual time advances with the time it runs, the slower the larger its
// weight, and the one with the earliest runs next. Who has slept starts at the
// queue's time less a bonus, so he goes before those who did not sleep, and
// gains no more by it than the bonus.
//
// Between processors it is the idea of GVTS (Kim, Choi, Huh, "Global Virtual
// Time Fair Scheduling to Support Strict Fairness on Many Cores", IEEE TPDS
// 30(1), 2019): virtual times mean the same on all processors, and a vCPU that
// waits on one that lags is moved to one that is ahead. So three vCPUs share
// two processors evenly, though at any moment one has a processor for itself.
// Where affinity keeps queues apart their times drift; what is more than FAR is
// forgiven, so that no old debt can starve anyone.
//
// All of it is called with the lock of the queue held.
#include "sched/priv.h"

#include "cpu/cpu.h"

#define SLICE_NS 5000000ull
#define LATE_NS 1000000ull
#define NS_PER_US 1000ull
#define VT_PER_NS 4096ull // at weight 1
#define AT_WEIGHT_256(ns) ((ns) * (VT_PER_NS / 256))

#define BONUS AT_WEIGHT_256(SLICE_NS) // of who has slept
#define GAP AT_WEIGHT_256(SLICE_NS) // between queues, worth a move
#define FAR AT_WEIGHT_256(10 * SLICE_NS)

#define CANDIDATES 16 // looked at for one to move
#define LOOKS 4 // at other processors, each time
#define TRIES 1000 // for the lock of another queue

static struct run_queue queues[MAX_CPUS];
static u64 idle_map[CPU_WORDS];
// Of the busiest queues; where one starts that was idle for long.
static u64 latest_vt;

struct run_queue *queue_of(u32 cpu)
{
	return &queues[cpu];
}

void fair_init_cpu(u32 cpu)
{
	queues[cpu] = (struct run_queue){
		.lock = LOCK_INIT(LOCK_QUEUE),
		.cpu = cpu,
		.next_other = cpu + 1,
	};
}

// ------------------------------------------------------------- virtual time

static u64 vt_of(const struct vcpu *v, u64 ns)
{
	return ns * VT_PER_NS / max(READ_ONCE(v->domain->sched_weight), 1);
}

void fair_charge(struct vcpu *v, u64 now)
{
	u64 ran = now - v->charged_ns;

	if (now <= v->charged_ns)
		return;
	v->charged_ns = now;
	v->vt += vt_of(v, ran);
	cap_charge(v->domain, ran);
}

static struct vcpu *running(const struct run_queue *q)
{
	struct vcpu *v = cpu_of(q->cpu)->curr;

	return v && v->state == VCPU_RUNNING ? v : NULL;
}

static bool is_empty(const struct run_queue *q)
{
	return !running(q) && !q->first;
}

// The earliest of those who run or wait; the queue's time follows it, though
// never back.
static u64 earliest(struct run_queue *q, u64 now)
{
	struct vcpu *v = running(q);
	u64 vt;

	if (v)
		fair_charge(v, now);
	if (!v || (q->first && vt_before(queue_vt(q, q->first), v->vt)))
		v = q->first;
	vt = v ? queue_vt(q, v) : q->vt;
	q->vt = vt_later(q->vt, vt);
	return vt;
}

// Who comes from elsewhere or from sleep starts near the others.
static void bring_near(struct run_queue *q, struct vcpu *v, u64 behind)
{
	u64 most = q->vt + FAR + vt_of(v, SLICE_NS);

	v->vt = vt_later(v->vt, q->vt - behind);
	if (vt_before(most, v->vt))
		v->vt = most;
}

// Who has slept goes before one who was not earlier when his turn began.
static bool may_preempt(const struct run_queue *q, const struct vcpu *v)
{
	const struct vcpu *r = running(q);

	return r && !vt_before(r->slice_vt, v->vt);
}

// For the administrator, and for the tests: what was decided, since what became
// of it depends on how busy an emulator's host is as well. So does what a vCPU
// has used: time in which the host ran something else is charged to it.
static void note_wake(const struct run_queue *q, struct vcpu *v, u64 now)
{
	const struct vcpu *r = running(q);

	v->owes = r && vt_before(r->slice_vt, queue_vt(q, v));
	v->picks_then = q->picks;
	v->must_wait = r && fair_tick(q, r) > now + LATE_NS;
}

void fair_insert(struct run_queue *q, struct vcpu *v, enum arrival how, u64 now)
{
	if (how != EXPIRED) {
		if (is_empty(q)) {
			q->vt = vt_later(q->vt, READ_ONCE(latest_vt) - FAR);
			q->vt = vt_later(q->vt, v->vt - FAR);
		}
		(void)earliest(q, now);
		bring_near(q, v, how == WOKEN ? BONUS : FAR);
		q->urgent |= how == WOKEN && may_preempt(q, v);
	}
	queue_insert(q, v);
	v->woken = how == WOKEN;
	if (v->woken)
		note_wake(q, v, now);
}

void fair_remove(struct run_queue *q, struct vcpu *v)
{
	if (v->parked)
		v->parked = false;
	else
		queue_remove(q, v);
}

// ------------------------------------------------------------ who and how long

// The first behind v (0: of all) that its domain's cap lets run.
static struct vcpu *next_allowed(struct run_queue *q, const struct vcpu *v)
{
	struct vcpu *n;

	while ((n = v ? queue_next(v) : q->first) && !cap_allows(n->domain)) {
		queue_remove(q, n);
		n->parked = true;
	}
	return n;
}

static void count_wake(struct run_queue *q, struct vcpu *v)
{
	if (v->woken && v->owes) {
		v->owing_wakes++;
	} else if (v->woken) {
		v->wakes++;
		v->late_wakes += v->must_wait || q->picks != v->picks_then;
	}
	v->woken = false;
	q->picks++;
}

struct vcpu *fair_pick(struct run_queue *q, const struct vcpu *last, u64 now)
{
	struct vcpu *v = next_allowed(q, NULL), *other;

	if (v && v == last) {
		other = next_allowed(q, v);
		v = other ? other : v;
	}
	if (!v)
		return NULL;
	queue_remove(q, v);
	q->vt = vt_later(q->vt, v->vt);
	q->urgent = false;
	v->slice_start_ns = v->charged_ns = now;
	v->slice_vt = v->vt;
	count_wake(q, v);
	return v;
}

u64 fair_tick(const struct run_queue *q, const struct vcpu *v)
{
	u64 least = READ_ONCE(sched_ratelimit_us) * NS_PER_US;
	u64 when = cap_until(v);

	if (!q->first)
		return when;
	if (!q->urgent && !vt_before(queue_vt(q, q->first), v->slice_vt))
		least = max(least, SLICE_NS);
	return min(when, v->slice_start_ns + least);
}

// ------------------------------------------------------------------- where

static bool in_map(const u64 *map, u32 cpu)
{
	return READ_ONCE(map[cpu / 64]) >> (cpu % 64) & 1;
}

bool fair_allowed(const struct vcpu *v, u32 cpu)
{
	return in_map(v->affinity, cpu);
}

static bool is_liked(const struct vcpu *v, u32 cpu)
{
	return fair_allowed(v, cpu) && in_map(v->affinity_soft, cpu);
}

void fair_set_idle(u32 cpu, bool idle)
{
	u64 bit = BIT(cpu % 64), *word = &idle_map[cpu / 64];

	if (idle == in_map(idle_map, cpu))
		return;
	if (idle)
		__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
}

// Two that look for an idle processor at the same time do not get the same.
static bool claim(u32 cpu)
{
	u64 bit = BIT(cpu % 64), *word = &idle_map[cpu / 64];

	return __atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST) & bit;
}

// An idle processor in v's affinity and `also`.
static bool claim_idle(const struct vcpu *v, const u64 *also, u32 *cpu)
{
	for (u32 w = 0; w < CPU_WORDS; w++) {
		u64 bits = READ_ONCE(idle_map[w]) & READ_ONCE(v->affinity[w]);

		for (bits &= READ_ONCE(also[w]); bits; bits &= bits - 1) {
			*cpu = w * 64 + (u32)__builtin_ctzll(bits);
			if (claim(*cpu))
				return true;
		}
	}
	return false;
}

static u32 least_loaded(const struct vcpu *v)
{
	u32 best = v->cpu, least = ~0u;

	for (u32 i = 0; i < cpu_count(); i++) {
		u32 waiting = READ_ONCE(queues[i].waiting);

		if (fair_allowed(v, i) && waiting < least) {
			best = i;
			least = waiting;
		}
	}
	return best;
}

u32 fair_place(const struct vcpu *v)
{
	u32 cpu;

	if (is_liked(v, v->cpu) && claim(v->cpu))
		return v->cpu;
	if (claim_idle(v, v->affinity_soft, &cpu))
		return cpu;
	if (fair_allowed(v, v->cpu) && claim(v->cpu))
		return v->cpu;
	if (claim_idle(v, v->affinity, &cpu))
		return cpu;
	return fair_allowed(v, v->cpu) ? v->cpu : least_loaded(v);
}

void fair_call_idle(const struct vcpu *v)
{
	u32 cpu;

	if (claim_idle(v, v->affinity, &cpu))
		sched_kick(cpu_of(cpu), PENDING_SCHED);
}

// -------------------------------------------------------------- balancing

// One of those that wait from v on and could run on cpu, rather one that would
// like to. One whose registers are still being saved stays.
static struct vcpu *find_movable(struct vcpu *v, u32 cpu)
{
	struct vcpu *found = NULL;

	for (u32 i = 0; v && i < CANDIDATES; i++, v = queue_next(v)) {
		if (__atomic_load_n(&v->on, __ATOMIC_ACQUIRE) ||
		    !fair_allowed(v, cpu) || !cap_allows(v->domain))
			continue;
		if (is_liked(v, cpu))
			return v;
		found = found ? found : v;
	}
	return found;
}

static void move(struct run_queue *from, struct run_queue *to, struct vcpu *v,
		 u64 now)
{
	queue_remove(from, v);
	v->cpu = to->cpu;
	fair_insert(to, v, MOVED, now);
}

// Queues that cannot or need not exchange vCPUs drift apart. The late one is
// brought near, as a whole.
static void catch_up(struct run_queue *q, i64 behind)
{
	struct vcpu *v = running(q);
	u64 by = (u64)behind - FAR;

	if (behind <= (i64)FAR)
		return;
	queue_shift(q, by);
	if (v) {
		v->vt += by;
		v->slice_vt += by;
	}
}

// Both are locked. True when one was moved.
static bool push_one(struct run_queue *q, struct run_queue *other, u64 now)
{
	struct vcpu *v = find_movable(q->first, other->cpu);
	i64 ahead;

	if (!v)
		return false;
	if (!is_empty(other)) {
		ahead = (i64)(earliest(other, now) - queue_vt(q, v));
		catch_up(q, ahead);
		catch_up(other, -ahead);
		if (ahead <= (i64)GAP || !is_liked(v, other->cpu))
			return false;
	}
	move(q, other, v, now);
	sched_look(other, now);
	return true;
}

// Waiting for the lock of another queue while one's own is held could be for
// ever.
static bool lock_other(struct run_queue *q)
{
	for (u32 i = 0; i < TRIES; i++) {
		if (lock_try(&q->lock))
			return true;
		lock_spin();
	}
	return false;
}

static struct run_queue *next_other(struct run_queue *q)
{
	u32 cpu = q->next_other++ % cpu_count();

	return cpu == q->cpu ? NULL : &queues[cpu];
}

void fair_balance(struct run_queue *q, u64 now)
{
	struct run_queue *other;
	bool moved = false;

	if (now - q->balanced_ns < SLICE_NS || !q->first)
		return;
	q->balanced_ns = now;
	if (vt_before(latest_vt, q->vt))
		WRITE_ONCE(latest_vt, q->vt);
	for (u32 i = 0; i < LOOKS && i < cpu_count() && !moved; i++) {
		other = next_other(q);
		if (!other || !lock_try(&other->lock))
			continue;
		moved = push_one(q, other, now);
		lock_put(&other->lock);
	}
}

// The first that waits where nobody runs is left: the processor has been called
// for it. Who goes to sleep right after he has woken another would take that
// one along, from a processor that wakes up for it in vain, and then be in its
// way himself when it is his turn to be woken.
static struct vcpu *first_to_steal(const struct run_queue *q)
{
	return running(q) || !q->first ? q->first : queue_next(q->first);
}

void fair_steal(struct run_queue *q, u64 now)
{
	struct run_queue *other;
	struct vcpu *v = NULL;

	for (u32 i = 0; i < cpu_count() && !v; i++) {
		other = next_other(q);
		if (!other || !READ_ONCE(other->waiting) || !lock_other(other))
			continue;
		v = find_movable(first_to_steal(other), q->cpu);
		if (v)
			move(other, q, v, now);
		lock_put(&other->lock);
	}
}
