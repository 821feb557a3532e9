// SPDX-License-Identifier: MIT
//
// multicall: an array of {op, result, args[6]}, run in order. Linux batches
// its page-table updates in it, so the entries are fetched 32 at a time
// (one copy, each entry read once) and only the eight bytes of `result` are
// written back, when those are done. A call that wants to be restarted gets its
// adjusted entry written back, and the multicall itself is restarted at that
// entry.
#include "hypercall/hypercall.h"

#include "abi/errno.h"
#include "abi/xen.h"
#include "cpu/percpu.h"
#include "cpu/uaccess.h"
#include "lib/string.h"
#include "mm/mm.h"

#define BATCH 32 // as many as Linux sends at once

enum step { STEP_NEXT, STEP_STOP, STEP_FAULT, STEP_IRET };

// Fetches up to n entries; how many, 0 when not even one is readable. A batch
// that runs into an unreadable page is retried with one entry, so that those
// in front of the bad one are carried out as the guest may expect.
static u32 fetch(struct multicall_entry *entry, gva_t list, u64 n)
{
	if (n > 1 && !guest_read(entry, list, n * sizeof(*entry)))
		return (u32)n;
	return guest_read(entry, list, sizeof(*entry)) ? 0 : 1;
}

static int write_back_entry(gva_t at, struct multicall_entry *e,
			    const struct hcall *h)
{
	e->op = h->nr;
	memcpy(e->args, h->arg, sizeof(e->args));
	return guest_write(at, e, sizeof(*e));
}

static enum step run(struct vcpu *v, gva_t at, struct multicall_entry *e,
		     i64 *result)
{
	struct hcall h = {.nr = e->op};

	__builtin_memcpy(h.arg, e->args, sizeof(h.arg));
	*result = h.nr == __HYPERVISOR_multicall ? -EINVAL
						 : hypercall_call(v, &h);
	// The register frame is another one now: there is nothing to go on with.
	if (h.nr == __HYPERVISOR_iret)
		return STEP_IRET;
	if (h.restart)
		return write_back_entry(at, e, &h) ? STEP_FAULT : STEP_STOP;
	e->result = (unsigned long)*result;
	return STEP_NEXT;
}

// Not after each entry, because flushes that entries leave to be done have to
// precede a write to the guest's memory (mm/tlb.h).
static int write_results(gva_t at, const struct multicall_entry *e, u64 n)
{
	int err = 0;

	for (u64 i = 0; i < n && !err; i++, at += sizeof(*e))
		err = guest_write(at + offsetof(typeof(*e), result),
				  &e[i].result, sizeof(e[i].result));
	return err;
}

// Between entries: has the budget been used up, or did a call ask for the
// scheduler (block, yield, the domain's end)?
static bool must_pause(void)
{
	return preempt_due(1) ||
	       (READ_ONCE(cpu_this()->pending) & PENDING_SCHED);
}

// hc->arg: list address, number of entries left; both advance as we go.
static enum step run_batch(struct vcpu *v, struct hcall *hc, i64 *result)
{
	struct multicall_entry entry[BATCH];
	enum step step = STEP_NEXT;
	gva_t list = hc->arg[0];
	u32 n = fetch(entry, list, min(hc->arg[1], (u64)BATCH));
	u32 done = 0;

	if (!n)
		return STEP_FAULT;
	protect_ahead(v, entry, n);
	// An iret leaves the address space that the results belong to.
	while (done < n && entry[done].op != __HYPERVISOR_iret) {
		step = run(v, hc->arg[0], &entry[done], result);
		if (step != STEP_NEXT)
			break;
		done++;
		hc->arg[0] += sizeof(*entry);
		hc->arg[1]--;
		if (hc->arg[1] && must_pause()) {
			step = STEP_STOP;
			break;
		}
	}
	if (write_results(list, entry, done))
		return STEP_FAULT;
	if (step == STEP_NEXT && done < n)
		step = run(v, hc->arg[0], &entry[done], result);
	return step;
}

// multicall(list, count): 0; -EFAULT when the list cannot be read or written
// (entries before the bad one were carried out).
i64 hc_multicall(struct vcpu *v, struct hcall *h)
{
	enum step step = STEP_NEXT;
	i64 result = 0;

	h->arg[1] = (u32)h->arg[1];
	while (h->arg[1] && step == STEP_NEXT)
		step = run_batch(v, h, &result);
	switch (step) {
	case STEP_NEXT:
		return 0;
	case STEP_STOP:
		return hypercall_restart(h);
	case STEP_IRET:
		return result;
	case STEP_FAULT:
		break;
	}
	return -EFAULT;
}
