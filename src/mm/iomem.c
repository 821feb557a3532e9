// SPDX-License-Identifier: MIT
//
// Frames that are not RAM. The control domain may map any of them but those we
// keep for ourselves; other domains only what they were given.

#include "console/console.h"
#include "domain/rangeset.h"
#include "mm/priv.h"

// One a device: all MSI-X tables that irq/msi.c takes, and a few APICs.
#define MAX_RULES 640

static struct {
	u64 first, end; // frames
	enum iomem_rule rule;
} rules[MAX_RULES];
static u32 rule_count;
static struct lock rules_lock = LOCK_INIT(LOCK_IO_RULES);

void iomem_restrict(mfn_t first, u64 frames, enum iomem_rule rule)
{
	lock_get(&rules_lock);
	if (rule_count == MAX_RULES)
		panic("too many restricted device frames");
	rules[rule_count].first = first.n;
	rules[rule_count].end = first.n + frames;
	rules[rule_count].rule = rule;
	// Readers take no lock: the entry must be there before the count.
	__atomic_store_n(&rule_count, rule_count + 1, __ATOMIC_RELEASE);
	lock_put(&rules_lock);
}

// For one of the frames from first to last, that included.
static bool has_rule(u64 first, u64 last, enum iomem_rule rule)
{
	u32 n = __atomic_load_n(&rule_count, __ATOMIC_ACQUIRE);

	for (u32 i = 0; i < n; i++)
		if (last >= rules[i].first && first < rules[i].end &&
		    rules[i].rule == rule)
			return true;
	return false;
}

bool iomem_kept(u64 first, u64 last)
{
	return has_rule(first, last, IOMEM_NEVER);
}

bool iomem_read_only(mfn_t mfn)
{
	return has_rule(mfn.n, mfn.n, IOMEM_READ_ONLY);
}

bool iomem_allowed(const struct domain *d, mfn_t mfn)
{
	if (iomem_kept(mfn.n, mfn.n))
		return false;
	return d->privileged ||
	       (d->iomem && rangeset_has(d->iomem, mfn.n, mfn.n));
}
