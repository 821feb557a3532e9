// SPDX-License-Identifier: MIT
// uses: src/boot/cmdline.c src/lib/text.c
//
// The command line: each kind of option, Xen's forms of dom0_mem, and garbage.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/boot.h"
#include "console/console.h"

static u32 warnings;
static char last_warning[256];

void log_at(enum log_level level, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(last_warning, sizeof(last_warning), format, ap);
	va_end(ap);
	warnings += level == LOG_WARN;
}

static const struct boot_options *parse(const char *text)
{
	memset(&boot_options, 0, sizeof(boot_options));
	warnings = 0;
	cmdline_parse(text);
	return &boot_options;
}

static void test_usual_line(void **state)
{
	const struct boot_options *o =
		parse("console=com1,vga  dom0_mem=512M\tcom1=115200,8n1 "
		      "loglvl=all guest_loglvl=warning/all sched=credit2 "
		      "noreboot dom0_max_vcpus=2 placeholder "
		      "dom0-gate=open gate=adaptive,force");

	assert_string_equal(o->console, "com1,vga");
	assert_string_equal(o->com[0], "115200,8n1");
	assert_string_equal(o->com[1], "");
	assert_string_equal(o->loglvl, "all");
	assert_string_equal(o->guest_loglvl, "warning/all");
	assert_string_equal(o->sched, "credit2");
	assert_int_equal(o->dom0_mem, 512ull << 20);
	assert_int_equal(o->dom0_max_vcpus, 2);
	assert_string_equal(o->dom0_gate, "open");
	assert_string_equal(o->gate, "adaptive,force");
	assert_true(o->noreboot);
	assert_false(o->nosmp);
	assert_int_equal(warnings, 0);
}

static void test_dom0_mem(void **state)
{
	const struct boot_options *o;

	o = parse("dom0_mem=1G,max:2g,min:65536");
	assert_int_equal(o->dom0_mem, 1ull << 30);
	assert_int_equal(o->dom0_mem_max, 2ull << 30);
	assert_int_equal(o->dom0_mem_min, 64ull << 20); // KiB without suffix
	o = parse("dom0_mem=-64M");
	assert_int_equal(o->dom0_mem_less, 64 << 20);
	assert_int_equal(o->dom0_mem, 0);
	o = parse("dom0_mem=100B");
	assert_int_equal(o->dom0_mem, 100);
	assert_int_equal(warnings, 0);
}

static void test_bad_dom0_mem(void **state)
{
	static const char *const bad[] = {
		"dom0_mem=",
		"dom0_mem=M",
		"dom0_mem=12Q",
		"dom0_mem=min:",
		"dom0_mem=1M,",
		"dom0_mem=max:-3M",
		"dom0_mem=99999999999999999999T",
		"dom0_mem",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		parse(bad[i]);
		assert_int_equal(warnings, 1);
	}
}

static void test_flags(void **state)
{
	assert_true(parse("noreboot=1")->noreboot);
	assert_true(parse("noreboot=yes")->noreboot);
	assert_false(parse("noreboot=no")->noreboot);
	assert_false(parse("no-noreboot")->noreboot);
	assert_true(parse("hpet=off")->no_hpet);
	assert_true(parse("no-hpet")->no_hpet);
	assert_false(parse("hpet")->no_hpet);
	assert_true(parse("x2apic=0")->noapic_x2);
	assert_true(parse("no-pit")->no_pit);
	assert_int_equal(warnings, 0);
	parse("noreboot=perhaps");
	assert_int_equal(warnings, 1);
}

static void test_numbers(void **state)
{
	assert_int_equal(parse("maxcpus=3")->maxcpus, 3);
	assert_int_equal(parse("maxcpus=0x10")->maxcpus, 16);
	parse("maxcpus=many");
	assert_int_equal(warnings, 1);
	assert_int_equal(parse("maxcpus=99999999999")->maxcpus, UINT32_MAX);
}

static void test_unknown(void **state)
{
	parse("iommu=1 noreboot");
	assert_int_equal(warnings, 1);
	assert_non_null(strstr(last_warning, "iommu"));
	assert_true(boot_options.noreboot);
	parse("consolex=com1");
	assert_int_equal(warnings, 1);
	assert_string_equal(boot_options.console, "");
}

static void test_garbage(void **state)
{
	char line[BOOT_CMDLINE];

	parse("");
	parse("   ");
	parse("=");
	parse("= =x x= no- no-=");
	parse("\x01\x02\xff=\x1b[2J");
	assert_int_equal(warnings, 1);
	for (const char *p = last_warning; *p && *p != '\n'; p++)
		assert_in_range(*p, ' ', '~');
	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = 0;
	parse(line);
	assert_int_equal(warnings, 1);
	memcpy(line, "console=", 8);
	parse(line); // a value that does not fit
	assert_int_equal(warnings, 1);
	srand(1);
	for (u32 round = 0; round < 1000; round++) {
		for (size_t i = 0; i < sizeof(line) - 1; i++)
			line[i] = (char)(1 + rand() % 255);
		parse(line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual_line),
		cmocka_unit_test(test_dom0_mem),
		cmocka_unit_test(test_bad_dom0_mem),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
