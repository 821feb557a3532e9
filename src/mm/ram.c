// SPDX-License-Identifier: MIT
//
// Which physical addresses are RAM: the firmware's map reduced to whole frames,
// merged, and cut to what the direct map can hold. The first MiB counts as
// device memory, for dom0 to look for firmware tables in.

#include "boot/boot.h"
#include "console/console.h"
#include "lib/string.h"
#include "mm/priv.h"

static struct ram_range ranges[BOOT_MAX_E820];
static u32 range_count;

const struct ram_range *ram_range(u32 i)
{
	return i < range_count ? &ranges[i] : NULL;
}

static void add(u64 first, u64 end)
{
	struct ram_range *last = range_count ? &ranges[range_count - 1] : NULL;

	if (first >= end)
		return;
	if (last && last->end == first)
		last->end = end;
	else
		ranges[range_count++] = (struct ram_range){first, end};
}

void ram_init(const struct boot_info *bi)
{
	const u64 limit = (DIRECT_END - DIRECT_BASE) >> PAGE_SHIFT;
	u64 lost = 0;

	range_count = 0;
	for (u32 i = 0; i < bi->e820_count; i++) {
		const struct e820_entry *e = &bi->e820[i];
		u64 first = max(PAGES_OF(e->addr), MIB(1) >> PAGE_SHIFT);
		u64 end = (e->addr + e->size) >> PAGE_SHIFT;

		if (e->type != E820_RAM)
			continue;
		if (end > limit) {
			lost += end - max(first, limit);
			end = limit;
		}
		add(first, end);
	}
	if (lost)
		log_warn("memory: %lu MiB above %lu GiB cannot be used\n",
			 lost >> 8, limit >> 18);
}
