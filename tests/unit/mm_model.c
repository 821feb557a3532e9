// SPDX-License-Identifier: MIT
// uses: src/mm/ram.c src/mm/early.c src/mm/frame.c src/mm/heap.c
// uses: src/mm/kalloc.c src/mm/m2p.c src/mm/tlb.c src/mm/fresh.c src/mm/domain_frames.c
// uses: src/mm/iomem.c src/mm/type.c src/mm/table.c src/mm/entry.c
// uses: src/mm/change.c src/mm/undo.c src/mm/foreign.c src/mm/walk.c
// uses: src/mm/flush.c src/mm/mmu_update.c src/mm/va_update.c
// uses: src/mm/mmuext_op.c src/mm/relinquish.c src/mm/audit.c
// uses: src/mm/root.c
// uses: tests/fake/core.c tests/fake/memory.c tests/fake/space.c
// uses: src/mm/dirty.c src/mm/shadow.c src/mm/claim.c
// uses: tests/fake/mmu_ops.c tests/fake/tlb.c src/mm/ptwr.c src/cpu/decode.c
//
// Random guests against the model of tests/fake/mmu_ops.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mmu_ops.h"

#define ROUNDS 60
#define BYTES 3000

static u64 seed;

static u8 random8(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u8)(seed >> 56);
}

static void random_guests(void **state)
{
	static u8 input[BYTES];
	struct mmu_ops_result sum = {0};

	for (u32 i = 0; i < ROUNDS; i++) {
		struct mmu_ops_result r;

		seed = i;
		for (u32 j = 0; j < BYTES; j++)
			input[j] = random8();
		r = mmu_ops_run(input, BYTES);
		sum.ops += r.ops;
		sum.accepted += r.accepted;
		sum.predicted += r.predicted;
	}
	print_message("%u operations, %u accepted, %u foretold\n", sum.ops,
		      sum.accepted, sum.predicted);
	// It must not all have been refused, or it tests nothing.
	assert_true(sum.ops > ROUNDS * 300);
	assert_true(sum.accepted > sum.ops / 5);
	assert_true(sum.predicted > sum.ops / 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_guests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
