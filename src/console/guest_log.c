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

static bool within_budget(struct domain *d)
{
	u64 now = now_ns();

	if (now >= d->log_refill_ns) {
		d->log_refill_ns = now + PERIOD_NS;
		d->log_budget = LINES_PER_PERIOD;
	}
	if (!d->log_budget)
		return false;
	if (!--d->log_budget)
		log_warn("%s: too many messages, the rest of 5 s is dropped\n",
			 d->name);
	return d->log_budget != 0;
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
