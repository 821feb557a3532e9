// SPDX-License-Identifier: MIT
//
// Verdicts and checks; see verdict.h. The first reason is kept, since later
// failures are often consequences of it.

#include "guest.h"
#include "format.h"
#include "domu.h"

static char first_reason[160];
static u32 failures;

void say(const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	format_v(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	size_t len = strlen(line);
	line[len++] = '\n';
	if (is_domu())
		domu_console_write(line, len);
	else
		console_io(CONSOLEIO_write, (u32)len, line);
}

static void record(const char *why)
{
	if (failures++ == 0)
		memcpy(first_reason, why, strlen(why) + 1);
	say("%s: %s", test_name, why);
}

void check_failed(const char *fmt, ...)
{
	char why[sizeof(first_reason)];
	va_list ap;

	va_start(ap, fmt);
	format_v(why, sizeof(why), fmt, ap);
	va_end(ap);
	record(why);
}

bool expect_eq(const char *what, u64 got, u64 want)
{
	return check(got == want, "%s: got 0x%lx, want 0x%lx", what, got, want);
}

bool expect_rc(const char *what, long got, long want)
{
	return check(got == want, "%s: returned %ld, want %ld", what, got,
		     want);
}

bool expect_refused(const char *what, long rc)
{
	return check(rc < 0 && rc > -4096, "%s: returned %ld, want an error",
		     what, rc);
}

/* Never returns: a power-off that is refused leaves nothing else to do. */
void test_stop(void)
{
	struct sched_shutdown off = {.reason = SHUTDOWN_poweroff};

	for (;;)
		sched_op(SCHEDOP_shutdown, &off);
}

void test_end(void)
{
	if (failures == 0)
		say("RFTEST pass %s", test_name);
	else
		say("RFTEST fail %s %s (%u checks failed)", test_name,
		    first_reason, failures);
	test_stop();
}

static NORETURN void end_early(const char *verdict, const char *fmt, va_list ap)
{
	char why[200];

	format_v(why, sizeof(why), fmt, ap);
	say("RFTEST %s %s %s", verdict, test_name, why);
	test_stop();
}

void test_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	end_early("skip", fmt, ap);
}

void test_broken(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	end_early("broken", fmt, ap);
}

void crash_expected(void)
{
	say("RFTEST crash-expected %s", test_name);
}

bool cmdline_has(const char *word)
{
	const char *at = (const char *)start_info->cmd_line;
	size_t len = strlen(word);

	for (; *at; at++) {
		bool starts = at == (const char *)start_info->cmd_line ||
			      at[-1] == ' ';
		if (starts && !memcmp(at, word, len) &&
		    (at[len] == ' ' || at[len] == '\0'))
			return true;
	}
	return false;
}

bool on_stock_xen(void)
{
	return cmdline_has("oracle");
}

bool behind_open_gate(void)
{
	return cmdline_has("open-gate");
}

bool gate_flips(void)
{
	return cmdline_has("flip-gate");
}

bool behind_closed_gate(void)
{
	return cmdline_has("closed-gate") || gate_flips();
}
