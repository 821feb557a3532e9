// SPDX-License-Identifier: MIT
//
// See watchdog.h. Processors that wait for a lock look after the others too: if
// all of them wait for one, no timer is taken any more.
#include "irq/watchdog.h"

#include "boot/boot.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "hw/cpu.h"
#include "irq/irq.h"
#include "sched/sched.h"

#define NS_PER_S 1000000000ull
#define DEFAULT_TIMEOUT_S 5
#define BEATS 4 // within the time that a processor may be silent
#define ANSWER_NS 500000000ull // in which an NMI must have been taken

// What a processor is asked by NMI: c->nmi_ask.
enum { ASK_NOTHING, ASK_WHERE, ASK_STUCK };

static u64 timeout_ns; // 0: nobody watches
static struct timer beat_timer[MAX_CPUS];
static bool watched[MAX_CPUS];

// The first that finds somebody silent deals with it: 1 + its number.
static u32 finder;

void watchdog_init(void)
{
	u32 seconds = boot_options.watchdog_timeout;

	if (boot_options.watchdog && !seconds)
		seconds = DEFAULT_TIMEOUT_S;
	timeout_ns = seconds * NS_PER_S;
	finder = 0;
}

static void beat(void *arg)
{
	watchdog_touch();
	watchdog_look();
	if (READ_ONCE(timeout_ns))
		timer_set(arg, now_ns() + timeout_ns / BEATS);
}

// The way to see that the watchdog works.
static void hang(void)
{
	log_error("this processor hangs now, to try the watchdog\n");
	for (;;)
		cpu_pause();
}

void watchdog_init_cpu(struct cpu *c)
{
	struct timer *t = &beat_timer[c->id];

	if (!timeout_ns)
		return;
	timer_init(t, beat, t);
	beat(t);
	WRITE_ONCE(watched[c->id], true);
	if (c->id)
		return;
	log_info("watchdog: a processor silent for %u s stops the machine\n",
		 (u32)(timeout_ns / NS_PER_S));
	debug_key_register('W', "hang, to try the watchdog", hang);
}

void watchdog_touch(void)
{
	WRITE_ONCE(cpu_this()->alive_ns, now_ns());
}

void watchdog_off(void)
{
	WRITE_ONCE(timeout_ns, 0);
}

// -------------------------------------------------------------------- asking

static void ask(struct cpu *c, u32 what)
{
	__atomic_store_n(&c->nmi_ask, what, __ATOMIC_SEQ_CST);
	apic_send_nmi(c->apic_id);
}

// False: it did not take the NMI.
static bool answered(struct cpu *c)
{
	u64 end = now_ns() + ANSWER_NS;

	while (__atomic_load_n(&c->nmi_ask, __ATOMIC_ACQUIRE)) {
		if (now_ns() >= end)
			return false;
		cpu_pause();
	}
	return true;
}

static void show_other(struct cpu *c)
{
	ask(c, ASK_WHERE);
	if (!answered(c))
		log_error("processor %u takes no NMI\n", c->id);
}

static void show_others(void)
{
	for (u32 i = 0; i < cpu_count(); i++)
		if (cpu_of(i)->online && cpu_of(i) != cpu_this())
			show_other(cpu_of(i));
}

void watchdog_show_all(void)
{
	dump_regs(guest_regs());
	show_others();
}

// ------------------------------------------------------------------- looking

// What was seen of a silent processor, and when first. All may have been silent
// because the whole machine was stopped: each gets some time to come forward.
static struct {
	u64 alive_ns, since_ns;
} suspect[MAX_CPUS];

static bool is_stuck(const struct cpu *c, u64 now, u64 limit)
{
	u64 alive = READ_ONCE(c->alive_ns);

	if (!READ_ONCE(watched[c->id]) || alive + limit >= now)
		return false;
	if (READ_ONCE(suspect[c->id].alive_ns) != alive) {
		WRITE_ONCE(suspect[c->id].since_ns, now);
		WRITE_ONCE(suspect[c->id].alive_ns, alive);
		return false;
	}
	return READ_ONCE(suspect[c->id].since_ns) + limit / BEATS < now;
}

static void deal_with(struct cpu *c)
{
	u32 nobody = 0;

	if (!__atomic_compare_exchange_n(&finder, &nobody, 1 + cpu_this()->id,
					 false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return;
	ask(c, ASK_STUCK);
	// If it can, it stops the machine itself and tells why.
	if (answered(c))
		return;
	panic("processor %u is stuck and takes no NMI", c->id);
}

void watchdog_look(void)
{
	u64 limit = READ_ONCE(timeout_ns), now = now_ns();

	if (!limit || READ_ONCE(finder))
		return;
	for (u32 i = 0; i < cpu_count(); i++)
		if (cpu_of(i) != cpu_this() && is_stuck(cpu_of(i), now, limit))
			deal_with(cpu_of(i));
}

// ----------------------------------------------------------------- answering

// With interrupts on it is none of ours: it would have taken its timer soon.
static void stuck(const struct regs *r)
{
	if (r->rflags & RFLAGS_IF) {
		watchdog_touch();
		__atomic_store_n(&finder, 0, __ATOMIC_SEQ_CST);
		return;
	}
	watchdog_off();
	console_force();
	log_error("watchdog: processor %u is stuck\n", cpu_this()->id);
	dump_regs(r);
	show_others();
	panic("watchdog: processor %u was stuck, see above", cpu_this()->id);
}

// Who was asked to stop the machine says at once that it heard; who only tells,
// when it has told.
bool watchdog_nmi(const struct regs *r)
{
	struct cpu *c = cpu_this();
	u32 what = __atomic_load_n(&c->nmi_ask, __ATOMIC_SEQ_CST);

	if (what == ASK_NOTHING)
		return false;
	if (what == ASK_WHERE)
		dump_regs(r);
	__atomic_store_n(&c->nmi_ask, ASK_NOTHING, __ATOMIC_SEQ_CST);
	if (what == ASK_STUCK)
		stuck(r);
	return true;
}
