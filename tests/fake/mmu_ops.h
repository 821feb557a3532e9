// SPDX-License-Identifier: MIT
//
// A hostile guest made of bytes: each input is a list of memory operations,
// valid and not. After every operation a slow and obvious model of what must
// never happen looks at the page tables themselves, and at what a processor may
// still know of earlier ones (tlb.h). Now and then the auditor counts. Driven by
// random numbers (tests/unit/mm_model.c) and by the fuzzer
// (tests/fuzz/mmu_ops.c).
#pragma once

#include "lib/types.h"

struct mmu_ops_result {
	u32 ops; // carried out
	u32 accepted; // without an error
	u32 predicted; // results that the model foretold
};

// Aborts on the first thing wrong.
struct mmu_ops_result mmu_ops_run(const u8 *input, size_t n);
