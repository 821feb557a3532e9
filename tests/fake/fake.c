// SPDX-License-Identifier: MIT
//
// What every host test needs in place of the machine: a log that goes to
// stderr, bug() and must() that abort, and one pretended processor.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "console/console.h"
#include "cpu/percpu.h"
#include "lib/bug.h"
#include "lib/lock.h"
#include "must.h"

__attribute__((weak)) struct cpu *fake_cpu;

__attribute__((weak)) _Noreturn void bug_at(const char *file, int line,
					    const char *what)
{
	fprintf(stderr, "bug at %s:%d: %s\n", file, line, what);
	abort();
}

u32 must_step;

_Noreturn void must_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s after %u operations\n", file, line, what,
		must_step);
	abort();
}

__attribute__((weak)) void log_at(enum log_level level, const char *format, ...)
{
	va_list ap;

	if (level > LOG_WARN)
		return;
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
}

__attribute__((weak)) void lock_spin(void)
{
}

__attribute__((weak)) void cpu_wait(void)
{
	lock_spin();
}

__attribute__((weak)) void cpu_answer(void)
{
}

__attribute__((weak)) u32 fake_block(void)
{
	return 1;
}

// On one processor nobody waits; cpu/lockcheck.c has a test of its own.
__attribute__((weak)) void lock_check_wait(const struct lock *l)
{
	if (l->held == fake_block())
		bug("taken twice");
}

__attribute__((weak)) void lock_check_taken(const struct lock *l, bool waited)
{
	(void)l;
	(void)waited;
}

__attribute__((weak)) void lock_check_put(const struct lock *l)
{
	(void)l;
}

__attribute__((weak)) void lock_check_none(void)
{
}
