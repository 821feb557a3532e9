// SPDX-License-Identifier: MIT
//
// CR0 and CR4: what the processor runs with and what guests see of it. A guest
// has a say in CR0.TS and in two bits of CR4. All others are the machine's;
// those that it must not know of are hidden (abi.md 3.3). OSXSAVE is on where
// there is XSAVE: Linux takes it from us and never looks at XSAVE without.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "hw/cpu.h"

#define CR4_SHOWN (CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT)

u64 cr4_ours(void)
{
	return CR4_SHOWN | (cpu_features.smep ? CR4_SMEP : 0) |
	       (cpu_features.xsave ? CR4_OSXSAVE : 0);
}

void cr4_load(const struct vcpu *v)
{
	struct cpu *c = cpu_this();
	u64 want = cr4_ours() | (v->cr4 & CR4_GUEST);

	if (c->cr4 == want)
		return;
	count(CNT_CR4);
	c->cr4 = want;
	write_cr4(want);
}

u64 cr0_guest_view(const struct vcpu *v)
{
	return CR0_OURS | (v->cr0 & CR0_TS);
}

u64 cr4_guest_view(const struct vcpu *v)
{
	return (cr4_ours() & (CR4_SHOWN | CR4_OSXSAVE)) | (v->cr4 & CR4_GUEST);
}

bool has_tsc_aux(void)
{
	return cpu_features.ext1_d >> 27 & 1; // RDTSCP
}

// Guests keep the processor number there, for user programs to read.
void tsc_aux_load(const struct vcpu *v)
{
	struct cpu *c = cpu_this();

	if (!has_tsc_aux() || c->tsc_aux == v->tsc_aux)
		return;
	c->tsc_aux = v->tsc_aux;
	wrmsr(MSR_TSC_AUX, v->tsc_aux);
}
