// SPDX-License-Identifier: MIT
//
// A processor's run queue: the vCPUs that wait for it, in the order of their
// virtual times. It is a treap (a search tree by key that is a heap by a random
// number each vCPU has for life; Seidel and Aragon, "Randomized Search Trees",
// 1996), so all is O(log n) without memory of its own.
#pragma once

#include "lib/list.h"
#include "lib/lock.h"
#include "lib/types.h"
#include "sched/timer.h"

struct vcpu;

struct run_queue {
	struct lock lock; // guards all here, and the states of its vCPUs
	struct vcpu *root;
	struct vcpu *first; // with the lowest key
	u32 waiting; // how many there are
	u64 offset; // a vCPU's virtual time is its key and this
	u64 vt; // the queue's own virtual time; never goes back
	u32 picks; // how often one was taken out to run
	bool urgent; // somebody has an event for one that waits
	u32 cpu;
	u32 next_other; // where to look first when balancing
	u64 balanced_ns; // when that was done last
	struct timer slice; // when the running vCPU has to give way

	// When the processor became idle, 0: it is not; and how long it was in
	// all, before that.
	u64 idle_since_ns, idle_ns;
};

// A place in a run queue; part of struct vcpu.
struct run_place {
	struct vcpu *up, *left, *right;
	u64 key;
	u32 random; // the heap's order
	bool waits; // is in the queue
};

// Virtual times wrap, after months; near each other they compare like this.
static inline bool vt_before(u64 a, u64 b)
{
	return (i64)(a - b) < 0;
}

static inline u64 vt_later(u64 a, u64 b)
{
	return vt_before(a, b) ? b : a;
}

// Puts v, which is in no queue, in its place by v->vt, behind equals.
void queue_insert(struct run_queue *q, struct vcpu *v);
// Takes v out.
void queue_remove(struct run_queue *q, struct vcpu *v);
// Who comes after v, or 0.
struct vcpu *queue_next(const struct vcpu *v);
// Adds delta to the virtual times of all that wait.
static inline void queue_shift(struct run_queue *q, u64 delta)
{
	q->offset += delta;
	q->vt += delta;
}
// v's virtual time, whether it waits in q or not.
u64 queue_vt(const struct run_queue *q, const struct vcpu *v);
