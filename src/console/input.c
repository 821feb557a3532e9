// SPDX-License-Identifier: MIT
//
// What is typed on the serial line. It goes to dom0's console; ctrl-a three
// times in a row sends what follows to the hypervisor's debug keys instead,
// and three more times back to dom0.
#include "boot/boot.h"
#include "console/console.h"
#include "console/priv.h"
#include "events/events.h"
#include "irq/irq.h"
#include "sched/timer.h"

#define SWITCH_CHAR 1 // ctrl-a
#define SWITCH_COUNT 3
#define BUFFER_SIZE 1024u // power of two
#define POLL_NS 20000000ull

static struct lock lock = LOCK_INIT(LOCK_INPUT);
static char buffer[BUFFER_SIZE];
static u32 put_at, get_at;
static u32 switch_seen;
static bool to_hypervisor;
static struct timer poll_timer;

// A full buffer drops what comes: nobody reads it anyway.
static void queue(char c)
{
	if (put_at - get_at < BUFFER_SIZE)
		buffer[put_at++ % BUFFER_SIZE] = c;
}

static void switch_target(void)
{
	to_hypervisor = !to_hypervisor;
	log_at(LOG_ERROR, "input goes to %s (ctrl-a three times: back)%s\n",
	       to_hypervisor ? "the hypervisor" : "dom0",
	       to_hypervisor ? ", 'h' for help" : "");
}

static void deliver(char c)
{
	if (to_hypervisor) {
		debug_key(c);
		return;
	}
	lock_get(&lock);
	queue(c);
	lock_put(&lock);
}

static void input_char(char c)
{
	if (c == SWITCH_CHAR) {
		if (++switch_seen == SWITCH_COUNT) {
			switch_seen = 0;
			switch_target();
		}
		return;
	}
	for (; switch_seen; switch_seen--)
		deliver(SWITCH_CHAR); // it was not the sequence after all
	deliver(c);
}

size_t console_read(char *buf, size_t max)
{
	size_t n = 0;

	lock_get(&lock);
	while (n < max && get_at != put_at)
		buf[n++] = buffer[get_at++ % BUFFER_SIZE];
	lock_put(&lock);
	return n;
}

static void receive(void *arg)
{
	struct uart *u = arg;
	char text[64];
	size_t n, total = 0;

	while ((n = uart_read(u, text, sizeof(text))) && total < BUFFER_SIZE) {
		for (size_t i = 0; i < n; i++)
			input_char(text[i]);
		total += n;
	}
	if (put_at != get_at)
		virq_raise_global(VIRQ_CONSOLE);
}

static void poll(void *arg)
{
	receive(arg);
	timer_set(&poll_timer, now_ns() + POLL_NS);
}

static u32 isa_gsi(u8 irq)
{
	for (u32 i = 0; i < machine.override_count; i++)
		if (machine.override[i].isa_irq == irq)
			return machine.override[i].gsi;
	return irq;
}

// Input comes from the first serial line in use.
void console_init_input(void)
{
	struct uart *u = &console_uart[0];

	if (!u->port)
		u = &console_uart[1];
	if (!u->port)
		return;
	irq_register(VEC_UART, receive, u);
	if (!irq_route_gsi_hv(isa_gsi(u->irq), VEC_UART)) {
		uart_enable_irq(u);
		return;
	}
	log_info("serial line has no interrupt, looking 50 times a second\n");
	timer_init(&poll_timer, poll, u);
	timer_set(&poll_timer, now_ns() + POLL_NS);
}
