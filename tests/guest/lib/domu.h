// SPDX-License-Identifier: MIT
//
// For test kernels that run beside dom0 and not as it. What such a kernel says
// goes to its console ring; whoever made it put its id and that of its partner
// on its command line.

#pragma once

#include "abi.h"

/* This kernel is not the control domain. */
bool is_domu(void);

/* Appends text to the ring of the console and tells its other end. Waits a
 * while for room, then drops it. */
void domu_console_write(const char *text, size_t len);

/* The number behind a word such as "peer=", or `otherwise`. */
u64 cmdline_number(const char *word, u64 otherwise);
