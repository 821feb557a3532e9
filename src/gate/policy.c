// SPDX-License-Identifier: MIT
//
// Who gets a closed gate: gate= for guests, dom0-gate=closed for dom0's kernel.
// The words say what is wanted; the machine may forbid it (docs/gate.md).
#include "boot/boot.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "gate/closed.h"
#include "lib/string.h"

static enum gate_policy guests, dom0_kernel;

static bool is_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && !strncmp(text, word, length);
}

bool gate_parse(const char *text, struct gate_wish *wish)
{
	static const struct {
		const char *word;
		enum gate_policy policy;
	} words[] = {
		{"", GATE_CLASSIC},          {"off", GATE_CLASSIC},
		{"adaptive", GATE_ADAPTIVE}, {"on", GATE_ALWAYS},
		{"flip", GATE_FLIP},
	};
	size_t length = 0;

	while (text[length] && text[length] != ',')
		length++;
	*wish = (struct gate_wish){0};
	if (text[length] && strcmp(text + length, ",force") != 0)
		return false;
	wish->force = text[length];
	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		if (!is_word(text, length, words[i].word))
			continue;
		wish->policy = words[i].policy;
		return true;
	}
	return false;
}

// What matters about the processor.
struct gate_machine {
	bool meltdown; // it has that fault
	bool ring1_holds;
};

// What comes of a wish. *why: what keeps it from being granted, or 0.
static enum gate_policy gate_decide(const struct gate_wish *wish,
				    const struct gate_machine *m,
				    const char **why)
{
	*why = NULL;
	if (wish->policy == GATE_CLASSIC)
		return GATE_CLASSIC;
	if (m->meltdown)
		*why = "on this processor programs could read their kernel's "
		       "memory";
	else if (!m->ring1_holds && !wish->force)
		*why = "on this machine a null stack selector turns ring 1 "
		       "into "
		       "ring 0, as QEMU's TCG does, and a guest could take the "
		       "machine over (\",force\" behind the word insists)";
	return *why ? GATE_CLASSIC : wish->policy;
}

// dom0's kernel is trusted, so a machine's weak ring 1 does not matter.
static enum gate_policy dom0_wish(const char *word)
{
	if (!strcmp(word, "closed"))
		return GATE_ALWAYS;
	if (!strcmp(word, "adaptive"))
		return GATE_ADAPTIVE;
	return !strcmp(word, "flip") ? GATE_FLIP : GATE_CLASSIC;
}

bool gate_dom0_asked_for(void)
{
	return dom0_wish(boot_options.dom0_gate) != GATE_CLASSIC;
}

bool gate_asked_for(void)
{
	struct gate_wish wish;

	return (gate_parse(boot_options.gate, &wish) &&
		wish.policy != GATE_CLASSIC) ||
	       gate_dom0_asked_for();
}

static void decide_guests(const struct gate_machine *m)
{
	struct gate_wish wish;
	const char *why = NULL;

	if (!gate_parse(boot_options.gate, &wish))
		why = "it is none of off, adaptive, on, each with or without "
		      "\",force\"";
	else
		guests = gate_decide(&wish, m, &why);
	if (why)
		log_warn("gate=%s has no effect, guests run in classic mode: "
			 "%s\n",
			 boot_options.gate, why);
	else if (guests != GATE_CLASSIC && !m->ring1_holds)
		log_warn("gate=%s: guests can take this machine over, as its "
			 "ring 1 does not hold\n",
			 boot_options.gate);
}

static void decide_dom0(const struct gate_machine *m)
{
	struct gate_wish wish = {dom0_wish(boot_options.dom0_gate), true};
	const char *why;

	dom0_kernel = gate_decide(&wish, m, &why);
	if (why)
		log_warn("dom0: dom0-gate=%s has no effect: %s\n",
			 boot_options.dom0_gate, why);
}

void gate_init(void)
{
	struct gate_machine m = {.meltdown = cpu_features.meltdown};

	m.ring1_holds = gate_asked_for() && ring1_holds();
	decide_guests(&m);
	decide_dom0(&m);
	if (guests != GATE_CLASSIC || dom0_kernel != GATE_CLASSIC)
		log_info("closed gate: ring 1 %s on this machine\n",
			 m.ring1_holds ? "holds" : "does not hold");
}

enum gate_policy gate_policy_guests(void)
{
	return guests;
}

enum gate_policy gate_policy_dom0(void)
{
	return dom0_kernel;
}
