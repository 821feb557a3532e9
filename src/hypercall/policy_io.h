// SPDX-License-Identifier: MIT
//
// CPU policies in the form in which the tools pass them: an array of leaves and
// one of MSRs.
#pragma once

#include "cpu/policy.h"

struct policy_io {
	gva_t leaves, msrs; // 0: only the sizes are asked for
	u32 nr_leaves, nr_msrs; // room, then how many there are
};

// Writes p out, and its sizes into io. -ENOBUFS too little room, -EFAULT.
int must_check policy_write(const struct cpu_policy *p, struct policy_io *io);

// What the tools got wrong: a leaf, or an MSR; ~0 where it is something else.
struct policy_mistake {
	u32 leaf, subleaf, msr;
};

// Reads what the tools give a domain into p, which is empty, cut down to what
// `most` has. -E2BIG too much, -EFAULT, -ERANGE a leaf or MSR that a policy
// does not have, -EINVAL one that is more than `most`.
int must_check policy_read(struct cpu_policy *p, const struct cpu_policy *most,
			   const struct policy_io *io,
			   struct policy_mistake *mistake);
