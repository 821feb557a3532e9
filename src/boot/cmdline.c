// SPDX-License-Identifier: MIT
//
// Our command line. One table says which options there are and what each sets;
// the names are Xen's. A word that is not in the table gets one warning.
#include "boot/boot.h"
#include "console/console.h"
#include "lib/string.h"

struct boot_options boot_options;

enum option_kind {
	OPT_FLAG, // bool: present, or =0/no/off/false, or with a leading no-
	OPT_FLAG_INVERTED,
	OPT_NUMBER, // u32
	OPT_TEXT, // char[]
	OPT_DOM0_MEM,
	OPT_IGNORED, // means nothing here, but loaders' scripts write it
};

struct option {
	const char *name;
	enum option_kind kind;
	size_t offset; // in struct boot_options
	size_t size;
};

#define FIELD(name, kind, field)                                  \
	{                                                         \
		name, kind, offsetof(struct boot_options, field), \
			sizeof(((struct boot_options *)0)->field) \
	}

static const struct option options[] = {
	FIELD("clocksource", OPT_TEXT, clocksource),
	FIELD("com1", OPT_TEXT, com[0]),
	FIELD("com2", OPT_TEXT, com[1]),
	FIELD("console", OPT_TEXT, console),
	FIELD("dom0-gate", OPT_TEXT, dom0_gate),
	FIELD("dom0_max_vcpus", OPT_NUMBER, dom0_max_vcpus),
	{"dom0_mem", OPT_DOM0_MEM, 0, 0},
	FIELD("gate", OPT_TEXT, gate),
	FIELD("guest_loglvl", OPT_TEXT, guest_loglvl),
	FIELD("hpet", OPT_FLAG_INVERTED, no_hpet),
	FIELD("loglvl", OPT_TEXT, loglvl),
	FIELD("maxcpus", OPT_NUMBER, maxcpus),
	FIELD("noreboot", OPT_FLAG, noreboot),
	FIELD("nosmp", OPT_FLAG, nosmp),
	FIELD("pit", OPT_FLAG_INVERTED, no_pit),
	{"placeholder", OPT_IGNORED, 0, 0},
	FIELD("root-sharing", OPT_FLAG_INVERTED, two_roots),
	FIELD("sched", OPT_TEXT, sched),
	FIELD("watchdog", OPT_FLAG, watchdog),
	FIELD("watchdog_timeout", OPT_NUMBER, watchdog_timeout),
	FIELD("x2apic", OPT_FLAG_INVERTED, noapic_x2),
};

// "512M" and the like: bytes, end moved behind. Without a suffix it is KiB, as
// Xen has it for dom0_mem.
static u64 parse_size(const char *text, const char **end)
{
	static const struct {
		char letter;
		u32 shift;
	} suffixes[] = {{'b', 0}, {'k', 10}, {'m', 20}, {'g', 30}, {'t', 40}};
	const char *behind;
	u64 v = str_number(text, &behind);
	u32 shift = 10; // without a suffix: KiB

	if (behind != text) {
		for (u32 i = 0; i < ARRAY_SIZE(suffixes); i++) {
			if ((*behind | 0x20) != suffixes[i].letter)
				continue;
			shift = suffixes[i].shift;
			behind++;
			break;
		}
	}
	*end = behind;
	return v > UINT64_MAX >> shift ? UINT64_MAX : v << shift;
}

// One part of dom0_mem=: "512M", "-64M", "min:64M", "max:1G".
static bool parse_dom0_part(const char *text)
{
	bool lowest = !strncmp(text, "min:", 4);
	bool highest = !strncmp(text, "max:", 4);
	const char *number = text + (lowest || highest ? 4 : 0), *end;
	bool less = *number == '-';
	u64 v = parse_size(number + less, &end);

	if (end == number + less || *end || v > INT64_MAX ||
	    (less && (lowest || highest)))
		return false;
	if (lowest)
		boot_options.dom0_mem_min = v;
	else if (highest)
		boot_options.dom0_mem_max = v;
	else if (less)
		boot_options.dom0_mem_less = (i64)v;
	else
		boot_options.dom0_mem = v;
	return true;
}

static bool parse_dom0_mem(const char *value)
{
	char part[32];
	const char *comma;
	bool ok = true;

	for (; value; value = comma ? comma + 1 : NULL) {
		comma = strchr(value, ',');
		str_copy(part, value,
			 min(comma ? (size_t)(comma - value) + 1 : sizeof(part),
			     sizeof(part)));
		ok &= parse_dom0_part(part);
	}
	return ok;
}

static bool parse_flag(const char *value, bool *flag)
{
	static const struct {
		const char *word;
		bool flag;
	} words[] = {
		{"", true},       {"1", true},        {"yes", true},
		{"on", true},     {"true", true},     {"enable", true},
		{"0", false},     {"no", false},      {"off", false},
		{"false", false}, {"disable", false},
	};

	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(value, words[i].word)) {
			*flag = words[i].flag;
			return true;
		}
	}
	return false;
}

static bool parse_number(const char *value, u32 *number)
{
	const char *end;
	u64 v = str_number(value, &end);

	*number = (u32)min(v, (u64)UINT32_MAX);
	return end != value && !*end;
}

// False when the value makes no sense.
static bool option_set(const struct option *o, const char *value, bool negated)
{
	void *field = (char *)&boot_options + o->offset;
	bool flag;

	switch (o->kind) {
	case OPT_FLAG:
	case OPT_FLAG_INVERTED:
		if (!parse_flag(value, &flag))
			return false;
		*(bool *)field =
			flag ^ negated ^ (o->kind == OPT_FLAG_INVERTED);
		return true;
	case OPT_NUMBER:
		return parse_number(value, field);
	case OPT_TEXT:
		return str_copy(field, value, o->size) < o->size;
	case OPT_DOM0_MEM:
		return parse_dom0_mem(value);
	case OPT_IGNORED:
		break;
	}
	return true;
}

static const struct option *option_find(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(options); i++)
		if (!strcmp(name, options[i].name))
			return &options[i];
	return NULL;
}

static void parse_word(char *word)
{
	bool negated = !strncmp(word, "no-", 3);
	char *name = word + (negated ? 3 : 0), *equals = strchr(name, '=');
	const char *value = equals ? equals + 1 : word + strlen(word);
	const struct option *o;

	if (equals)
		*equals = 0;
	o = option_find(name);
	if (!o)
		log_warn("unknown option '%s' is ignored\n", word);
	else if (!option_set(o, value, negated))
		log_warn("option %s: cannot use '%s', ignored\n", name, value);
}

void cmdline_parse(const char *text)
{
	char word[128];

	while (*text) {
		size_t n = 0;

		while (text[n] && text[n] != ' ' && text[n] != '\t')
			n++;
		if (n) {
			str_copy(word, text, min(n + 1, sizeof(word)));
			str_make_printable(word);
			parse_word(word);
		}
		text += n;
		text += *text != 0;
	}
}
