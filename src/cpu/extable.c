// SPDX-License-Identifier: MIT
//
// Looks up the exception table that hw/extable.h and gate/entry.S fill. It has
// a few dozen entries and is asked only when a guest's address or selector was
// bad, so it is searched from end to end.
#include "cpu/cpu.h"

struct extable_entry {
	i32 insn, fixup; // each relative to its own place
};

extern const struct extable_entry extable_start[], extable_end[];

static u64 target(const i32 *distance)
{
	return (u64)distance + (u64)(i64)*distance;
}

u64 extable_fixup(u64 rip)
{
	const struct extable_entry *e;

	for (e = extable_start; e < extable_end; e++)
		if (target(&e->insn) == rip)
			return target(&e->fixup);
	return 0;
}
