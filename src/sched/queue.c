// SPDX-License-Identifier: MIT
//
// See queue.h.
#include "sched/queue.h"

#include "domain/domain.h"

static struct vcpu **link_to(struct run_queue *q, const struct vcpu *v)
{
	struct vcpu *up = v->place.up;

	if (!up)
		return &q->root;
	return up->place.left == v ? &up->place.left : &up->place.right;
}

// Exchanges v with the one above it; the order by key stays.
static void rotate_up(struct run_queue *q, struct vcpu *v)
{
	struct vcpu *up = v->place.up;
	bool is_left = up->place.left == v;
	struct vcpu *middle = is_left ? v->place.right : v->place.left;

	*link_to(q, up) = v;
	v->place.up = up->place.up;
	if (is_left) {
		up->place.left = middle;
		v->place.right = up;
	} else {
		up->place.right = middle;
		v->place.left = up;
	}
	up->place.up = v;
	if (middle)
		middle->place.up = up;
}

static void insert_leaf(struct run_queue *q, struct vcpu *v)
{
	struct vcpu **link = &q->root, *up = NULL;
	bool is_first = true;

	while (*link) {
		up = *link;
		if (vt_before(v->place.key, up->place.key)) {
			link = &up->place.left;
		} else {
			link = &up->place.right;
			is_first = false;
		}
	}
	*link = v;
	v->place.up = up;
	v->place.left = v->place.right = NULL;
	if (is_first)
		q->first = v;
}

void queue_insert(struct run_queue *q, struct vcpu *v)
{
	v->place.key = v->vt - q->offset;
	insert_leaf(q, v);
	while (v->place.up && v->place.random > v->place.up->place.random)
		rotate_up(q, v);
	v->place.waits = true;
	q->waiting++;
}

// Which of v's children may come above the other; 0 for a leaf.
static struct vcpu *upper_child(const struct vcpu *v)
{
	struct vcpu *l = v->place.left, *r = v->place.right;

	if (!l || !r)
		return l ? l : r;
	return l->place.random > r->place.random ? l : r;
}

void queue_remove(struct run_queue *q, struct vcpu *v)
{
	struct vcpu *child;

	if (q->first == v)
		q->first = queue_next(v);
	while ((child = upper_child(v)))
		rotate_up(q, child);
	*link_to(q, v) = NULL;
	v->vt = v->place.key + q->offset;
	v->place.waits = false;
	q->waiting--;
}

struct vcpu *queue_next(const struct vcpu *v)
{
	struct vcpu *n = v->place.right;

	if (n) {
		while (n->place.left)
			n = n->place.left;
		return n;
	}
	for (n = v->place.up; n && n->place.right == v; n = n->place.up)
		v = n;
	return n;
}

u64 queue_vt(const struct run_queue *q, const struct vcpu *v)
{
	return v->place.waits ? v->place.key + q->offset : v->vt;
}
