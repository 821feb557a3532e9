// SPDX-License-Identifier: MIT
//
// Looks on while locks are taken, in debug builds. Each processor remembers
// what it holds; a lock that comes earlier in the order than one of these, or
// one that it holds already, stops the machine with a list of them. Also keeps
// for each class how long one was held at most, in time and in units of
// preempt_due(), and by whom: debug key 'l' shows that.
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/lockcheck.h"
#include "lib/lock.h"
#include "sched/timer.h"

static const char *const names[LOCK_CLASSES] = {
	[LOCK_UNKNOWN] = "(none)",    [LOCK_CONTROL] = "control",
	[LOCK_REAP] = "reap",         [LOCK_DOMAIN_LIST] = "domain list",
	[LOCK_WALL] = "wall clock",   [LOCK_SETUP] = "setup",
	[LOCK_DOMAIN] = "domain",     [LOCK_EVENT] = "event",
	[LOCK_SHUTDOWN] = "shutdown", [LOCK_QUEUE] = "run queue",
	[LOCK_TIMER] = "timer",       [LOCK_RANGESET] = "rangeset",
	[LOCK_IRQ] = "irq",           [LOCK_IO_RULES] = "io rules",
	[LOCK_HVMAP] = "hvmap",       [LOCK_GRANT] = "grant",
	[LOCK_MIRRORS] = "mirrors",   [LOCK_DIRTY] = "dirty log",
	[LOCK_CLAIM] = "claim",       [LOCK_KALLOC] = "kalloc",
	[LOCK_HEAP] = "heap",         [LOCK_PORTS] = "ports",
	[LOCK_INPUT] = "input",       [LOCK_CONSOLE] = "console",
};

// Atomic, but for a maximum and its place, which may not fit each other when
// two processors set a record at the same time.
static struct {
	u64 taken, waited;
	u64 longest_ns, longest_rip;
	u32 most_work;
	u64 most_work_rip;
} seen[LOCK_CLASSES];

static bool pairs_by_address(u32 class)
{
	return class == LOCK_EVENT;
}

static void list_held(void)
{
	struct held_locks *h = &cpu_this()->locks;
	char who[80];

	for (u32 i = 0; i < min(h->count, (u32)LOCKS_HELD_MAX); i++) {
		symbol_name(h->at[i].rip, who, sizeof(who));
		log_error("  holds %s, taken in %s\n",
			  names[h->at[i].lock->class], who);
	}
}

// The log's own lock may be the one in question.
static no_return void report(const char *what, const struct lock *l)
{
	console_force();
	log_error("lock '%s' of processor %u: %s\n", names[l->class],
		  cpu_this()->id, what);
	list_held();
	bug(what);
}

static bool in_order(const struct lock *held, const struct lock *next)
{
	if (held->class != next->class)
		return held->class < next->class;
	return pairs_by_address(next->class) && held < next;
}

void lock_check_wait(const struct lock *l)
{
	struct held_locks *h = &cpu_this()->locks;

	if (l->class == LOCK_UNKNOWN)
		report("it has no class", l);
	for (u32 i = 0; i < h->count; i++) {
		if (h->at[i].lock == l)
			report("it is held already", l);
		if (!in_order(h->at[i].lock, l))
			report("taken in the wrong order", l);
	}
}

// The count goes up first: an NMI that logs in between leaves it as it was.
void lock_check_taken(const struct lock *l, bool waited)
{
	struct held_locks *h = &cpu_this()->locks;
	u32 i = h->count;

	if (i == LOCKS_HELD_MAX)
		report("too many are held", l);
	WRITE_ONCE(h->count, i + 1);
	h->at[i] = (struct held_lock){
		.lock = l,
		.rip = (u64)__builtin_return_address(0),
		.since_ns = now_ns(),
		.work = cpu_this()->work,
	};
	__atomic_fetch_add(&seen[l->class].taken, 1, __ATOMIC_RELAXED);
	if (waited)
		__atomic_fetch_add(&seen[l->class].waited, 1, __ATOMIC_RELAXED);
}

static void note(const struct held_lock *was)
{
	u64 ns = now_ns() - was->since_ns;
	u32 work = cpu_this()->work - was->work;
	u32 class = was->lock->class;

	if (ns > READ_ONCE(seen[class].longest_ns)) {
		WRITE_ONCE(seen[class].longest_ns, ns);
		WRITE_ONCE(seen[class].longest_rip, was->rip);
	}
	if (work > READ_ONCE(seen[class].most_work)) {
		WRITE_ONCE(seen[class].most_work, work);
		WRITE_ONCE(seen[class].most_work_rip, was->rip);
	}
}

void lock_check_put(const struct lock *l)
{
	struct held_locks *h = &cpu_this()->locks;
	u32 i = h->count;

	while (i > 0 && h->at[i - 1].lock != l)
		i--;
	if (!i)
		report("let go without being held", l);
	note(&h->at[i - 1]);
	for (; i < h->count; i++)
		h->at[i - 1] = h->at[i];
	WRITE_ONCE(h->count, h->count - 1);
}

void lock_check_none(void)
{
	struct held_locks *h = &cpu_this()->locks;

	if (unlikely(h->count))
		report("still held on the way out", h->at[h->count - 1].lock);
}

static void print_class(u32 class)
{
	char where[80], work_where[80] = "";

	if (!seen[class].taken)
		return;
	symbol_name(seen[class].longest_rip, where, sizeof(where));
	if (seen[class].most_work)
		symbol_name(seen[class].most_work_rip, work_where,
			    sizeof(work_where));
	log_error("  %s: taken %lu, waited for %lu, longest %lu us in %s, "
		  "at most %u units %s\n",
		  names[class], seen[class].taken, seen[class].waited,
		  seen[class].longest_ns / 1000, where, seen[class].most_work,
		  work_where);
}

static void print(void)
{
	log_error("locks, in their order:\n");
	for (u32 i = 0; i < LOCK_CLASSES; i++)
		print_class(i);
}

void lockcheck_init(void)
{
	if (RF_DEBUG)
		debug_key_register('l', "locks: how often, how long", print);
}
