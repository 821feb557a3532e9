// SPDX-License-Identifier: MIT
//
// CPU policies: what CPUID shows, as a list of leaves. The machine has one, the
// most that a paravirtual domain may see is another, and each domain has its
// own, which is never more than that.
#pragma once

#include "abi/xen.h"
#include "hw/cpu.h"
#include "lib/types.h"

struct domain;

struct policy_leaf {
	u32 leaf, subleaf; // 0 for a leaf without subleaves
	struct cpuid value;
};

#define POLICY_LEAVES_MAX 144

struct cpu_policy {
	u32 count;
	struct policy_leaf leaf[POLICY_LEAVES_MAX];
};

// New policies, to be freed by kfree; 0: no memory. The machine's leaves, as
// far as a policy can have them; what a domain gets unless the tools say less.
struct cpu_policy *must_check policy_machine(void);
struct cpu_policy *must_check policy_create(const struct domain *d);

// What p says; zeros for a leaf that it does not have.
struct cpuid policy_get(const struct cpu_policy *p, u32 leaf, u32 subleaf);
// True for leaves that look at ECX.
bool policy_has_subleaves(u32 leaf);
// The leaves that a policy can have: up to the last of both ranges, and so many
// subleaves of each, 1 for a leaf that has none.
#define POLICY_EXT 0x80000000u
#define POLICY_HV 0x40000000u
#define POLICY_LAST 0xdu
#define POLICY_EXT_LAST (POLICY_EXT + 0x21)
u32 policy_subleaves(u32 leaf);
// State components that d may switch on in XCR0.
u64 policy_xcr0(const struct domain *d);

// Adds to p what the tools ask for, cut down to what `most` has. -ERANGE no
// such leaf, -EINVAL a limit above `most`'s.
int must_check policy_add(struct cpu_policy *p, const struct cpu_policy *most,
			  const xen_cpuid_leaf_t *ask);

// Feature words in the order of the ABI (xen/arch-x86/cpufeatureset.h), each
// feature once.
#define FEATURE_WORDS 19
void policy_features(const struct cpu_policy *p, u32 words[FEATURE_WORDS]);
