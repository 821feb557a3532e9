// SPDX-License-Identifier: MIT
//
// Finds out how fast the time stamp counter runs, and the local APIC's timer.
// The processor or a hypervisor below us may say so; else a counter of known
// rate is watched for some hundredths of a second. Each end of that time is
// told by reading TSC, counter, TSC: the distance of the two bounds the error,
// so of several tries the closest is kept, and the watch goes on until the
// bound is small enough. That stays right when a virtual processor loses its
// turn in between.
#include "boot/boot.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "irq/priv.h"
#include "lib/string.h"
#include "sched/sched.h"

#define TRIES 8
// Ends of the watch, as fractions of a second, and the bound on the error at
// which it may stop: 100 millionths.
#define WATCH_MIN(hz) ((hz) / 50)
#define WATCH_MAX(hz) ((hz) / 20)
#define ERROR_FRACTION 10000
#define ATTEMPTS 20

#define HZ_MIN 10000000ull
#define HZ_MAX 100000000000ull

struct sample {
	u64 tsc; // in the middle of the read
	u64 width; // TSC ticks that the read took
	u64 count;
};

// ---------------------------------------------------- what CPUID has to say

static bool plausible(u64 hz)
{
	return hz >= HZ_MIN && hz <= HZ_MAX;
}

static u64 mul_div(u64 a, u64 b, u64 c)
{
	return (u64)((unsigned __int128)a * b / c);
}

// Leaf 0x15: crystal rate and the ratio to it. Without the rate it is not
// exact enough: the nominal one of leaf 0x16 may be off by some 0.5 %.
static u64 hz_from_cpuid(void)
{
	struct cpuid r;

	if (cpu_features.max_leaf < 0x15)
		return 0;
	r = cpuid(0x15, 0);
	return r.a && r.b && r.c ? mul_div(r.c, r.b, r.a) : 0;
}

static u64 hz_from_nominal(void)
{
	if (cpu_features.max_leaf < 0x16)
		return 0;
	return (cpuid(0x16, 0).a & 0xffff) * 1000000ull;
}

// Leaf 0x40000010, as VMware began it: TSC rate in kHz.
static u64 hz_from_hypervisor(void)
{
	if (!(cpu_features.leaf1_c & BIT(31)))
		return 0;
	if (cpuid(0x40000000, 0).a < 0x40000010 ||
	    cpuid(0x40000000, 0).a > 0x4000ffff)
		return 0;
	return cpuid(0x40000010, 0).a * 1000ull;
}

// --------------------------------------------------------------- measuring

static struct sample sample_take(u64 (*read)(void))
{
	u64 before = rdtsc();
	u64 count = read();
	u64 width = rdtsc() - before;

	return (struct sample){before + width / 2, width, count};
}

static struct sample sample_best(u64 (*read)(void))
{
	struct sample best = sample_take(read);

	for (u32 i = 1; i < TRIES && best.count != REFERENCE_LOST; i++) {
		struct sample s = sample_take(read);

		if (s.width < best.width || s.count == REFERENCE_LOST)
			best = s;
	}
	return best;
}

struct rates {
	u64 tsc_hz, apic_hz;
};

// Watches r once; both counters at the same time, as it costs the same.
static bool watch(const struct reference *r, struct rates *rates)
{
	struct sample apic = sample_best(apic_timer_count);
	struct sample start = sample_best(r->read);
	struct sample end;
	u64 ticks, error;

	do {
		end = sample_best(r->read);
		if (start.count == REFERENCE_LOST ||
		    end.count == REFERENCE_LOST)
			return false;
		ticks = (end.count - start.count) & r->mask;
		error = (start.width + end.width) * ERROR_FRACTION;
	} while (ticks < WATCH_MIN(r->hz) ||
		 (ticks < WATCH_MAX(r->hz) && error > end.tsc - start.tsc));

	struct sample apic_end = sample_best(apic_timer_count);

	rates->tsc_hz = mul_div(end.tsc - start.tsc, r->hz, ticks);
	rates->apic_hz = mul_div(apic_end.count - apic.count, rates->tsc_hz,
				 apic_end.tsc - apic.tsc);
	return plausible(rates->tsc_hz);
}

// A counter that stands still would be watched for ever. 100 reads take
// longer than a tick of any.
static bool ticks_at_all(const struct reference *r)
{
	u64 first = r->read();

	for (u32 i = 0; i < 100; i++)
		if (r->read() != first)
			return true;
	return false;
}

static bool measure_by(struct reference *r, struct rates *rates)
{
	for (u32 i = 0; i < ATTEMPTS; i++) {
		if (!r->start(r) || !ticks_at_all(r))
			return false;
		if (watch(r, rates))
			return true;
	}
	return false;
}

// ---------------------------------------------------------------- choosing

// The test aid `clocksource=` forces one.
static bool wanted(const char *name)
{
	return !boot_options.clocksource[0] ||
	       strcmp(boot_options.clocksource, name) == 0;
}

static const char *told_by_cpuid(struct rates *rates)
{
	u64 hz = hz_from_cpuid();

	if (!plausible(hz))
		hz = hz_from_hypervisor();
	rates->tsc_hz = hz;
	return wanted("tsc") && plausible(hz) ? "CPUID" : NULL;
}

static const char *measured(struct rates *rates)
{
	for (struct reference *r = references; r->name; r++)
		if (wanted(r->name) && measure_by(r, rates))
			return r->name;
	return NULL;
}

static const char *last_resort(struct rates *rates)
{
	rates->tsc_hz = hz_from_nominal();
	if (wanted("tsc") && plausible(rates->tsc_hz))
		return "CPUID (nominal)";
	rates->tsc_hz = wanted("rtc") ? rtc_measure_second() : 0;
	return plausible(rates->tsc_hz) ? "rtc" : NULL;
}

// The TSC as the known counter, to measure the APIC timer by.
static void measure_apic(struct rates *rates)
{
	struct reference tsc = {
		.name = "tsc",
		.read = rdtsc,
		.hz = rates->tsc_hz,
		.mask = ~0ull,
	};
	u64 hz = rates->tsc_hz;

	if (!watch(&tsc, rates))
		panic("the local APIC timer cannot be measured");
	rates->tsc_hz = hz;
}

void clocksource_init(void)
{
	struct rates rates = {0};
	u64 base = rdtsc();
	const char *name;

	apic_timer_count_start();
	name = told_by_cpuid(&rates);
	if (!name)
		name = measured(&rates);
	if (!name)
		name = last_resort(&rates);
	if (!name && boot_options.clocksource[0])
		give_up("clocksource=%s: this machine has no such clock that "
			"works; leave the option out",
			boot_options.clocksource);
	if (!name)
		give_up("no clock to measure the processor's speed by: needs "
			"one of HPET, PIT, ACPI PM timer, RTC");
	if (!rates.apic_hz)
		measure_apic(&rates);
	tsc_scale_set(rates.tsc_hz, base);
	apic_timer_set_rate(apic_timer_uses_deadline() ? rates.tsc_hz
						       : rates.apic_hz);
	log_info("TSC %u.%03u MHz, told by %s\n", (u32)(rates.tsc_hz / 1000000),
		 (u32)(rates.tsc_hz / 1000 % 1000), name);
}
