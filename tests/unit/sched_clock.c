// SPDX-License-Identifier: MIT
// uses: src/sched/clock.c tests/fake/core.c
//
// Guest time: what a guest computes from its page must be the hypervisor's
// time, to the nanosecond; versions must be even when nobody writes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core.h"
#include "cpu/cpu.h"
#include "sched/priv.h"

static bool in_step;

bool tsc_in_step(void)
{
	return in_step;
}

struct tsc_scale tsc_scale;
struct lock shutdown_lock;
struct list domain_list = {&domain_list, &domain_list};
struct lock domain_list_lock;

static struct shared_info shared;
static struct domain domain = {.shared = &shared};
static struct vcpu vcpu = {.domain = &domain, .info = &shared.vcpu_info[0]};

// The guest's areas, which may be "unmapped".
static bool mapped;
static u32 area_writes;
static u64 entry_times[8]; // state_entry_time after each write

bool area_write(struct vcpu *v, gva_t va, const void *src, size_t bytes)
{
	const struct vcpu_runstate_info *r = (const void *)v->runstate_area;

	if (!mapped)
		return false;
	memcpy((void *)va, src, bytes);
	if (r && area_writes < ARRAY_SIZE(entry_times))
		entry_times[area_writes] = r->state_entry_time;
	area_writes++;
	return true;
}

u64 wall_clock_read(void)
{
	return 1700000000;
}

static int set_up(void **state)
{
	memset(&shared, 0, sizeof(shared));
	memset(&vcpu.runstate, 0, sizeof(vcpu.runstate));
	vcpu.runstate_area = vcpu.time_area = 0;
	vcpu.time_area_stale = false;
	domain.vm_assist = 0;
	domain.time_offset_s = 0;
	mapped = true;
	area_writes = 0;
	fake_cpus = 1;
	in_step = true;
	tsc_scale = (struct tsc_scale){
		.base_tsc = 5000, .mul = 0xaaaaaaaa, .shift = -1};
	return 0;
}

// As the ABI tells guests to do it.
static u64 guest_time(const struct vcpu_time_info *t, u64 tsc)
{
	u64 delta = tsc - t->tsc_timestamp;

	delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift
				 : delta << t->tsc_shift;
	return t->system_time +
	       (u64)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
}

static u64 our_time(u64 tsc)
{
	u64 delta = tsc - tsc_scale.base_tsc;

	delta = tsc_scale.shift < 0 ? delta >> -tsc_scale.shift
				    : delta << tsc_scale.shift;
	return (u64)((unsigned __int128)delta * tsc_scale.mul >> 32);
}

static void guest_and_hypervisor_agree_for_years(void **state)
{
	static const int8_t shifts[] = {-2, -1, 0, 1, 4};

	for (u32 i = 0; i < ARRAY_SIZE(shifts); i++) {
		tsc_scale.shift = shifts[i];
		clock_update(&vcpu);
		for (u64 tsc = 5000; tsc < BIT(58); tsc = tsc * 3 + 7)
			assert_int_equal(guest_time(&vcpu.info->time, tsc),
					 our_time(tsc));
	}
}

static void the_version_is_even_and_moves_only_with_the_contents(void **state)
{
	u32 version;

	clock_update(&vcpu);
	version = vcpu.info->time.version;
	assert_int_equal(version % 2, 0);
	assert_int_not_equal(version, 0);
	clock_update(&vcpu);
	assert_int_equal(vcpu.info->time.version, version);
	tsc_scale.mul++;
	clock_update(&vcpu);
	assert_int_equal(vcpu.info->time.version, version + 2);
}

static void a_version_that_the_guest_spoiled_becomes_even_again(void **state)
{
	static const u32 spoiled[] = {1, 77, ~0u, ~0u - 1};

	for (u32 i = 0; i < ARRAY_SIZE(spoiled); i++) {
		tsc_scale.mul++;
		vcpu.info->time.version = spoiled[i];
		clock_update(&vcpu);
		assert_int_equal(vcpu.info->time.version % 2, 0);
		assert_int_not_equal(vcpu.info->time.version, spoiled[i]);
	}
}

static void the_tsc_is_called_stable_only_when_it_is(void **state)
{
	clock_update(&vcpu);
	assert_int_equal(vcpu.info->time.flags, XEN_PVCLOCK_TSC_STABLE_BIT);
	in_step = false;
	clock_update(&vcpu);
	assert_int_equal(vcpu.info->time.flags, 0);
}

static void the_time_area_is_written_once_it_is_mapped(void **state)
{
	struct vcpu_time_info area = {0};

	mapped = false;
	vcpu.time_area = gva_of(&area);
	vcpu.time_area_stale = true;
	clock_update(&vcpu);
	assert_true(vcpu.time_area_stale);
	mapped = true;
	clock_update(&vcpu);
	assert_false(vcpu.time_area_stale);
	assert_memory_equal(&area, &vcpu.info->time, sizeof(area));
	area_writes = 0;
	clock_update(&vcpu);
	assert_int_equal(area_writes, 0);
}

void vcpu_runstate_last(struct vcpu *v, struct vcpu_runstate_info *out)
{
	*out = v->runstate;
}

static void the_runstate_area_is_a_copy(void **state)
{
	struct vcpu_runstate_info area = {0};

	vcpu.runstate.state = RUNSTATE_blocked;
	vcpu.runstate.state_entry_time = 99;
	vcpu.runstate.time[2] = 1234;
	clock_update_runstate(&vcpu); // none registered
	assert_int_equal(area_writes, 0);
	vcpu.runstate_area = gva_of(&area);
	clock_update_runstate(&vcpu);
	assert_int_equal(area_writes, 1);
	assert_memory_equal(&area, &vcpu.runstate, sizeof(area));
}

static void the_update_flag_frames_the_copy(void **state)
{
	struct vcpu_runstate_info area = {0};

	domain.vm_assist = BIT(VMASST_TYPE_runstate_update_flag);
	vcpu.runstate.state_entry_time = 99;
	vcpu.runstate.time[1] = 55;
	vcpu.runstate_area = gva_of(&area);
	clock_update_runstate(&vcpu);
	assert_int_equal(area_writes, 3);
	assert_int_equal(entry_times[0], 99 | XEN_RUNSTATE_UPDATE);
	assert_int_equal(entry_times[1], 99 | XEN_RUNSTATE_UPDATE);
	assert_int_equal(entry_times[2], 99);
	assert_memory_equal(&area, &vcpu.runstate, sizeof(area));
	mapped = false;
	clock_update_runstate(&vcpu); // put up with
}

static u64 wall_ns(void)
{
	assert_int_equal(shared.wc_version % 2, 0);
	return (((u64)shared.wc_sec_hi << 32) + shared.wc_sec) * 1000000000 +
	       shared.wc_nsec;
}

static void the_wall_clock_is_the_time_at_the_start(void **state)
{
	list_add_tail(&domain_list, &domain.link);
	clock_set_wall(1800000000, 250000000, 3750000000);
	assert_int_equal(wall_ns(), 1799999996500000000ull);
	clock_set_wall(BIT(33), 0, 0); // after 2106
	assert_int_equal(wall_ns(), BIT(33) * 1000000000);
	list_del(&domain.link);
}

static void the_machines_clock_is_the_first(void **state)
{
	fake_now = 500000000;
	clock_init();
	clock_update_wall(&domain);
	assert_int_equal(wall_ns(), 1699999999500000000ull);
}

static void a_domain_may_have_an_offset(void **state)
{
	clock_set_wall(1800000000, 0, 0);
	domain.time_offset_s = -3600;
	clock_update_wall(&domain);
	assert_int_equal(wall_ns(), 1799996400ull * 1000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, set_up)
		TEST(guest_and_hypervisor_agree_for_years),
		TEST(the_version_is_even_and_moves_only_with_the_contents),
		TEST(a_version_that_the_guest_spoiled_becomes_even_again),
		TEST(the_tsc_is_called_stable_only_when_it_is),
		TEST(the_time_area_is_written_once_it_is_mapped),
		TEST(the_runstate_area_is_a_copy),
		TEST(the_update_flag_frames_the_copy),
		TEST(the_wall_clock_is_the_time_at_the_start),
		TEST(the_machines_clock_is_the_first),
		TEST(a_domain_may_have_an_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
