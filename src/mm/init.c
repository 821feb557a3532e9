// SPDX-License-Identifier: MIT
//
// Memory management from nothing: the order in which its parts come up, and
// what it tells the user about memory.

#include "boot/boot.h"
#include "console/console.h"
#include "mm/grant.h"
#include "cpu/cpu.h"
#include "mm/priv.h"

#define MIN_FREE MIB(24) // a control domain below this cannot even start

static u64 ram_frames(void)
{
	const struct ram_range *r;
	u64 n = 0;

	for (u32 i = 0; (r = ram_range(i)) != NULL; i++)
		n += r->end - r->first;
	return n;
}

static u64 module_frames(const struct boot_info *bi)
{
	u64 n = 0;

	for (u32 i = 0; i < bi->module_count; i++)
		n += PAGES_OF(bi->module[i].size);
	return n;
}

static void report(const struct boot_info *bi)
{
	u64 total = ram_frames();
	u64 unused = heap_free_frames();
	u64 modules = module_frames(bi);

	log_info("memory: %lu MiB total, %lu MiB free, %lu KiB modules, "
		 "%lu KiB fixed\n",
		 total >> 8, unused >> 8, modules << 2,
		 (total - unused - modules) << 2);
	if (unused < MIN_FREE >> PAGE_SHIFT)
		give_up("not enough memory: %lu MiB free of %lu MiB; give the "
			"machine at least 64 MiB and room for its modules",
			unused >> 8, total >> 8);
}

static void dump_key(void)
{
	log_info("memory: %lu of %lu heap frames free, highest frame 0x%lx\n",
		 heap_free_frames(), heap_total_frames(), frame_limit() - 1);
}

// Counts mean something only while nobody changes what they count.
static void audit_key(void)
{
	if (!cpus_park()) {
		log_error("audit: another processor is at it\n");
		return;
	}
	(void)mm_audit();
	cpus_release();
}

void mm_init(const struct boot_info *bi)
{
	ram_init(bi);
	early_init(bi);
	hvmap_init(); // from here on all RAM is in the direct map
	frames_init();
	m2p_init();
	heap_init();
	kalloc_init();
	early_finish(); // from here on the heap works
	report(bi);
	mm_audit_register(grant_audit);
	debug_key_register('a', "audit all frames", audit_key);
	debug_key_register('g', "grant tables", grant_dump);
	debug_key_register('m', "memory state", dump_key);
}
