// SPDX-License-Identifier: MIT
//
// Timers. Each processor has a binary heap with the earliest timer at its root
// and one hardware interrupt, armed for that one. An interrupt armed too early
// is left alone when the earliest timer goes away or moves back: taking one
// for nothing is rare, and cheaper than moving it at every change, as guests
// set and stop their timer whenever they go idle. Only a processor that expects
// to be idle for long moves it, not to be woken for nothing.
#include "sched/timer.h"

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "irq/irq.h"
#include "lib/string.h"
#include "mm/mm.h"

#define FIRST_CAPACITY 256 // one vCPU needs three

int timer_queue_init(struct cpu *c)
{
	struct timer **heap = kalloc(FIRST_CAPACITY * sizeof(*heap));

	if (!heap)
		return -ENOMEM;
	c->timers = (struct timer_queue){
		.lock = LOCK_INIT(LOCK_TIMER),
		.heap = heap,
		.capacity = FIRST_CAPACITY,
	};
	return 0;
}

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg)
{
	*t = (struct timer){.fn = fn, .arg = arg};
}

// ------------------------------------------------------------------- heap

static void heap_put(struct timer_queue *q, u32 i, struct timer *t)
{
	q->heap[i] = t;
	WRITE_ONCE(t->slot, i + 1);
}

static bool heap_less(const struct timer_queue *q, u32 a, u32 b)
{
	return q->heap[a]->expires_ns < q->heap[b]->expires_ns;
}

static void heap_swap(struct timer_queue *q, u32 a, u32 b)
{
	struct timer *t = q->heap[a];

	heap_put(q, a, q->heap[b]);
	heap_put(q, b, t);
}

static void heap_up(struct timer_queue *q, u32 i)
{
	for (; i > 0 && heap_less(q, i, (i - 1) / 2); i = (i - 1) / 2)
		heap_swap(q, i, (i - 1) / 2);
}

static void heap_down(struct timer_queue *q, u32 i)
{
	for (;;) {
		u32 child = 2 * i + 1;

		if (child >= q->count)
			return;
		if (child + 1 < q->count && heap_less(q, child + 1, child))
			child++;
		if (!heap_less(q, child, i))
			return;
		heap_swap(q, i, child);
		i = child;
	}
}

static void heap_grow(struct timer_queue *q)
{
	struct timer **heap = kalloc(2 * q->capacity * sizeof(*heap));

	// A vCPU takes far more memory than the few bytes here; whoever made
	// so many of them stops getting vCPUs long before this fails.
	bug_on(!heap);
	memcpy(heap, q->heap, q->count * sizeof(*heap));
	kfree(q->heap);
	q->heap = heap;
	q->capacity *= 2;
}

static void heap_insert(struct timer_queue *q, struct timer *t)
{
	if (q->count == q->capacity)
		heap_grow(q);
	heap_put(q, q->count, t);
	heap_up(q, q->count++);
}

static void heap_remove(struct timer_queue *q, struct timer *t)
{
	u32 i = t->slot - 1;

	WRITE_ONCE(t->slot, 0);
	q->count--;
	if (i == q->count)
		return;
	heap_put(q, i, q->heap[q->count]);
	heap_up(q, i);
	heap_down(q, i);
}

// ----------------------------------------------------------------- queues

// Locks the queue that t is on, or was on last. Only the holder of that lock
// may take t to another queue.
static struct timer_queue *queue_lock_of(const struct timer *t)
{
	for (;;) {
		u32 cpu = READ_ONCE(t->cpu);
		struct timer_queue *q = &cpu_of(cpu)->timers;

		lock_get(&q->lock);
		if (READ_ONCE(t->cpu) == cpu)
			return q;
		lock_put(&q->lock);
	}
}

static void queue_arm(struct timer_queue *q)
{
	u64 first = q->count ? q->heap[0]->expires_ns : 0;

	if (!first || (q->armed_ns && q->armed_ns <= first))
		return;
	q->armed_ns = first;
	apic_timer_set(first);
}

// With no timer left it may stay.
void timer_settle(void)
{
	struct timer_queue *q = &cpu_this()->timers;

	lock_get(&q->lock);
	if (q->count && q->armed_ns && q->armed_ns < q->heap[0]->expires_ns) {
		q->armed_ns = 0;
		queue_arm(q);
	}
	lock_put(&q->lock);
}

void timer_set(struct timer *t, u64 expires_ns)
{
	u32 here = cpu_this()->id;
	struct timer_queue *q = queue_lock_of(t);

	for (;;) {
		if (t->slot)
			heap_remove(q, t);
		if (t->cpu == here)
			break;
		WRITE_ONCE(t->cpu, here);
		lock_put(&q->lock);
		q = queue_lock_of(t);
	}
	t->expires_ns = max(expires_ns, (u64)1);
	heap_insert(q, t);
	queue_arm(q);
	lock_put(&q->lock);
}

void timer_cancel(struct timer *t)
{
	u32 self = 1 + cpu_this()->id;

	for (;;) {
		struct timer_queue *q = queue_lock_of(t);

		if (t->slot)
			heap_remove(q, t);

		u32 running = READ_ONCE(t->running);

		lock_put(&q->lock);
		if (!running || running == self)
			return;
		lock_spin();
	}
}

// Takes the first timer if it is due, and marks it as running here.
static struct timer *queue_take_due(struct timer_queue *q, u64 now)
{
	struct timer *t = q->count ? q->heap[0] : NULL;

	if (!t || t->expires_ns > now)
		return NULL;
	heap_remove(q, t);
	WRITE_ONCE(t->running, 1 + cpu_this()->id);
	return t;
}

// Waits for a timer that moved here while another processor was still inside
// its function. Returns with the lock held.
static void queue_wait_first(struct timer_queue *q)
{
	while (q->count && READ_ONCE(q->heap[0]->running)) {
		lock_put(&q->lock);
		lock_spin();
		lock_get(&q->lock);
	}
}

void timer_run(void)
{
	struct timer_queue *q = &cpu_this()->timers;
	u64 now = now_ns();
	struct timer *t;

	lock_get(&q->lock);
	q->armed_ns = 0;
	// Functions that set their timer again to a past time wait for the
	// next interrupt: no more are called than there were.
	for (u32 n = q->count; n > 0; n--) {
		queue_wait_first(q);
		t = queue_take_due(q, now);
		if (!t)
			break;
		lock_put(&q->lock);
		t->fn(t->arg);
		__atomic_store_n(&t->running, 0, __ATOMIC_RELEASE);
		lock_get(&q->lock);
	}
	queue_arm(q);
	lock_put(&q->lock);
}
