// SPDX-License-Identifier: MIT
//
// 16550 UART. The transmit FIFO is filled 16 bytes at a time and asked about
// only when those are used up, because each port access is slow (and very slow
// under an emulator).
#include "console/uart.h"

#include "console/console.h"
#include "hw/cpu.h"
#include "lib/string.h"

#define REG_DATA 0
#define REG_IER 1
#define REG_FCR 2
#define REG_LCR 3
#define REG_MCR 4
#define REG_LSR 5

#define IER_RECEIVED 0x01
#define FCR_ON_AND_CLEAR 0x07
#define LCR_DLAB 0x80
#define MCR_DTR_RTS_OUT2 0x0b // OUT2 lets the interrupt through
#define LSR_RECEIVED 0x01
#define LSR_SEND_EMPTY 0x20

#define FIFO_SIZE 16
#define BASE_BAUD 115200
// Far longer than 16 characters take at 1200 baud.
#define PATIENCE 4000000
#define IMPATIENCE 100

struct line {
	u32 baud; // 0: keep
	u8 lcr; // 0: keep
	u16 port;
	u8 irq;
};

static u8 uart_in(const struct uart *u, u16 reg)
{
	return port_inb((u16)(u->port + reg));
}

static void uart_out(const struct uart *u, u16 reg, u8 v)
{
	port_outb((u16)(u->port + reg), v);
}

// "8n1" and so on: data bits, parity, stop bits as the LCR has them.
static u8 parse_frame(const char *text)
{
	static const char parities[] = "noems";
	const char *parity;

	if (text[0] < '5' || text[0] > '8' || text[2] < '1' || text[2] > '2')
		return 0;
	parity = memchr(parities, text[1], 5);
	if (!parity)
		return 0;
	return (u8)((text[0] - '5') | (text[2] == '2' ? 4 : 0) |
		    (parity == parities ? 0 : (parity - parities) * 16 - 8));
}

static const char *next_field(const char *text)
{
	const char *comma = strchr(text, ',');

	return comma ? comma + 1 : text + strlen(text);
}

static struct line parse_option(u32 index, const char *text)
{
	struct line l = {0, 0, index ? 0x2f8 : 0x3f8, index ? 3 : 4};
	const char *end;
	u64 v;

	v = str_number(text, &end);
	if (end != text && v && v <= BASE_BAUD)
		l.baud = (u32)v;
	text = next_field(text);
	if (strnlen(text, 3) == 3)
		l.lcr = parse_frame(text);
	text = next_field(text);
	v = str_number(text, &end);
	if (end != text && v && v < 0xfff8)
		l.port = (u16)v;
	text = next_field(text);
	v = str_number(text, &end);
	if (end != text && v < 16)
		l.irq = (u8)v;
	return l;
}

static void set_line(const struct uart *u, const struct line *l)
{
	u32 divisor = l->baud ? BASE_BAUD / l->baud : 0;
	u8 lcr = l->lcr ? l->lcr : uart_in(u, REG_LCR) & (u8)~LCR_DLAB;

	if (divisor) {
		uart_out(u, REG_LCR, LCR_DLAB);
		uart_out(u, REG_DATA, (u8)divisor);
		uart_out(u, REG_IER, (u8)(divisor >> 8));
		lcr = l->lcr ? l->lcr : 3; // 8n1
	}
	uart_out(u, REG_LCR, lcr);
}

bool uart_init(struct uart *u, u32 index, const char *option)
{
	struct line l = parse_option(index, option);

	*u = (struct uart){.port = l.port, .irq = l.irq};
	uart_out(u, REG_LCR, uart_in(u, REG_LCR) & (u8)~LCR_DLAB);
	uart_out(u, REG_IER, 0);
	if (uart_in(u, REG_IER) & 0xf0) { // reads as zero where there is one
		u->port = 0;
		return false;
	}
	set_line(u, &l);
	uart_out(u, REG_FCR, FCR_ON_AND_CLEAR);
	uart_out(u, REG_MCR, MCR_DTR_RTS_OUT2);
	return true;
}

static void wait_room(struct uart *u)
{
	u32 tries = u->stuck ? IMPATIENCE : PATIENCE;

	while (!(uart_in(u, REG_LSR) & LSR_SEND_EMPTY) && --tries)
		cpu_pause();
	u->stuck = !tries;
	u->room = FIFO_SIZE;
}

static void uart_putc(struct uart *u, char c)
{
	if (!u->room)
		wait_room(u);
	uart_out(u, REG_DATA, (u8)c);
	u->room--;
}

void uart_write(struct uart *u, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' && !u->last_was_cr)
			uart_putc(u, '\r');
		uart_putc(u, text[i]);
		u->last_was_cr = text[i] == '\r';
	}
}

size_t uart_read(struct uart *u, char *buf, size_t max)
{
	size_t n = 0;
	u8 status;

	while (n < max) {
		status = uart_in(u, REG_LSR);
		if (status == 0xff || !(status & LSR_RECEIVED))
			break;
		buf[n++] = (char)uart_in(u, REG_DATA);
	}
	return n;
}

void uart_enable_irq(struct uart *u)
{
	uart_out(u, REG_IER, IER_RECEIVED);
}
