// SPDX-License-Identifier: MIT
//
// Where a program of an adaptive guest goes on. Behind the gate its kernel needs
// no CR3 write until it needs the hypervisor; then there are two, in and out.
// With a root that both share in classic mode there is one, always. So programs
// are behind the gate while their kernel mostly can do without us: what it did
// the last few times says what it will do next.
#include "cpu/cpu.h"
#include "gate/closed.h"
#include "hypercall/hypercall.h"
#include "mm/mm.h"

// How often a kernel that a program entered needed the hypervisor before it went
// back, of the last few times.
#define HELP_MAX 3u
#define HELP_OFTEN 2u

// What the gate's own entries cannot do. Compared only: it need not be a sum of
// anything.
static u64 helped(const struct vcpu *v)
{
	const u64 *n = v->count;

	return v->hypercalls + n[CNT_PTWR] -
	       n[CNT_HYPERCALL + __HYPERVISOR_iret] -
	       n[CNT_HYPERCALL + __HYPERVISOR_stack_switch] -
	       n[CNT_HYPERCALL + __HYPERVISOR_set_segment_base];
}

hot_code void adaptive_learn(struct vcpu *v)
{
	u64 entries = v->traps_seen - v->traps_learnt, help = helped(v);
	u32 score = v->help_score;

	v->traps_learnt = v->traps_seen;
	if (!entries)
		return;
	if (help != v->help_learnt) {
		score = min(score + 1, HELP_MAX);
		entries--;
	}
	v->help_learnt = help;
	v->help_score = (u8)(score - min((u64)score, entries));
}

hot_code bool adaptive_shares(const struct vcpu *v)
{
	return v->help_score >= HELP_OFTEN && mirror_shares(cpu_this());
}
