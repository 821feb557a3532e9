// SPDX-License-Identifier: MIT
// uses: src/irq/clocksource.c src/irq/tsc.c
//
// Calibration on a machine of make-believe: reads take their time, and now and
// then the virtual processor loses its turn for longer than a counter's round.
// The rates must come out right all the same; each word of CPUID is believed
// only when it makes sense; and what is not there or stands still is passed by.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/boot.h"
#include "cpu/cpu.h"
#include "irq/priv.h"
#include "sched/sched.h"

#define TSC_HZ 2596118000ull
#define APIC_HZ 125000000ull
#define PICO 1000000000000ull

struct boot_options boot_options;
struct cpu_features cpu_features;

static u64 now_ps = 1; // the world's time, picoseconds
static u32 stalls; // of a million reads, how many meet a lost turn
static u64 stall_ps;

static u64 ticks(u64 hz)
{
	return (u64)((unsigned __int128)now_ps * hz / PICO);
}

static void pass_time(u64 ps)
{
	now_ps += ps + (u64)rand() % ps;
	if ((u32)rand() % 1000000 < stalls)
		now_ps += stall_ps;
}

u64 fake_rdtsc(void)
{
	pass_time(10000);
	return ticks(TSC_HZ);
}

// Half of what a read takes is before the counter is looked at.
static u64 slow_read(u64 hz, u64 mask)
{
	u64 v;

	pass_time(500000);
	v = ticks(hz) & mask;
	pass_time(500000);
	return v;
}

static bool starts(struct reference *r)
{
	return true;
}

static bool absent(struct reference *r)
{
	return false;
}

static u64 stands_still(void)
{
	pass_time(500000);
	return 0xffffff;
}

static u64 pm_read(void)
{
	return slow_read(3579545, 0xffffff);
}

static u64 pit_zero;

static bool pit_start(struct reference *r)
{
	pit_zero = ticks(1193182);
	return true;
}

static u64 pit_read(void)
{
	u64 v = slow_read(1193182, ~0ull) - pit_zero;

	return v > 0xffff ? REFERENCE_LOST : v;
}

struct reference references[3];

static const struct reference pit = {"pit", pit_start, pit_read, 1193182,
				     0xffff};
static const struct reference pm = {"acpi", starts, pm_read, 3579545, 0xffffff};

static u64 apic_zero, apic_rate;
static bool deadline;

void apic_timer_count_start(void)
{
	apic_zero = ticks(APIC_HZ);
}

u64 apic_timer_count(void)
{
	return slow_read(APIC_HZ, ~0ull) - apic_zero;
}

bool apic_timer_uses_deadline(void)
{
	return deadline;
}

void apic_timer_set_rate(u64 hz)
{
	apic_rate = hz;
}

static u64 rtc_second;

u64 rtc_measure_second(void)
{
	return rtc_second;
}

static struct cpuid leaf15, leaf16, hv0, hv10;

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid none = {0};

	switch (leaf) {
	case 0x15:
		return leaf15;
	case 0x16:
		return leaf16;
	case 0x40000000:
		return hv0;
	case 0x40000010:
		return hv10;
	default:
		return none;
	}
}

static bool expect_panic;
static jmp_buf panicked;

void panic(const char *format, ...)
{
	if (!expect_panic)
		abort();
	longjmp(panicked, 1);
}

void give_up(const char *format, ...)
{
	if (!expect_panic)
		abort();
	longjmp(panicked, 1);
}

static bool near(u64 a, u64 b, u64 millionths)
{
	return (a > b ? a - b : b - a) <= b * millionths / 1000000;
}

static int fresh(void **state)
{
	memset(references, 0, sizeof(references));
	memset(&boot_options, 0, sizeof(boot_options));
	cpu_features = (struct cpu_features){.max_leaf = 0x16};
	leaf15 = leaf16 = hv0 = hv10 = (struct cpuid){0};
	stalls = 0;
	rtc_second = apic_rate = 0;
	deadline = expect_panic = false;
	srand(1);
	return 0;
}

static void rates_are_right_and_soon_there(void **state)
{
	u64 start = now_ps;

	references[0] = pm;
	clocksource_init();
	assert_true(near(tsc_scale.hz, TSC_HZ, 20));
	assert_true(near(apic_rate, APIC_HZ, 100));
	assert_true(now_ps - start < 40 * (PICO / 1000));
	assert_true(now_ns() * 1000 <= now_ps - start);
}

static void lost_turns_do_not_spoil_them(void **state)
{
	for (u32 i = 0; i < 300; i++) {
		references[0] = i & 1 ? pit : pm;
		stalls = i / 10; // up to three in a watch
		stall_ps = (u64)rand() % 100 * (PICO / 1000);
		clocksource_init();
		assert_true(near(tsc_scale.hz, TSC_HZ, 100));
		assert_true(near(apic_rate, APIC_HZ, 200));
	}
}

static void dead_and_absent_counters_are_passed_by(void **state)
{
	references[0] = (struct reference){"hpet", absent, pm_read, 1, ~0u};
	references[1] =
		(struct reference){"pit", starts, stands_still, 1193182, ~0u};
	references[2] = (struct reference){0};
	rtc_second = TSC_HZ + 5000;
	clocksource_init();
	assert_int_equal(tsc_scale.hz, TSC_HZ + 5000);
	assert_true(near(apic_rate, APIC_HZ, 100));
}

static void cpuid_is_believed_when_it_is_exact(void **state)
{
	leaf15 = (struct cpuid){2, 216, 24000000, 0};
	deadline = true;
	clocksource_init();
	assert_int_equal(tsc_scale.hz, 2592000000);
	assert_int_equal(apic_rate, 2592000000);

	// No crystal rate: measured, as the nominal rate is too coarse.
	leaf15.c = 0;
	leaf16.a = 2600;
	references[0] = pm;
	clocksource_init();
	assert_true(near(tsc_scale.hz, TSC_HZ, 20));

	// Nothing to measure by: better than nothing.
	references[0].name = NULL;
	clocksource_init();
	assert_int_equal(tsc_scale.hz, 2600000000);
}

static void a_hypervisor_below_is_asked(void **state)
{
	references[0] = pm;
	hv0.a = 0x40000010;
	hv10.a = 2500000;
	clocksource_init(); // no hypervisor bit
	assert_true(near(tsc_scale.hz, TSC_HZ, 20));
	cpu_features.leaf1_c = BIT(31);
	clocksource_init();
	assert_int_equal(tsc_scale.hz, 2500000000);
	hv10.a = 1; // 1 kHz
	clocksource_init();
	assert_true(near(tsc_scale.hz, TSC_HZ, 20));
	hv10.a = 2500000;
	hv0.a = 0x40000001;
	clocksource_init();
	assert_true(near(tsc_scale.hz, TSC_HZ, 20));
}

static void option_forces_one(void **state)
{
	references[0] = pit;
	references[0].name = "hpet";
	references[0].start = absent;
	references[1] = pm;
	leaf15 = (struct cpuid){2, 216, 24000000, 0};
	strcpy(boot_options.clocksource, "acpi");
	clocksource_init();
	assert_true(near(tsc_scale.hz, TSC_HZ, 20));
	expect_panic = true;
	strcpy(boot_options.clocksource, "hpet");
	if (!setjmp(panicked)) {
		clocksource_init();
		fail();
	}
}

static void without_any_clock_there_is_no_start(void **state)
{
	expect_panic = true;
	if (!setjmp(panicked)) {
		clocksource_init();
		fail();
	}
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rates_are_right_and_soon_there),
		TEST(lost_turns_do_not_spoil_them),
		TEST(dead_and_absent_counters_are_passed_by),
		TEST(cpuid_is_believed_when_it_is_exact),
		TEST(a_hypervisor_below_is_asked),
		TEST(option_forces_one),
		TEST(without_any_clock_there_is_no_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
