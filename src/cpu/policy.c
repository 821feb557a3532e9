// SPDX-License-Identifier: MIT
//
// What CPUID shows to a domain. A table says which bits of each leaf a guest
// may have; the leaves of this machine, cut down to them, are stored with the
// domain when it is made. Before it first runs the tools may take more away
// (policy_set.c). A few fields depend on the vCPU that asks. Then there are the
// hypervisor's own leaves.
//
// Hidden (abi.md 3.3): what needs ring 0 or is ours (VME, PSE, PGE, MTRR, PCID,
// SMEP, SMAP, UMIP, PKU, VMX, SVM, X2APIC, TSC deadline, MONITOR, large pages
// of 1 GiB, XSAVES, speculation controls, performance counters); FSGSBASE, with
// which Linux would trap and call more often than without; and topology: each
// vCPU is a package by itself.
#include "cpu/policy.h"

#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "abi/xen.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "sched/sched.h"

#define ALL 0xffffffffu
#define EXT 0x80000000u
#define HV 0x40000000u
#define HV_LAST (HV + 5)

#define MAX_BASIC 0xdu
#define MAX_EXT (EXT + 8)

#define LEAF1_C_OSXSAVE 0x08000000u
#define LEAF1_C_HYPERVISOR 0x80000000u
#define LEAF1_C_XSAVE 0x04000000u
#define LEAF1_C_NEED_XSAVE 0x3c001000u // XSAVE, OSXSAVE, AVX, F16C; FMA
#define LEAF1_B_KEPT 0x0000ff00u // CLFLUSH size
#define LEAF7_B_NEED_AVX 0x00000020u
#define LEAF7_B_NEED_AVX512 0xdc230000u
#define LEAF7_C_NEED_AVX 0x00000600u
#define LEAF7_C_NEED_AVX512 0x00005842u
#define LEAF7_D_NEED_AVX512 0x0000010cu
#define LEAF71_A_NEED_AVX512 0x00000020u
#define LEAF71_A_NEED_AVX 0x00000010u
#define EXT1_C_NEED_AVX 0x00010800u // FMA4, XOP
#define EXT1_D_LIKE_LEAF1 0x0183f3ffu // AMD repeats leaf 1 here
#define APIC_ID_SHIFT 24
#define APIC_IDS_PER_VCPU 2

#define XSAVE_HEADER_END 576
#define XSAVE_ALIGNED 2u // ECX of a component: starts at 64 bytes when compact

// Which bits of the machine's leaf a guest may see. A leaf that is not listed
// reads as zero.
struct leaf_rule {
	u32 leaf, subleaves;
	u32 a, b, c, d;
};

static const struct leaf_rule rules[] = {
	{0x0, 1, ALL, ALL, ALL, ALL},
	{0x1, 1, ALL, LEAF1_B_KEPT, 0x76d83203, 0x0f89cbf5},
	{0x2, 1, ALL, ALL, ALL, ALL},
	{0x4, 5, 0x00003fff, ALL, ALL, ALL},
	{0x7, 2, ALL, 0xf1af0328, 0x1a405f42, 0x0000451c},
	{0xd, 63, ALL, ALL, ALL, ALL},
	{EXT + 0, 1, ALL, ALL, ALL, ALL},
	{EXT + 1, 1, ALL, ALL, 0x002109e1, 0xe9d3fbff},
	{EXT + 2, 1, ALL, ALL, ALL, ALL},
	{EXT + 3, 1, ALL, ALL, ALL, ALL},
	{EXT + 4, 1, ALL, ALL, ALL, ALL},
	{EXT + 5, 1, ALL, ALL, ALL, ALL},
	{EXT + 6, 1, ALL, ALL, ALL, ALL},
	{EXT + 7, 1, 0, 0, 0, 0x00000100},
	{EXT + 8, 1, 0x0000ffff, 0x00000205, 0, 0},
};
#define LEAF71_A_SHOWN 0x00001c30u

// ------------------------------------------------------------ making a policy

static struct cpuid masked(const struct leaf_rule *rule, u32 subleaf)
{
	struct cpuid r = cpuid(rule->leaf, subleaf);

	r.a &= rule->a;
	r.b &= rule->b;
	r.c &= rule->c;
	r.d &= rule->d;
	return r;
}

static bool has_avx(void)
{
	return cpu_features.xcr0_mask & XCR0_AVX;
}

static bool has_avx512(void)
{
	return cpu_features.xcr0_mask & XCR0_AVX512;
}

static void fix_limits(struct policy_leaf *l)
{
	if (l->leaf == 0)
		l->value.a = min(l->value.a, MAX_BASIC);
	else
		l->value.a = min(l->value.a, MAX_EXT);
}

static void fix_leaf1(struct policy_leaf *l)
{
	if (!cpu_features.xsave)
		l->value.c &= ~LEAF1_C_NEED_XSAVE;
	l->value.c |= LEAF1_C_HYPERVISOR;
}

static void fix_leaf7(struct policy_leaf *l)
{
	u32 avx = has_avx() ? ALL : 0, avx512 = has_avx512() ? ALL : 0;

	if (l->subleaf == 1) {
		l->value = (struct cpuid){
			.a = cpuid(7, 1).a & LEAF71_A_SHOWN &
			     (avx | ~LEAF71_A_NEED_AVX) &
			     (avx512 | ~LEAF71_A_NEED_AVX512),
		};
		return;
	}
	l->value.a = min(l->value.a, 1u);
	l->value.b &=
		(avx | ~LEAF7_B_NEED_AVX) & (avx512 | ~LEAF7_B_NEED_AVX512);
	l->value.c &=
		(avx | ~LEAF7_C_NEED_AVX) & (avx512 | ~LEAF7_C_NEED_AVX512);
	l->value.d &= avx512 | ~LEAF7_D_NEED_AVX512;
}

// Where component i of the state lies when XSAVEC packs it behind `size`.
static u32 compact_end(u32 size, u32 i)
{
	struct cpuid r = cpuid(0xd, i);

	if (r.c & XSAVE_ALIGNED)
		size = (u32)ALIGN_UP(size, 64);
	return size + r.a;
}

static u32 xsave_bytes(u64 xcr0, bool compact)
{
	u32 size = XSAVE_HEADER_END;

	for (u32 i = 2; i < 63; i++) {
		struct cpuid r;

		if (!(xcr0 >> i & 1))
			continue;
		r = cpuid(0xd, i);
		size = compact ? compact_end(size, i) : max(size, r.a + r.b);
	}
	return size;
}

// EBX of subleaves 0 and 1 follows XCR0, see policy_cpuid.
static void fix_leaf_d(struct policy_leaf *l)
{
	u64 mask = cpu_features.xcr0_mask;
	struct cpuid none = {0};

	if (!cpu_features.xsave) {
		l->value = none;
	} else if (l->subleaf == 0) {
		l->value = (struct cpuid){(u32)mask, 0, cpu_features.xsave_size,
					  (u32)(mask >> 32)};
	} else if (l->subleaf == 1) {
		l->value = (struct cpuid){l->value.a & 7, 0, 0, 0};
	} else if (mask >> l->subleaf & 1) {
		l->value.c &= XSAVE_ALIGNED;
		l->value.d = 0;
	} else {
		l->value = none;
	}
}

static void fix_ext1(struct policy_leaf *l)
{
	if (!has_avx())
		l->value.c &= ~EXT1_C_NEED_AVX;
	if (cpu_features.syscall32) // AMD
		l->value.d &= ~EXT1_D_LIKE_LEAF1 |
			      (cpu_features.leaf1_d & rules[1].d);
	else
		l->value.d &= ~EXT1_D_LIKE_LEAF1;
}

static const struct {
	u32 leaf;
	void (*fix)(struct policy_leaf *l);
} fixes[] = {
	{0, fix_limits},   {1, fix_leaf1},    {7, fix_leaf7},
	{0xd, fix_leaf_d}, {EXT, fix_limits}, {EXT + 1, fix_ext1},
};

static bool is_zero(const struct cpuid *r)
{
	return !(r->a | r->b | r->c | r->d);
}

static void add_leaf(struct cpu_policy *p, const struct leaf_rule *rule,
		     u32 subleaf)
{
	struct policy_leaf l = {rule->leaf, subleaf, masked(rule, subleaf)};

	for (u32 i = 0; i < ARRAY_SIZE(fixes); i++)
		if (fixes[i].leaf == l.leaf)
			fixes[i].fix(&l);
	if (!is_zero(&l.value) && p->count < POLICY_LEAVES_MAX)
		p->leaf[p->count++] = l;
}

static bool machine_has(u32 leaf)
{
	return leaf >= EXT ? leaf <= cpu_features.max_ext_leaf
			   : leaf <= cpu_features.max_leaf;
}

struct cpu_policy *policy_create(const struct domain *d maybe_unused)
{
	struct cpu_policy *p = kalloc(sizeof(*p));

	for (u32 i = 0; p && i < ARRAY_SIZE(rules); i++) {
		if (!machine_has(rules[i].leaf))
			continue;
		for (u32 s = 0; s < rules[i].subleaves; s++)
			add_leaf(p, &rules[i], s);
	}
	return p;
}

// ----------------------------------------------------- the hypervisor's leaves

static u32 address_bits(void)
{
	u64 limit = frame_limit();

	return limit > 1 ? 64 - (u32)__builtin_clzll(limit - 1) + PAGE_SHIFT
			 : PAGE_SHIFT;
}

// Time: the TSC is never emulated, so the guest's rate is the machine's.
static struct cpuid time_leaf(const struct domain *d, u32 subleaf)
{
	u32 khz = (u32)(tsc_scale.hz / 1000);

	if (subleaf == 0)
		return (struct cpuid){
			.a = (cpu_features.tsc_stable ? 2 : 0) |
			     (has_tsc_aux() ? 4 : 0),
			.b = d->tsc_mode,
			.c = khz,
			.d = d->tsc_incarnation,
		};
	if (subleaf == 1)
		return (struct cpuid){.c = tsc_scale.mul,
				      .d = (u32)tsc_scale.shift};
	return (struct cpuid){.a = subleaf == 2 ? khz : 0};
}

static struct cpuid hypervisor_leaf(const struct domain *d, u32 leaf,
				    u32 subleaf)
{
	switch (leaf - HV) {
	case 0: // "XenVMMXenVMM"
		return (struct cpuid){HV_LAST, 0x566e6558, 0x65584d4d,
				      0x4d4d566e};
	case 1:
		return (struct cpuid){.a = 4 << 16 | 17};
	case 2: // one hypercall page, set by writing MSR 0x40000000
		return (struct cpuid){
			.a = 1,
			.b = HV,
			.c = 1, // MMU_PT_UPDATE_PRESERVE_AD
		};
	case 3:
		return time_leaf(d, subleaf);
	case 5:
		return (struct cpuid){.a = address_bits()};
	default:
		return (struct cpuid){0};
	}
}

// ------------------------------------------------------------------- queries

bool policy_has_subleaves(u32 leaf)
{
	return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd;
}

struct cpuid policy_get(const struct cpu_policy *p, u32 leaf, u32 subleaf)
{
	if (!policy_has_subleaves(leaf))
		subleaf = 0;
	for (u32 i = 0; i < p->count; i++)
		if (p->leaf[i].leaf == leaf && p->leaf[i].subleaf == subleaf)
			return p->leaf[i].value;
	return (struct cpuid){0};
}

u64 policy_xcr0(const struct domain *d)
{
	struct cpuid r = policy_get(d->policy, 0xd, 0);

	return (u64)r.d << 32 | r.a;
}

struct cpuid policy_cpuid(const struct vcpu *v, u32 leaf, u32 subleaf)
{
	struct cpuid r;

	if (leaf >= HV && leaf <= HV_LAST)
		return hypervisor_leaf(v->domain, leaf, subleaf);
	r = policy_get(v->domain->policy, leaf, subleaf);
	if (leaf == 1) {
		r.b |= v->id * APIC_IDS_PER_VCPU << APIC_ID_SHIFT;
		if (r.c & LEAF1_C_XSAVE)
			r.c |= LEAF1_C_OSXSAVE; // see control.c
	} else if (leaf == 0xd && subleaf < 2 && policy_xcr0(v->domain)) {
		r.b = xsave_bytes(v->xcr0, subleaf == 1);
	}
	return r;
}

void emul_cpuid(struct vcpu *v, struct regs *r)
{
	struct cpuid c = policy_cpuid(v, (u32)r->rax, (u32)r->rcx);

	r->rax = c.a;
	r->rbx = c.b;
	r->rcx = c.c;
	r->rdx = c.d;
}
