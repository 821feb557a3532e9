// SPDX-License-Identifier: MIT
//
// Between the files of the console.
#pragma once

#include "console/uart.h"
#include "lib/lock.h"
#include "lib/types.h"

#define UART_COUNT 2
extern struct uart console_uart[UART_COUNT];

// guest_loglvl= as a number: the last enum log_level shown, -1 for none.
extern int console_guest_max;
