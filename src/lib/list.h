// SPDX-License-Identifier: MIT
//
// Doubly linked circular list with a head node.
#pragma once

#include "lib/types.h"

struct list {
	struct list *next, *prev;
};

// Makes l an empty list, or a node that is on none.
static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

// True for a head without nodes, and for a node that is on no list.
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

// Puts a node that is on no list at the end (head: in front) of one.
static inline void list_add_tail(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

// The same at the beginning.
static inline void list_add_head(struct list *head, struct list *node)
{
	list_add_tail(head->next, node);
}

// Takes node off its list. Safe to call again on a node that is off every list
// already.
static inline void list_del(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

// The structure of which p is the member.
#define list_entry(p, type, member) container_of(p, type, member)
// The body must not take pos off the list.
#define list_for_each(pos, head) \
	for (pos = (head)->next; pos != (head); pos = pos->next)
