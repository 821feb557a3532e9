// SPDX-License-Identifier: MIT
// uses: src/mm/tlb.c tests/fake/core.c
//
// Who is asked to flush: only processors that may hold what is stale. An
// interrupt for another costs it, and whoever waits for it, for nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "irq/irq.h"
#include "mm/priv.h"
#include "mm/tlb.h"

enum { SELF, SIBLING, STRANGER, IDLE, OFFLINE, EMPTY, CPUS };

#define HV_ROOT 7

static struct domain domain, other;
static struct vcpu vcpu[3], stranger;
static u32 asked; // processors, as bits

mfn_t hv_root(void)
{
	return MFN(HV_ROOT);
}

void apic_send_ipi(u32 apic_id, u8 vector)
{
	assert_int_equal(vector, VEC_IPI_FLUSH);
	asked |= 1u << apic_id;
	cpu_of(apic_id)->flush_done = cpu_of(apic_id)->flush_wanted;
}

void lock_spin(void)
{
	fail_msg("waits for one that was not asked");
}

static void run(u32 cpu, struct vcpu *v, struct domain *d, u32 id)
{
	struct cpu *c = cpu_of(cpu);

	v->domain = d;
	v->id = id;
	c->cr3 = (u64)(100 + cpu) << PAGE_SHIFT;
	c->curr = c->loaded = v;
}

// vCPUs 0 and 1 run, 2 sleeps with its state loaded still; a stranger runs; one
// processor is not there, and one has let go of its last guest.
static int set_up(void **state)
{
	fake_cpus_init(CPUS);
	fake_cpus = CPUS;
	run(SELF, &vcpu[0], &domain, 0);
	run(SIBLING, &vcpu[1], &domain, 1);
	run(STRANGER, &stranger, &other, 1);
	run(IDLE, &vcpu[2], &domain, 2);
	cpu_of(IDLE)->curr = NULL;
	run(OFFLINE, &vcpu[1], &domain, 1);
	cpu_of(OFFLINE)->online = false;
	cpu_of(EMPTY)->cr3 = HV_ROOT << PAGE_SHIFT;
	domain.weakened = other.weakened = 1;
	tlb_clock = 1000;
	for (u32 i = 0; i < CPUS; i++)
		cpu_of(i)->flush_stamp = 900;
	asked = 0;
	return 0;
}

static u64 flushes(void)
{
	return cpu_counters(cpu_this())[CNT_FLUSH];
}

static void a_guests_flush_reaches_who_runs_it(void **state)
{
	u64 before = flushes();

	tlb_flush_domain(&domain);
	assert_int_equal(asked, 1u << SIBLING);
	assert_int_equal(flushes(), before + 1);
	assert_true(cpu_of(IDLE)->flush_late);
	assert_false(cpu_of(STRANGER)->flush_late);
}

static void a_mask_reaches_its_vcpus(void **state)
{
	u64 none[MAX_VCPUS / 64] = {0}, two[MAX_VCPUS / 64] = {0x6};
	u64 before = flushes();

	tlb_flush_mask(&domain, none);
	assert_int_equal(asked, 0);
	tlb_flush_mask(&domain, two);
	assert_int_equal(asked, 1u << SIBLING);
	assert_true(cpu_of(IDLE)->flush_late);
	assert_int_equal(flushes(), before);
}

// What a guest asks for is not done where nothing can be stale; what frames
// need is.
static void fresh_ones_are_not_asked_for_guests(void **state)
{
	u64 two[MAX_VCPUS / 64] = {0x6};

	cpu_of(SIBLING)->fresh = cpu_of(IDLE)->fresh = domain.weakened;
	tlb_flush_mask(&domain, two);
	assert_int_equal(asked, 0);
	assert_false(cpu_of(IDLE)->flush_late);
	assert_false(cpu_of(SIBLING)->flush_owed);
	domain.widened++;
	tlb_flush_mask(&domain, two);
	assert_int_equal(asked, 0);
	assert_true(cpu_of(SIBLING)->flush_owed);
	assert_false(cpu_of(SELF)->flush_owed);
	cpu_of(SIBLING)->flush_due = FLUSH_WITH_ROOT;
	tlb_flush_mask(&domain, two);
	assert_int_equal(asked, 1u << SIBLING);
	cpu_of(SIBLING)->flush_due = 0;
	asked = 0;
	domain.weakened++;
	tlb_flush_mask(&domain, two);
	assert_int_equal(asked, 1u << SIBLING);
	asked = 0;
	cpu_of(SIBLING)->fresh = cpu_of(IDLE)->fresh = domain.weakened;
	tlb_flush_domain(&domain);
	assert_int_equal(asked, 1u << SIBLING);
}

static void a_frames_new_use_waits_for_who_may_know_the_old(void **state)
{
	tlb_flush_stale(950);
	assert_int_equal(asked, 1u << SIBLING | 1u << STRANGER | 1u << IDLE);

	// Who has flushed since then is left alone.
	asked = 0;
	cpu_of(SIBLING)->flush_stamp = 960;
	cpu_of(IDLE)->flush_stamp = 951;
	cpu_of(SELF)->flush_stamp = 999;
	tlb_flush_stale(950);
	assert_int_equal(asked, 1u << STRANGER);

	asked = 0;
	tlb_flush_stale(TLB_CLEAN);
	assert_int_equal(asked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_guests_flush_reaches_who_runs_it,
				       set_up),
		cmocka_unit_test_setup(a_mask_reaches_its_vcpus, set_up),
		cmocka_unit_test_setup(fresh_ones_are_not_asked_for_guests,
				       set_up),
		cmocka_unit_test_setup(
			a_frames_new_use_waits_for_who_may_know_the_old,
			set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
