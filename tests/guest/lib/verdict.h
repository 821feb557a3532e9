// SPDX-License-Identifier: MIT
//
// How a test speaks. Each test kernel ends with exactly one line
//
//	RFTEST pass|fail|skip|broken <name> [why]
//
// and a power-off. `fail` is the hypervisor's fault, `broken` the test's or
// its surroundings', `skip` says that nothing can be told here. A failed
// check does not end the test: each one prints a line, the first one gives
// the reason in the verdict.

#pragma once

#include "types.h"

/* Defined by each test with TEST() or BARE_TEST(). */
extern const char test_name[];

/* The test body runs with traps, events and page-table helpers set up. */
#define TEST(name)                     \
	const char test_name[] = name; \
	static void test_main(void);   \
	void guest_start(void)         \
	{                              \
		guest_init();          \
		test_main();           \
		test_end();            \
	}                              \
	static void test_main(void)

/* The body runs as it was entered: no trap table, no callbacks, no stack. */
#define BARE_TEST(name)                \
	const char test_name[] = name; \
	static void test_main(void);   \
	void guest_start(void)         \
	{                              \
		test_main();           \
		test_end();            \
	}                              \
	static void test_main(void)

void guest_start(void);
void guest_init(void);

/* Write one formatted line (at most 255 bytes) to the console. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Records a failure of the hypervisor and goes on. */
void check_failed(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define check(cond, ...)                           \
	({                                         \
		bool ok_ = (cond);                 \
		if (!ok_)                          \
			check_failed(__VA_ARGS__); \
		ok_;                               \
	})

/* Compares two numbers; both are printed in hex when they differ. */
bool expect_eq(const char *what, u64 got, u64 want);

/* Compares a hypercall's result; printed as signed decimals. */
bool expect_rc(const char *what, long got, long want);

/* A hypercall must fail with some errno, whichever. */
bool expect_refused(const char *what, long rc);

/* Ends the test at once. test_end() passes unless a check has failed. */
NORETURN void test_end(void);
NORETURN void test_skip(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
NORETURN void test_broken(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
NORETURN void test_stop(void);

/* For what must work before the test can begin. */
#define require(cond, ...)                        \
	do {                                      \
		if (!(cond))                      \
			test_broken(__VA_ARGS__); \
	} while (0)

/*
 * For tests whose expected end is a crash of the domain: prints the line that
 * the runner waits for before it looks for the hypervisor's crash line.
 */
void crash_expected(void);

/* The kernel command line holds this word. */
bool cmdline_has(const char *word);

/*
 * The runner says (word "oracle") that this is stock Xen. Only for the few
 * places where Ringfort differs on purpose; each says why.
 */
bool on_stock_xen(void);

/*
 * The runner says (word "open-gate") that the hypervisor was told dom0-gate=open:
 * the kernel is to run in ring 1. What it can see of that is little: its live
 * selectors, and U=0 in the upper half of its L4s. With dom0-gate=closed it sees
 * the selectors only, with flip now and then.
 */
bool behind_open_gate(void);
bool behind_closed_gate(void); /* flip included */
bool gate_flips(void);
