// SPDX-License-Identifier: MIT
// uses: src/cpu/counters.c src/hypercall/sysctl_perfc.c src/lib/fmt.c
// uses: tests/fake/core.c
// uses: tests/fake/log.c
//
// Counters: who counts for whom, sums that lose nothing when a vCPU goes, and
// the two forms in which they are shown.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "abi/xen.h"
#include "console/console.h"
#include "core.h"
#include "cpu/cpu.h"
#include "hypercall/sysctl.h"
#include "log.h"

static struct domain dom = {.id = 3, .name = "d3", .max_vcpus = 2};
static struct vcpu vcpu[2];

struct domain *domain_next(domid_t id)
{
	return id <= dom.id ? &dom : NULL;
}

static int reset(void **state)
{
	fake_cpus_init(2);
	for (u32 i = 0; i < 2; i++) {
		memset(cpu_of(i)->count, 0, sizeof(cpu_of(i)->count));
		count_for(cpu_of(i), NULL);
		vcpu[i] = (struct vcpu){.domain = &dom, .id = i};
		dom.vcpu[i] = &vcpu[i];
	}
	fake_cpu = cpu_of(0);
	counters_reset();
	fake_log[0] = 0;
	return 0;
}

static void who_runs_counts(void **state)
{
	count(CNT_CR3);
	count_for(cpu_this(), vcpu[1].count);
	count(CNT_CR3);
	count_nth(CNT_TRAP, VEC_PF);
	fake_cpu = cpu_of(1);
	count_for(cpu_this(), vcpu[0].count);
	count(CNT_CR3);
	assert_int_equal(cpu_of(0)->count[CNT_CR3], 1);
	assert_int_equal(cpu_of(1)->count[CNT_CR3], 0);
	assert_int_equal(vcpu[0].count[CNT_CR3], 1);
	assert_int_equal(vcpu[1].count[CNT_CR3], 1);
	assert_int_equal(vcpu[1].count[CNT_TRAP + VEC_PF], 1);
	assert_int_equal(counter_total(CNT_CR3), 3);
}

static void a_vcpu_that_goes_leaves_its_counts(void **state)
{
	vcpu[1].count[CNT_EVENT] = 7;
	assert_int_equal(counter_total(CNT_EVENT), 7);
	counters_leave(&vcpu[1]);
	dom.vcpu[1] = NULL;
	assert_int_equal(counter_total(CNT_EVENT), 7);
}

static void reset_starts_at_zero(void **state)
{
	vcpu[0].count[CNT_IO] = 5;
	counters_reset();
	assert_int_equal(counter_total(CNT_IO), 0);
	vcpu[0].count[CNT_IO] = 6;
	assert_int_equal(counter_total(CNT_IO), 1);
}

static void groups_cover_every_counter_once(void **state)
{
	u8 seen[CNT_MAX] = {0};

	for (u32 g = 0; g < counter_group_count; g++)
		for (u32 i = 0; i < counter_groups[g].n; i++)
			seen[counter_groups[g].first + i]++;
	for (u32 i = 0; i < CNT_MAX; i++)
		assert_int_equal(seen[i], 1);
}

static void each_vcpu_is_listed(void **state)
{
	cpu_of(1)->count[CNT_IRQ_TIMER] = 4;
	vcpu[0].count[CNT_SYSCALL] = 12;
	vcpu[0].count[CNT_HYPERCALL + __HYPERVISOR_mmu_update] = 34;
	vcpu[1].count[CNT_HYPERCALL + 60] = 56;
	counters_print_all();
	assert_non_null(strstr(fake_log, "counters of cpu1: irq_timer=4\n"));
	assert_non_null(strstr(fake_log, "counters of d3v0: syscall=12 "
					 "hypercall.mmu_update=34\n"));
	assert_non_null(
		strstr(fake_log, "counters of d3v1: hypercall.60=56\n"));
	assert_non_null(strstr(fake_log, "counters end\n"));
}

static void long_listings_take_several_lines(void **state)
{
	u64 items = 0;

	for (u32 i = 0; i < CNT_MAX; i++)
		vcpu[0].count[i] = ~0ull;
	counters_print_all();
	for (char *line = strtok(fake_log, "\n"); line;
	     line = strtok(NULL, "\n")) {
		assert_in_range(strlen(line), 1, 160);
		if (strncmp(line, "counters of d3v0:", 17) != 0)
			continue;
		for (char *c = line; *c; c++)
			items += *c == '=';
	}
	assert_int_equal(items, CNT_MAX);
}

static void bench_reads_sums(void **state)
{
	vcpu[0].count[CNT_HYPERCALL + 1] = 2;
	vcpu[0].count[CNT_HYPERCALL + __HYPERVISOR_iret] = 3;
	vcpu[1].count[CNT_IRQ_OTHER] = 1;
	vcpu[1].count[CNT_IRQ_DEVICE] = 1;
	counters_print();
	assert_non_null(strstr(fake_log, " hypercall=5 "));
	assert_non_null(strstr(fake_log, " iret=3 "));
	assert_non_null(strstr(fake_log, " irq=2 "));
}

// ------------------------------------------------------------------- xenperf

static void the_tool_is_told_all(void **state)
{
	struct xen_sysctl op = {
		.u.perfc_op = {.cmd = XEN_SYSCTL_PERFCOP_query}};
	struct xen_sysctl_perfc_op *a = &op.u.perfc_op;
	struct xen_sysctl_perfc_desc *desc;
	xen_sysctl_perfc_val_t *val;
	u32 vals = 0;

	assert_int_equal(sysctl_counters(&op), 0);
	assert_int_equal(a->nr_counters, counter_group_count);
	assert_int_equal(a->nr_vals, CNT_MAX);
	desc = calloc(a->nr_counters, sizeof(*desc));
	val = calloc(a->nr_vals, sizeof(*val));
	a->desc.p = desc;
	a->val.p = val;
	vcpu[0].count[CNT_HYPERCALL + 2] = 9;
	assert_int_equal(sysctl_counters(&op), 0);
	for (u32 i = 0; i < a->nr_counters; i++) {
		if (!strcmp(desc[i].name, "hypercalls"))
			assert_int_equal(val[vals + 2], 9);
		vals += desc[i].nr_vals;
	}
	assert_int_equal(vals, CNT_MAX);
	free(desc);
	free(val);
}

static void the_tool_may_reset(void **state)
{
	struct xen_sysctl op = {
		.u.perfc_op = {.cmd = XEN_SYSCTL_PERFCOP_reset}};

	vcpu[0].count[CNT_IO] = 5;
	assert_int_equal(sysctl_counters(&op), 0);
	assert_int_equal(counter_total(CNT_IO), 0);
	op.u.perfc_op.cmd = 3;
	assert_int_equal(sysctl_counters(&op), -EINVAL);
}

static void bad_buffers_are_refused(void **state)
{
	struct xen_sysctl_perfc_desc desc[64];
	struct xen_sysctl op = {
		.u.perfc_op = {.cmd = XEN_SYSCTL_PERFCOP_query}};

	op.u.perfc_op.desc.p = desc;
	fake_fault_at = &desc[3];
	fake_fault_bytes = 1;
	assert_int_equal(sysctl_counters(&op), -EFAULT);
	fake_fault_bytes = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, reset)
		TEST(who_runs_counts),
		TEST(a_vcpu_that_goes_leaves_its_counts),
		TEST(reset_starts_at_zero),
		TEST(groups_cover_every_counter_once),
		TEST(each_vcpu_is_listed),
		TEST(long_listings_take_several_lines),
		TEST(bench_reads_sums),
		TEST(the_tool_is_told_all),
		TEST(the_tool_may_reset),
		TEST(bad_buffers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
