// SPDX-License-Identifier: MIT
// uses: src/gate/policy.c
// uses: tests/fake/core.c
//
// Who gets a closed gate: the words of gate=, and what the machine says to them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/boot.h"
#include "console/console.h"
#include "core.h"
#include "cpu/cpu.h"
#include "gate/closed.h"

struct boot_options boot_options;
struct cpu_features cpu_features;
static bool holds;
static u32 probes, lines;

bool ring1_holds(void)
{
	probes++;
	return holds;
}

void log_at(enum log_level level, const char *format, ...)
{
	lines += level <= LOG_WARN;
}

static void words(void **state)
{
	static const struct {
		const char *text;
		bool known;
		struct gate_wish wish;
	} cases[] = {
		{"", true, {GATE_CLASSIC, false}},
		{"off", true, {GATE_CLASSIC, false}},
		{"on", true, {GATE_ALWAYS, false}},
		{"on,force", true, {GATE_ALWAYS, true}},
		{"adaptive", true, {GATE_ADAPTIVE, false}},
		{"adaptive,force", true, {GATE_ADAPTIVE, true}},
		{"flip,force", true, {GATE_FLIP, true}},
		{"o", false, {GATE_CLASSIC, false}},
		{"only", false, {GATE_CLASSIC, false}},
		{"on,", false, {GATE_CLASSIC, false}},
		{"on,forces", false, {GATE_CLASSIC, false}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gate_wish wish;

		assert_int_equal(gate_parse(cases[i].text, &wish),
				 cases[i].known);
		if (!cases[i].known)
			continue;
		assert_int_equal(wish.policy, cases[i].wish.policy);
		assert_int_equal(wish.force, cases[i].wish.force);
	}
}

static void decision(const char *option, bool meltdown, bool ring1,
		     enum gate_policy policy, u32 expected_lines)
{
	strcpy(boot_options.gate, option);
	cpu_features.meltdown = meltdown;
	holds = ring1;
	lines = 0;
	gate_init();
	assert_int_equal(gate_policy_guests(), policy);
	assert_int_equal(gate_policy_dom0(), GATE_CLASSIC);
	assert_int_equal(lines, expected_lines);
}

static void guests(void **state)
{
	decision("on", false, true, GATE_ALWAYS, 0);
	decision("adaptive", false, false, GATE_CLASSIC, 1);
	decision("adaptive,force", false, false, GATE_ADAPTIVE, 1);
	decision("adaptive,force", true, true, GATE_CLASSIC, 1);
	decision("ajar", false, true, GATE_CLASSIC, 1);
}

static void nothing_is_tried_for_nobody(void **state)
{
	probes = 0;
	decision("off", true, false, GATE_CLASSIC, 0);
	decision("", false, false, GATE_CLASSIC, 0);
	assert_int_equal(probes, 0);
	assert_false(gate_asked_for());
	strcpy(boot_options.gate, "on");
	assert_true(gate_asked_for());
}

// Its kernel is trusted.
static void dom0_gets_one_on_any_machine(void **state)
{
	cpu_features.meltdown = holds = false;
	boot_options.gate[0] = 0;
	strcpy(boot_options.dom0_gate, "closed");
	gate_init();
	assert_int_equal(gate_policy_dom0(), GATE_ALWAYS);
	assert_int_equal(gate_policy_guests(), GATE_CLASSIC);
	assert_true(gate_dom0_asked_for());
	cpu_features.meltdown = true;
	gate_init();
	assert_int_equal(gate_policy_dom0(), GATE_CLASSIC);
	strcpy(boot_options.dom0_gate, "open");
	assert_false(gate_dom0_asked_for());
	boot_options.dom0_gate[0] = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(guests),
		cmocka_unit_test(nothing_is_tried_for_nobody),
		cmocka_unit_test(dom0_gets_one_on_any_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
