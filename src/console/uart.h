// SPDX-License-Identifier: MIT
//
// A 16550-compatible serial port: output by polling, input by polling or on
// interrupt.
#pragma once

#include "lib/types.h"

struct uart {
	u16 port; // 0: not in use
	u8 irq; // ISA interrupt
	u32 room; // bytes the transmit FIFO takes without asking again
	bool last_was_cr;
	bool stuck; // gave up waiting once: do not wait long again
};

// Sets up serial line `index` (0 = com1) by its option text,
// "baud[,8n1[,port[,irq]]]", where baud may be auto or absent: keep what the
// firmware has set. False when there is no such port in the machine.
bool uart_init(struct uart *u, u32 index, const char *option);
// Sends text, line ends as CR LF.
void uart_write(struct uart *u, const char *text, size_t len);
// Takes up to max received bytes. Never waits.
size_t uart_read(struct uart *u, char *buf, size_t max);
// Lets the port raise its interrupt for input.
void uart_enable_irq(struct uart *u);
