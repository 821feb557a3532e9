// SPDX-License-Identifier: MIT
// uses: src/hypercall/dispatch.c src/hypercall/multicall.c tests/fake/core.c
//
// Dispatch, restart and multicall with a hypercall table of the test's own.
// What matters: each call is carried out exactly once and in order however
// often it is interrupted, and a restarted guest call looks like the first.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "abi/xen.h"
#include "core.h"
#include "domain/domain.h"
#include "hypercall/hypercall.h"
#include "mm/mm.h"

enum { NR_RECORD = 1, NR_STEPS = 2, NR_SCHED = 3 };

static struct vcpu vcpu;
static u64 record[256];
static u32 recorded;
static u64 ahead; // calls announced to protect_ahead

// Notes its first argument and answers ten times that.
static i64 hc_record(struct vcpu *v, struct hcall *h)
{
	record[recorded++] = h->arg[0];
	return (i64)h->arg[0] * 10;
}

// Does arg[1] steps, one a call, noting arg[0] + step; arg[2] counts them.
static i64 hc_steps(struct vcpu *v, struct hcall *h)
{
	record[recorded++] = h->arg[0] + h->arg[2];
	h->arg[2]++;
	if (--h->arg[1])
		return hypercall_restart(h);
	return 77;
}

// Blocks, as the scheduler would be asked to.
static i64 hc_sched(struct vcpu *v, struct hcall *h)
{
	record[recorded++] = h->arg[0];
	cpu_pend(cpu_this(), PENDING_SCHED);
	return 0;
}

static i64 hc_iret_fake(struct vcpu *v, struct hcall *h)
{
	return 0x1234;
}

// Asked before all others; here it never is one.
bool mmu_update_usual(struct vcpu *v, struct regs *r)
{
	return false;
}

// The calls to come, as far as they were fetched.
void protect_ahead(struct vcpu *v, const struct multicall_entry *calls, u32 n)
{
	ahead += n;
}

hypercall_fn *const hypercall_table[HYPERCALL_MAX] = {
	[NR_RECORD] = hc_record,
	[NR_STEPS] = hc_steps,
	[NR_SCHED] = hc_sched,
	[__HYPERVISOR_multicall] = hc_multicall,
	[__HYPERVISOR_iret] = hc_iret_fake,
};

static struct regs call_regs(u64 nr)
{
	return (struct regs){
		.rax = nr,
		.rdi = 1,
		.rsi = 2,
		.rdx = 3,
		.r10 = 4,
		.r8 = 5,
		.r9 = 6,
		.rbx = 0xb,
		.rip = 0x1002,
	};
}

static int reset(void **state)
{
	recorded = 0;
	fake_fault_bytes = 0;
	fake_guest_written = 0;
	cpu_this()->pending = 0;
	cpu_this()->work = 0;
	return 0;
}

// Runs the guest's call until it is not repeated any more; how often it was.
static u32 run(struct regs *r)
{
	u64 rip = r->rip, nr = r->rax;
	u32 times = 0;

	do {
		cpu_this()->pending = 0;
		r->rip = rip;
		hypercall_entry(&vcpu, r);
		times++;
		assert_true(r->rip == rip ||
			    (r->rip == rip - 2 && r->rax == nr));
	} while (r->rip != rip);
	return times;
}

static void the_result_goes_to_rax_and_nothing_else_changes(void **state)
{
	struct regs r = call_regs(NR_RECORD), before = r;

	hypercall_entry(&vcpu, &r);
	before.rax = 10;
	assert_memory_equal(&r, &before, sizeof(r));
}

static void unknown_numbers_are_answered_enosys(void **state)
{
	static const u64 numbers[] = {0, 63, 64, 65, ~0ull, 1ull << 32};

	for (u32 i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct regs r = call_regs(numbers[i]);

		hypercall_entry(&vcpu, &r);
		assert_int_equal((i64)r.rax, -ENOSYS);
		assert_int_equal(r.rip, 0x1002);
	}
	assert_int_equal(recorded, 0);
}

static void
a_restarted_call_repeats_itself_with_adjusted_arguments(void **state)
{
	struct regs r = call_regs(NR_STEPS);

	r.rdi = 100;
	r.rsi = 5;
	r.rdx = 0;
	hypercall_entry(&vcpu, &r);
	assert_int_equal(r.rip, 0x1000);
	assert_int_equal(r.rax, NR_STEPS);
	assert_int_equal(r.rsi, 4);
	assert_int_equal(r.rdx, 1);
	assert_int_equal(r.r10, 4);
	r.rip += 2;
	assert_int_equal(run(&r), 4);
	assert_int_equal((i64)r.rax, 77);
	for (u32 i = 0; i < 5; i++)
		assert_int_equal(record[i], 100 + i);
}

static void the_budget_starts_anew_with_every_entry(void **state)
{
	struct regs r = call_regs(NR_RECORD);

	cpu_this()->work = PREEMPT_BUDGET;
	hypercall_entry(&vcpu, &r);
	assert_int_equal(cpu_this()->work, 0);
}

// ---------------------------------------------------------------- multicall

static struct multicall_entry list[40];

static struct regs multicall_regs(u64 count)
{
	struct regs r = call_regs(__HYPERVISOR_multicall);

	r.rdi = gva_of(list);
	r.rsi = count;
	return r;
}

static void fill(u32 count, u64 op)
{
	memset(list, 0, sizeof(list));
	for (u32 i = 0; i < count; i++) {
		list[i].op = op;
		list[i].args[0] = i;
		list[i].args[1] = 3; // steps, for NR_STEPS
		list[i].result = ~0ul;
	}
}

static void a_multicall_runs_all_entries_in_order(void **state)
{
	struct regs r = multicall_regs(40);

	fill(40, NR_RECORD);
	assert_int_equal(run(&r), 1);
	assert_int_equal(r.rax, 0);
	assert_int_equal(recorded, 40);
	for (u32 i = 0; i < 40; i++) {
		assert_int_equal(record[i], i);
		assert_int_equal(list[i].result, 10 * i);
	}
	assert_int_equal(fake_guest_written, 40 * sizeof(u64));
	assert_int_equal(ahead, 40);
}

static void an_empty_multicall_is_fine_and_reads_nothing(void **state)
{
	struct regs r = multicall_regs(0);

	r.rdi = HV_START;
	assert_int_equal(run(&r), 1);
	assert_int_equal(r.rax, 0);
}

static void errors_stay_in_their_entries(void **state)
{
	struct regs r = multicall_regs(3);

	fill(3, NR_RECORD);
	list[1].op = 63;
	assert_int_equal(run(&r), 1);
	assert_int_equal(r.rax, 0);
	assert_int_equal((i64)list[1].result, -ENOSYS);
	assert_int_equal(list[2].result, 20);
}

static void a_multicall_inside_a_multicall_is_refused(void **state)
{
	struct regs r = multicall_regs(2);

	fill(2, NR_RECORD);
	list[0].op = __HYPERVISOR_multicall;
	assert_int_equal(run(&r), 1);
	assert_int_equal((i64)list[0].result, -EINVAL);
	assert_int_equal(list[1].result, 10);
}

static void a_restarting_entry_goes_on_where_it_was(void **state)
{
	struct regs r = multicall_regs(10);

	fill(10, NR_STEPS);
	for (u32 i = 0; i < 10; i++)
		list[i].args[0] = 100 * i;
	assert_int_equal(run(&r), 1 + 10 * 2);
	assert_int_equal(recorded, 30);
	for (u32 i = 0; i < 30; i++)
		assert_int_equal(record[i], 100 * (i / 3) + i % 3);
	for (u32 i = 0; i < 10; i++)
		assert_int_equal(list[i].result, 77);
}

static void a_blocking_entry_lets_the_scheduler_in_before_the_next(void **state)
{
	struct regs r = multicall_regs(3);

	fill(3, NR_RECORD);
	list[0].op = NR_SCHED;
	hypercall_entry(&vcpu, &r);
	assert_int_equal(r.rip, 0x1000);
	assert_int_equal(recorded, 1);
	assert_int_equal(list[0].result, 0);
	r.rip += 2;
	assert_int_equal(run(&r), 1);
	assert_int_equal(recorded, 3);
	assert_int_equal(record[2], 2);
}

static void a_long_multicall_is_cut_by_the_budget(void **state)
{
	struct regs r = multicall_regs(3);
	struct hcall h = {.nr = __HYPERVISOR_multicall,
			  .arg = {gva_of(list), 3}};

	fill(3, NR_RECORD);
	cpu_this()->work = PREEMPT_BUDGET;
	assert_int_equal(hc_multicall(&vcpu, &h), 0);
	assert_true(h.restart);
	assert_int_equal(recorded, 1);
	assert_int_equal(h.arg[0], gva_of(&list[1]));
	assert_int_equal(h.arg[1], 2);
	r.rdi = h.arg[0];
	r.rsi = h.arg[1];
	assert_int_equal(run(&r), 1);
	assert_int_equal(recorded, 3);
}

static void entries_before_an_unreadable_one_are_carried_out(void **state)
{
	struct regs r = multicall_regs(6);

	fill(6, NR_RECORD);
	fake_fault_at = &list[4];
	fake_fault_bytes = sizeof(list[4]);
	assert_int_equal(run(&r), 1);
	assert_int_equal((i64)r.rax, -EFAULT);
	assert_int_equal(recorded, 4);
}

static void an_unwritable_result_ends_the_multicall(void **state)
{
	struct regs r = multicall_regs(4);
	struct hcall h = {.nr = __HYPERVISOR_multicall,
			  .arg = {gva_of(list), 4}};

	fill(4, NR_RECORD);
	fake_fault_at = &list[3].result;
	fake_fault_bytes = 1;
	assert_int_equal(hc_multicall(&vcpu, &h), -EFAULT);
	assert_int_equal(recorded, 3);
	assert_int_equal(r.rsi, 4);
}

static void iret_in_a_multicall_ends_it(void **state)
{
	struct regs r = multicall_regs(3);

	fill(3, NR_RECORD);
	list[1].op = __HYPERVISOR_iret;
	assert_int_equal(run(&r), 1);
	assert_int_equal(r.rax, 0x1234);
	assert_int_equal(recorded, 1);
	assert_int_equal(list[1].result, ~0ul);
}

static void every_call_is_counted(void **state)
{
	struct regs r = multicall_regs(5);
	const u64 *count = &cpu_this()->count[CNT_HYPERCALL];
	u64 outer = count[__HYPERVISOR_multicall], inner = count[NR_RECORD];

	fill(5, NR_RECORD);
	run(&r);
	assert_int_equal(count[__HYPERVISOR_multicall] - outer, 1);
	assert_int_equal(count[NR_RECORD] - inner, 5);
}

static void a_vcpus_calls_are_its_own(void **state)
{
	struct regs r = multicall_regs(1);
	struct vcpu other = {0};
	u64 ours = cpu_this()->count[CNT_HYPERCALL + NR_RECORD];

	fill(1, NR_RECORD);
	count_for(cpu_this(), other.count);
	run(&r);
	assert_int_equal(other.count[CNT_HYPERCALL + NR_RECORD], 1);
	count_for(cpu_this(), NULL);
	assert_int_equal(cpu_this()->count[CNT_HYPERCALL + NR_RECORD], ours);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, reset)
		TEST(the_result_goes_to_rax_and_nothing_else_changes),
		TEST(unknown_numbers_are_answered_enosys),
		TEST(a_restarted_call_repeats_itself_with_adjusted_arguments),
		TEST(the_budget_starts_anew_with_every_entry),
		TEST(a_multicall_runs_all_entries_in_order),
		TEST(an_empty_multicall_is_fine_and_reads_nothing),
		TEST(errors_stay_in_their_entries),
		TEST(a_multicall_inside_a_multicall_is_refused),
		TEST(a_restarting_entry_goes_on_where_it_was),
		TEST(a_blocking_entry_lets_the_scheduler_in_before_the_next),
		TEST(a_long_multicall_is_cut_by_the_budget),
		TEST(entries_before_an_unreadable_one_are_carried_out),
		TEST(an_unwritable_result_ends_the_multicall),
		TEST(iret_in_a_multicall_ends_it),
		TEST(every_call_is_counted),
		TEST(a_vcpus_calls_are_its_own),
	};

	fake_cpus_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
