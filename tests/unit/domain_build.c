// SPDX-License-Identifier: MIT
// uses: src/domain/build_layout.c src/domain/build_memory.c src/domain/build_frames.c src/domain/build_info.c
// uses: src/domain/build_gate.c
//
// The arithmetic of building dom0: how much memory, where things lie in it,
// which frames its pages are, and what the start-of-day page says.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/xen.h"
#include "config.h"
#include "domain/build.h"
#include "mm/mm.h"

#define LINUX_BASE 0xffffffff80000000ull
#define LINUX_P2M 0x8000000000ull

void *kalloc(size_t bytes)
{
	return calloc(1, bytes);
}

void kfree(void *p)
{
	free(p);
}

size_t str_copy(char *dst, const char *src, size_t size)
{
	return (size_t)snprintf(dst, size, "%s", src);
}

// ------------------------------------------------------------------ layout

static struct layout_ask linux_ask(u64 nr_pages, u64 initrd_pages)
{
	return (struct layout_ask){
		.base = LINUX_BASE,
		.kernel_end = LINUX_BASE + 0x4a00000,
		.initrd_pages = initrd_pages,
		.init_p2m = LINUX_P2M,
		.nr_pages = nr_pages,
	};
}

// What must hold for any layout.
static void check_layout(const struct layout *l, const struct layout_ask *ask)
{
	u64 spans = 0;

	assert_int_equal(l->end % MIB(4), 0);
	assert_true(l->end - (l->stack_va + PAGE_SIZE) >= KIB(512));
	assert_int_equal(l->mapped_pages, (l->end - l->base) / PAGE_SIZE);
	assert_true(l->info_va >= ask->kernel_end);
	assert_int_equal(l->tables_va, l->info_va + PAGE_SIZE);
	assert_int_equal(l->tables_pfn, (l->tables_va - l->base) / PAGE_SIZE);
	assert_int_equal(l->stack_va,
			 l->tables_va + l->tables_pages * PAGE_SIZE);
	for (u32 shift = 21; shift <= 39; shift += 9)
		spans += ((l->end - 1) >> shift) - (l->base >> shift) + 1;
	assert_int_equal(l->tables_pages, 1 + spans);
	assert_int_equal(l->p2m_pages, PAGES_OF(ask->nr_pages * 8));
	assert_int_equal(l->initrd_pages, ask->initrd_pages);
}

static void test_linux_layout(void **state)
{
	struct layout_ask ask = linux_ask(131072, 1000);
	struct layout l;

	assert_null(layout_compute(&l, &ask));
	check_layout(&l, &ask);
	assert_int_equal(l.info_va, ask.kernel_end);
	assert_int_equal(l.initrd_va, 0);
	assert_int_equal(l.initrd_pfn, l.mapped_pages);
	assert_int_equal(l.p2m_va, LINUX_P2M);
	assert_int_equal(l.p2m_pfn, l.mapped_pages + 1000);
	assert_int_equal(l.p2m_pages, 256);
	assert_int_equal(l.p2m_tables_pfn, l.p2m_pfn + 256);
	assert_int_equal(l.p2m_tables_pages, 3);
	assert_int_equal(l.used_pages, l.p2m_tables_pfn + 3);
}

// Without the notes, initrd and list go into the mapped area.
static void test_old_layout(void **state)
{
	struct layout_ask ask = linux_ask(10000, 77);
	struct layout l;

	ask.initrd_mapped = true;
	ask.init_p2m = 0;
	ask.kernel_end -= 100; // need not be a page's
	assert_null(layout_compute(&l, &ask));
	check_layout(&l, &ask);
	assert_int_equal(l.initrd_va, LINUX_BASE + 0x4a00000);
	assert_int_equal(l.initrd_pfn, 0x4a00);
	assert_int_equal(l.p2m_va, l.initrd_va + 77 * PAGE_SIZE);
	assert_int_equal(l.p2m_pfn, 0x4a00 + 77);
	assert_int_equal(l.info_va, l.p2m_va + 20 * PAGE_SIZE);
	assert_int_equal(l.p2m_tables_pages, 0);
	assert_int_equal(l.used_pages, l.mapped_pages);
}

// Every kernel size across a table's border has just enough tables.
static void test_table_counts(void **state)
{
	struct layout_ask ask = linux_ask(1000, 0);
	struct layout l;

	for (u64 pages = 1; pages < 3000; pages++) {
		ask.kernel_end = ask.base + pages * PAGE_SIZE;
		assert_null(layout_compute(&l, &ask));
		check_layout(&l, &ask);
	}
	ask.base = 0x7ffffff000; // crosses a level-3 border
	ask.kernel_end = ask.base + MIB(3);
	ask.init_p2m = 0;
	assert_null(layout_compute(&l, &ask));
	check_layout(&l, &ask);
}

// A list of 1 TiB of memory has 2 GiB and needs more than one L2 table.
static void test_large_list(void **state)
{
	struct layout_ask ask = linux_ask(GIB(1024) / PAGE_SIZE, 0);
	struct layout l;

	assert_null(layout_compute(&l, &ask));
	check_layout(&l, &ask);
	assert_int_equal(l.p2m_pages, GIB(2) / PAGE_SIZE);
	assert_int_equal(l.p2m_tables_pages, 1 + 2 + 1024);
	ask.init_p2m = 0;
	assert_non_null(layout_compute(&l, &ask));
}

static void refused(const struct layout_ask *ask)
{
	struct layout l;

	assert_non_null(layout_compute(&l, ask));
}

static void test_bad_addresses(void **state)
{
	struct layout_ask ask = linux_ask(1000, 0);

	ask.base = HV_START;
	ask.kernel_end = ask.base + MIB(8);
	refused(&ask);
	ask.base = HV_END - MIB(4); // reaches in from below
	refused(&ask);
	ask.base = 0x0000800000000000; // not canonical
	ask.kernel_end = ask.base + MIB(8);
	refused(&ask);
	ask.base = 0x0000800000000000 - MIB(8);
	refused(&ask);
	ask.base = 0xffffffffffff0000;
	ask.kernel_end = ask.base + 0x8000;
	refused(&ask);
	ask.base = LINUX_BASE;
	ask.kernel_end = ask.base - 1;
	refused(&ask);
	ask.base = 0x1000;
	ask.kernel_end = ~0ull - 0x1000;
	refused(&ask);
	ask = linux_ask(1000, GIB(4) / PAGE_SIZE);
	ask.initrd_mapped = true;
	refused(&ask);
}

static void test_bad_list_address(void **state)
{
	struct layout_ask ask = linux_ask(1000, 0);

	ask.init_p2m = HV_START;
	refused(&ask);
	ask.init_p2m = 0x0000800000000000 - PAGE_SIZE;
	refused(&ask);
	ask.init_p2m = 0xffffff8000000000; // the kernel's own L4 slot
	refused(&ask);
}

// ------------------------------------------------------------------ memory

static void test_memory(void **state)
{
	const u64 pages = MIB(2000) / PAGE_SIZE;
	struct memory_ask ask = {.free_pages = pages, .total_pages = pages};

	// By default a sixteenth stays, at most 128 MiB.
	assert_int_equal(memory_pages(&ask), MIB(1875) / PAGE_SIZE);
	ask.total_pages *= 8;
	assert_int_equal(memory_pages(&ask), MIB(2000 - 128) / PAGE_SIZE);

	ask.given = MIB(512);
	assert_int_equal(memory_pages(&ask), MIB(512) / PAGE_SIZE);
	ask.given = MIB(2000);
	assert_int_equal(memory_pages(&ask), pages);
	ask.given = MIB(2000) + PAGE_SIZE;
	assert_int_equal(memory_pages(&ask), 0);
	ask.most = MIB(300);
	assert_int_equal(memory_pages(&ask), MIB(300) / PAGE_SIZE);

	ask = (struct memory_ask){.free_pages = pages, .total_pages = pages};
	ask.less = MIB(100);
	assert_int_equal(memory_pages(&ask), MIB(1900) / PAGE_SIZE);
	ask.less = MIB(3000);
	assert_int_equal(memory_pages(&ask), 0);
	ask.least = MIB(64);
	assert_int_equal(memory_pages(&ask), MIB(64) / PAGE_SIZE);
	ask.least = MIB(4000);
	assert_int_equal(memory_pages(&ask), 0);
}

// ------------------------------------------------------------------ frames

static void test_frames(void **state)
{
	struct frame_map m = {0};
	u64 run;

	for (u64 i = 0; i < 1000; i++)
		assert_true(frame_map_add(&m, MFN(100000 - i * 10), 1 + i % 3));
	assert_int_equal(m.count, 1000);
	for (u64 i = 0, pfn = 0; i < 1000; pfn += 1 + i % 3, i++) {
		assert_int_equal(frame_map_mfn(&m, pfn).n, 100000 - i * 10);
		assert_int_equal(frame_map_run(&m, pfn + i % 3, &run).n,
				 100000 - i * 10 + i % 3);
		assert_int_equal(run, 1);
	}
	frame_map_free(&m);
	assert_int_equal(m.pages, 0);
}

static void test_frames_join(void **state)
{
	struct frame_map m = {0};
	u64 run;

	assert_true(frame_map_add(&m, MFN(512), 512));
	assert_true(frame_map_add(&m, MFN(1024), 1024));
	assert_true(frame_map_add(&m, MFN(0), 512));
	assert_int_equal(m.count, 2);
	assert_int_equal(m.pages, 2048);
	assert_int_equal(frame_map_run(&m, 10, &run).n, 522);
	assert_int_equal(run, 1526);
	assert_int_equal(frame_map_mfn(&m, 1536).n, 0);
	frame_map_free(&m);
}

// -------------------------------------------------------------------- info

static void test_info(void **state)
{
	struct layout_ask lask = linux_ask(131072, 10);
	struct info_ask ask = {.nr_pages = 131072,
			       .shared_info = 0x1234000,
			       .initrd_bytes = 40000,
			       .cmdline = "console=hvc0 quiet"};
	struct start_info *si = calloc(1, PAGE_SIZE);
	struct layout l;

	assert_null(layout_compute(&l, &lask));
	build_start_info(si, &l, &ask);
	assert_memory_equal(si->magic, "xen-3.0-x86_64", 15);
	assert_string_equal((char *)si->cmd_line, "console=hvc0 quiet");
	assert_int_equal(si->nr_pages, 131072);
	assert_int_equal(si->shared_info, 0x1234000);
	assert_int_equal(si->flags,
			 SIF_PRIVILEGED | SIF_INITDOMAIN | SIF_MOD_START_PFN);
	assert_int_equal(si->pt_base, l.tables_va);
	assert_int_equal(si->nr_pt_frames, l.tables_pages);
	assert_int_equal(si->mfn_list, LINUX_P2M);
	assert_int_equal(si->mod_start, l.initrd_pfn);
	assert_int_equal(si->mod_len, 40000);
	assert_int_equal(si->first_p2m_pfn, l.p2m_pfn);
	assert_int_equal(si->nr_p2m_frames, 256 + 3);
	free(si);
}

static void test_info_mapped(void **state)
{
	struct layout_ask lask = linux_ask(1000, 10);
	struct info_ask ask = {.nr_pages = 1000, .initrd_bytes = 40000};
	struct start_info *si = calloc(1, PAGE_SIZE);
	char *longest = malloc(3000);
	struct layout l;

	memset(longest, 'x', 2999);
	longest[2999] = '\0';
	ask.cmdline = longest;
	lask.initrd_mapped = true;
	lask.init_p2m = 0;
	assert_null(layout_compute(&l, &lask));
	build_start_info(si, &l, &ask);
	assert_int_equal(si->flags, SIF_PRIVILEGED | SIF_INITDOMAIN);
	assert_int_equal(si->mod_start, l.initrd_va);
	assert_int_equal(si->mfn_list, l.p2m_va);
	assert_int_equal(si->first_p2m_pfn, 0);
	assert_int_equal(si->nr_p2m_frames, 0);
	assert_int_equal(strlen((char *)si->cmd_line), MAX_GUEST_CMDLINE - 1);
	free(longest);

	// No initrd at all.
	memset(si, 0, PAGE_SIZE);
	lask.initrd_pages = 0;
	ask.initrd_bytes = 0;
	ask.cmdline = "";
	assert_null(layout_compute(&l, &lask));
	build_start_info(si, &l, &ask);
	assert_int_equal(si->mod_start, 0);
	assert_int_equal(si->mod_len, 0);
	free(si);
}

// ------------------------------------------------------------------- gate

static void test_gate(void **state)
{
	static const struct {
		struct gate_ask ask;
		bool open;
	} cases[] = {
		{{"", false, LINUX_BASE, false}, true},
		{{"", false, LINUX_BASE, true}, false},
		{{"", false, 0x100000, false}, false},
		{{"off", false, LINUX_BASE, true}, false},
		{{"open", false, LINUX_BASE, false}, true},
		{{"open", false, LINUX_BASE, true}, false},
		{{"open", false, 0x100000, false}, false},
		{{"closed", true, LINUX_BASE, true}, false},
		{{"ajar", false, LINUX_BASE, false}, false},
	};
	const char *why;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(gate_open(&cases[i].ask, &why), cases[i].open);
		assert_int_equal(why == NULL, cases[i].open);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linux_layout),
		cmocka_unit_test(test_old_layout),
		cmocka_unit_test(test_table_counts),
		cmocka_unit_test(test_large_list),
		cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_bad_list_address),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_frames_join),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_info_mapped),
		cmocka_unit_test(test_gate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
