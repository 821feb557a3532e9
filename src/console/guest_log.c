// SPDX-License-Identifier: MIT
//
// Lines about guests. A guest must not be able to flood the log, whatever it
// does: each has a number of lines per period, and one more that says that
// there were too many.
#include "console/console.h"

#include "console/priv.h"
#include "domain/domain.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define PERIOD_NS 5000000000ull
#define LINES_PER_PERIOD 40

static void refill(struct domain *d)
{
	u64 now = now_ns(), due = READ_ONCE(d->log_refill_ns);

	if (now >= due && __atomic_compare_exchange_n(
				  &d->log_refill_ns, &due, now + PERIOD_NS,
				  false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		WRITE_ONCE(d->log_budget, LINES_PER_PERIOD);
}

// Several vCPUs may have something to be said at the same time: a plain
// decrement could go below zero, and then the budget be without end.
static bool within_budget(struct domain *d)
{
	u32 left;

	refill(d);
	left = READ_ONCE(d->log_budget);
	do {
		if (!left)
			return false;
	} while (!__atomic_compare_exchange_n(&d->log_budget, &left, left - 1,
					      false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	if (left == 1)
		log_warn("%s: too many messages, the rest of 5 s is dropped\n",
			 d->name);
	return left != 1;
}

// Domains are const to those who only report on them; the budget is ours.
static struct domain *budget_of(const struct domain *d)
{
	return (struct domain *)(uintptr_t)d;
}

void log_guest(const struct domain *d, enum log_level level, const char *format,
	       ...)
{
	char line[256];
	va_list ap;
	size_t n;

	if ((int)level > console_guest_max || !within_budget(budget_of(d)))
		return;
	va_start(ap, format);
	fmt_vprint(line, sizeof(line), format, ap);
	va_end(ap);
	n = strlen(line);
	log_at(LOG_ERROR, "%s: %s%s", d->name, line,
	       n && line[n - 1] == '\n' ? "" : "\n");
}
