// SPDX-License-Identifier: MIT
//
// Prints the per-processor event counters, added up, in one line that bench/
// reads: "counters: name=value ...".
#include "cpu/cpu.h"

#include "console/console.h"
#include "lib/fmt.h"

static const char *const names[CNT_MAX] = {
	[CNT_SYSCALL] = "syscall",
	[CNT_HYPERCALL] = "hypercall",
	[CNT_IRET] = "iret",
	[CNT_CR3] = "cr3",
	[CNT_CR3_MODE] = "cr3_mode",
	[CNT_FLUSH] = "flush",
	[CNT_INVLPG] = "invlpg",
	[CNT_PF_GUEST] = "pf_guest",
	[CNT_PTWR] = "ptwr",
	[CNT_EMUL] = "emul",
	[CNT_IO] = "io",
	[CNT_EVENT] = "event",
	[CNT_IRQ] = "irq",
	[CNT_SWITCH] = "switch",
};

static u64 counter_sum(u32 which)
{
	u64 sum = 0;

	for (u32 i = 0; i < cpu_count(); i++)
		sum += READ_ONCE(cpu_of(i)->count[which]);
	return sum;
}

void counters_print(void)
{
	char line[512];
	size_t used = 0;

	for (u32 i = 0; i < CNT_MAX && used < sizeof(line); i++)
		used += (size_t)fmt_print(line + used, sizeof(line) - used,
					  " %s=%lu", names[i], counter_sum(i));
	log_error("counters:%s\n", line);
}
