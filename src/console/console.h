// SPDX-License-Identifier: MIT
//
// The hypervisor's console: a log ring that the tools can read, copied to the
// serial line and, where asked for, the VGA text screen; and input from the
// serial line, shared between dom0 and the hypervisor's own debug keys.
#pragma once

#include <stdarg.h>

#include "lib/types.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

// Prints one line or part of one, prefixed "ringfort: " at line starts.
// LOG_ERROR always reaches the screen; others by loglvl=.
cold_code void log_at(enum log_level level, const char *format, ...)
	printf_like(2, 3);

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)

struct domain;

// A line about what a guest did; rate-limited, so a guest cannot flood the
// log (guest_loglvl=). Prefixed with the domain, "ringfort: d1: ".
cold_code void log_guest(const struct domain *d, enum log_level level,
			 const char *format, ...) printf_like(3, 4);

// Set-up from the command line words console=, com1=, com2=, loglvl=,
// guest_loglvl=. May be called before anything else works.
void console_early_init(void);
// Leaves the VGA screen alone from now on: dom0 drives it.
void console_release_vga(void);
// Interrupt-driven input, once interrupts and dom0 exist.
void console_init_input(void);
// First of the 8 ports of serial line i (0, 1) if the hypervisor drives it,
// else 0: no guest may touch them.
u16 console_port(u32 i);
// Called at panic: forget locks, go synchronous.
void console_force(void);

// Raw output of dom0's console writes (no prefix), len bytes.
void console_write_guest(const struct domain *d, const char *text, size_t len);
// Takes up to max bytes typed for dom0. Returns how many.
size_t console_read(char *buf, size_t max);

// The log ring, for XEN_SYSCTL_readconsole: copies from absolute position
// *pos (advanced past lost and copied text). Returns bytes copied.
size_t console_ring_read(u32 *pos, char *buf, size_t max);
// Position of the oldest byte in it.
u32 console_ring_start(void);
// Forgets all before pos, which console_ring_read returned.
void console_ring_forget(u32 pos);

// Runs a debug key's function, or prints the list for one that has none. What
// is typed gets here after ctrl-a three times.
void debug_key(char key);
// Registers a key; what is the line 'h' (help) shows for it.
void debug_key_register(char key, const char *what, void (*fn)(void));
