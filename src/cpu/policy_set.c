// SPDX-License-Identifier: MIT
//
// Policies as the tools see and make them. They read the machine's, and give a
// domain one before it first runs: feature bits can be taken away but not
// added, limits lowered but not raised, names are as they like. What follows
// from the rest is not theirs to say.
#include "cpu/policy.h"

#include "abi/errno.h"
#include "cpu/cpu.h"
#include "mm/mm.h"

#define EXT POLICY_EXT
#define HV_LEAVES 0x200u

u32 policy_subleaves(u32 leaf)
{
	switch (leaf) {
	case 4:
		return 6;
	case 7:
		return 3;
	case 0xb:
		return 2;
	case 0xd:
		return 63;
	default:
		return 1;
	}
}

static bool policy_covers(u32 leaf, u32 subleaf)
{
	return (leaf <= POLICY_LAST ||
		(leaf >= EXT && leaf <= POLICY_EXT_LAST)) &&
	       subleaf < policy_subleaves(leaf);
}

// -------------------------------------------------------------- the machine's

static void read_leaf(struct cpu_policy *p, u32 leaf)
{
	for (u32 i = 0; i < policy_subleaves(leaf); i++) {
		struct cpuid r = cpuid(leaf, i);

		if ((r.a | r.b | r.c | r.d) && p->count < POLICY_LEAVES_MAX)
			p->leaf[p->count++] = (struct policy_leaf){leaf, i, r};
	}
}

struct cpu_policy *policy_machine(void)
{
	struct cpu_policy *p = kalloc(sizeof(*p));

	if (!p)
		return NULL;
	for (u32 leaf = 0; leaf <= min(cpu_features.max_leaf, POLICY_LAST);
	     leaf++)
		read_leaf(p, leaf);
	for (u32 leaf = EXT;
	     leaf <= min(cpu_features.max_ext_leaf, POLICY_EXT_LAST); leaf++)
		read_leaf(p, leaf);
	return p;
}

// ------------------------------------------------------------------ a domain's

// Who says what a register of a leaf holds.
enum part {
	OURS, // what follows from the machine
	FREE, // as the tools say
	BITS, // features: the tools may clear some
	LIMIT, // the tools may say less, not more
};

struct part_rule {
	u32 leaf, first, last; // subleaves
	u8 part[4]; // a, b, c, d
};

// All of a leaf that is not listed is ours.
static const struct part_rule part_rules[] = {
	{0x0, 0, 0, {LIMIT, FREE, FREE, FREE}},
	{0x1, 0, 0, {FREE, OURS, BITS, BITS}},
	{0x7, 0, 0, {LIMIT, BITS, BITS, BITS}},
	{0x7, 1, 2, {BITS, BITS, BITS, BITS}},
	{0xd, 0, 0, {BITS, OURS, OURS, BITS}},
	{0xd, 1, 1, {BITS, OURS, OURS, OURS}},
	{EXT + 0, 0, 0, {LIMIT, FREE, FREE, FREE}},
	{EXT + 1, 0, 0, {FREE, OURS, BITS, BITS}},
	{EXT + 2, 0, 0, {FREE, FREE, FREE, FREE}},
	{EXT + 3, 0, 0, {FREE, FREE, FREE, FREE}},
	{EXT + 4, 0, 0, {FREE, FREE, FREE, FREE}},
	{EXT + 7, 0, 0, {OURS, OURS, OURS, BITS}},
	{EXT + 8, 0, 0, {OURS, BITS, OURS, OURS}},
};

static const u8 *parts_of(u32 leaf, u32 subleaf)
{
	static const u8 all_ours[4] = {OURS, OURS, OURS, OURS};

	for (u32 i = 0; i < ARRAY_SIZE(part_rules); i++) {
		const struct part_rule *r = &part_rules[i];

		if (r->leaf == leaf && subleaf >= r->first &&
		    subleaf <= r->last)
			return r->part;
	}
	return all_ours;
}

static int cut(u32 *value, u32 asked, u8 part)
{
	switch (part) {
	case FREE:
		*value = asked;
		break;
	case BITS:
		*value &= asked;
		break;
	case LIMIT:
		if (asked > *value)
			return -EINVAL;
		*value = asked;
		break;
	}
	return 0;
}

static int cut_leaf(struct cpuid *r, const u8 *part,
		    const xen_cpuid_leaf_t *ask)
{
	int err = cut(&r->a, ask->a, part[0]);

	if (!err)
		err = cut(&r->b, ask->b, part[1]);
	if (!err)
		err = cut(&r->c, ask->c, part[2]);
	return err ? err : cut(&r->d, ask->d, part[3]);
}

static void put(struct cpu_policy *p, const struct policy_leaf *l)
{
	for (u32 i = 0; i < p->count; i++) {
		if (p->leaf[i].leaf == l->leaf &&
		    p->leaf[i].subleaf == l->subleaf) {
			p->leaf[i] = *l;
			return;
		}
	}
	p->leaf[p->count++] = *l;
}

static bool is_hypervisor_leaf(u32 leaf)
{
	return leaf >= POLICY_HV && leaf < POLICY_HV + HV_LEAVES;
}

int policy_add(struct cpu_policy *p, const struct cpu_policy *most,
	       const xen_cpuid_leaf_t *ask)
{
	struct policy_leaf l = {.leaf = ask->leaf};
	int err;

	if (is_hypervisor_leaf(l.leaf))
		return 0;
	if (policy_has_subleaves(l.leaf))
		l.subleaf = ask->subleaf;
	else if (ask->subleaf != XEN_CPUID_NO_SUBLEAF)
		return -ERANGE;
	if (!policy_covers(l.leaf, l.subleaf))
		return -ERANGE;
	l.value = policy_get(most, l.leaf, l.subleaf);
	if (!(l.value.a | l.value.b | l.value.c | l.value.d))
		return 0; // nothing that could be shown
	err = cut_leaf(&l.value, parts_of(l.leaf, l.subleaf), ask);
	if (!err)
		put(p, &l);
	return err;
}

// -------------------------------------------------------------------- features

// Where the ABI's feature words are. Those without a leaf are in an MSR that
// no policy has.
static const struct {
	u32 leaf, subleaf;
	char reg;
} words_at[FEATURE_WORDS] = {
	{1, 0, 'd'},          {1, 0, 'c'},       {EXT + 1, 0, 'd'},
	{EXT + 1, 0, 'c'},    {0xd, 1, 'a'},     {7, 0, 'b'},
	{7, 0, 'c'},          {EXT + 7, 0, 'd'}, {EXT + 8, 0, 'b'},
	{7, 0, 'd'},          {7, 1, 'a'},       {EXT + 0x21, 0, 'a'},
	{7, 1, 'b'},          {7, 2, 'd'},       {7, 1, 'c'},
	{7, 1, 'd'},          {0, 0, 0},         {0, 0, 0},
	{EXT + 0x21, 0, 'c'},
};

static u32 pick(const struct cpuid *r, char reg)
{
	switch (reg) {
	case 'a':
		return r->a;
	case 'b':
		return r->b;
	case 'c':
		return r->c;
	case 'd':
		return r->d;
	default:
		return 0;
	}
}

#define WORD_EXT1_D 2
#define EXT1_D_LIKE_LEAF1 0x0183f3ffu // AMD repeats leaf 1 here

void policy_features(const struct cpu_policy *p, u32 words[FEATURE_WORDS])
{
	for (u32 i = 0; i < FEATURE_WORDS; i++) {
		struct cpuid r =
			policy_get(p, words_at[i].leaf, words_at[i].subleaf);

		words[i] = pick(&r, words_at[i].reg);
	}
	words[WORD_EXT1_D] &= ~EXT1_D_LIKE_LEAF1;
}
