// SPDX-License-Identifier: MIT
// uses: src/cpu/policy.c src/cpu/fpu.c src/cpu/control.c tests/fake/core.c tests/fake/guest_cpu.c
//
// What CPUID shows on a machine that has every feature there is, on one that
// has next to none, and what depends on the vCPU. Also which values of XCR0 a
// guest may have.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core.h"
#include "guest_cpu.h"
#include "sched/sched.h"

#define ALL 0xffffffffu

struct tsc_scale tsc_scale = {.hz = 2500000000, .mul = 7, .shift = -1};
static bool rich;
static u64 ram_frames = 0x80000; // 2 GiB

u64 frame_limit(void)
{
	return ram_frames;
}

void *page_alloc(void)
{
	return calloc(1, PAGE_SIZE);
}

void page_free(void *p)
{
	free(p);
}

// State components as real processors lay them out.
static struct cpuid xstate(u32 i)
{
	switch (i) {
	case 0:
		return (struct cpuid){0xe7 | 0x200, 2696, 2696, 0};
	case 1:
		return (struct cpuid){0xf, 2568, 0x100, 0};
	case 2:
		return (struct cpuid){256, 576, 0, 0};
	case 5:
		return (struct cpuid){64, 1088, 0, 0};
	case 6:
		return (struct cpuid){512, 1152, 0, 0};
	case 7:
		return (struct cpuid){1024, 1664, 2, 0};
	default:
		return (struct cpuid){8, 2688, 0, 0};
	}
}

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	if (!rich)
		return (struct cpuid){leaf == 0            ? 1
				      : leaf == 0x80000000 ? 0x80000001
							   : 0,
				      0, 0, 0};
	if (leaf == 0)
		return (struct cpuid){0x20, 0x68747541, 0x444d4163, 0x69746e65};
	if (leaf == 0x80000000)
		return (struct cpuid){0x80000021, 0, 0, 0};
	if (leaf == 0xd)
		return xstate(subleaf);
	return (struct cpuid){ALL, ALL, ALL, ALL};
}

static int start(bool with_features)
{
	rich = with_features;
	fake_guest_init();
	memset(&cpu_features, 0, sizeof(cpu_features));
	cpu_features.max_leaf = rich ? 0x20 : 1;
	cpu_features.max_ext_leaf = rich ? 0x80000021 : 0x80000001;
	cpu_features.leaf1_d = rich ? ALL : 0;
	cpu_features.ext1_d = rich ? ALL : 0;
	cpu_features.xsave = rich;
	cpu_features.xcr0_mask = rich ? 0xe7 : 0;
	cpu_features.xsave_size = rich ? 2688 : 512;
	cpu_features.syscall32 = true;
	guest.vcpu.xcr0 = 1;
	guest.domain.policy = policy_create(&guest.domain);
	return guest.domain.policy ? 0 : -1;
}

static int setup_rich(void **state)
{
	return start(true);
}

static int setup_poor(void **state)
{
	return start(false);
}

static int teardown(void **state)
{
	kfree(guest.domain.policy);
	return 0;
}

static struct cpuid get(u32 leaf, u32 subleaf)
{
	return policy_cpuid(&guest.vcpu, leaf, subleaf);
}

static u32 word(u32 leaf, u32 subleaf, char reg)
{
	struct cpuid r = get(leaf, subleaf);

	return reg == 'a' ? r.a : reg == 'b' ? r.b : reg == 'c' ? r.c : r.d;
}

static const struct {
	u32 leaf;
	char reg;
	u8 bit;
	const char *name;
} hidden[] = {
	{1, 'd', 1, "VME"},
	{1, 'd', 3, "PSE"},
	{1, 'd', 12, "MTRR"},
	{1, 'd', 13, "PGE"},
	{1, 'd', 17, "PSE36"},
	{1, 'd', 21, "DS"},
	{1, 'd', 28, "HTT"},
	{1, 'c', 2, "DTES64"},
	{1, 'c', 3, "MONITOR"},
	{1, 'c', 5, "VMX"},
	{1, 'c', 6, "SMX"},
	{1, 'c', 17, "PCID"},
	{1, 'c', 21, "X2APIC"},
	{1, 'c', 24, "TSC_DEADLINE"},
	{7, 'b', 0, "FSGSBASE"},
	{7, 'b', 1, "TSC_ADJUST"},
	{7, 'b', 4, "HLE"},
	{7, 'b', 7, "SMEP"},
	{7, 'b', 10, "INVPCID"},
	{7, 'b', 11, "RTM"},
	{7, 'b', 14, "MPX"},
	{7, 'b', 20, "SMAP"},
	{7, 'b', 25, "PT"},
	{7, 'c', 2, "UMIP"},
	{7, 'c', 3, "PKU"},
	{7, 'c', 5, "WAITPKG"},
	{7, 'c', 7, "SHSTK"},
	{7, 'c', 16, "LA57"},
	{7, 'd', 20, "IBT"},
	{7, 'd', 24, "AMX"},
	{7, 'd', 26, "IBRS"},
	{7, 'd', 27, "STIBP"},
	{7, 'd', 29, "ARCH_CAPS"},
	{7, 'd', 31, "SSBD"},
	{0x80000001, 'c', 2, "SVM"},
	{0x80000001, 'c', 10, "IBS"},
	{0x80000001, 'c', 22, "TOPOEXT"},
	{0x80000001, 'd', 26, "PAGE1GB"},
	{0x80000008, 'b', 12, "IBPB"},
	{0x80000008, 'b', 14, "AMD IBRS"},
};

static const struct {
	u32 leaf;
	char reg;
	u8 bit;
	const char *name;
} shown[] = {
	{1, 'd', 0, "FPU"},
	{1, 'd', 4, "TSC"},
	{1, 'd', 6, "PAE"},
	{1, 'd', 9, "APIC"},
	{1, 'd', 16, "PAT"},
	{1, 'd', 26, "SSE2"},
	{1, 'c', 13, "CX16"},
	{1, 'c', 26, "XSAVE"},
	{1, 'c', 27, "OSXSAVE"},
	{1, 'c', 28, "AVX"},
	{1, 'c', 31, "HYPERVISOR"},
	{7, 'b', 5, "AVX2"},
	{7, 'b', 9, "ERMS"},
	{7, 'b', 16, "AVX512F"},
	{0x80000001, 'd', 11, "SYSCALL"},
	{0x80000001, 'd', 20, "NX"},
	{0x80000001, 'd', 27, "RDTSCP"},
	{0x80000001, 'd', 29, "LM"},
	{0x80000007, 'd', 8, "invariant TSC"},
};

static void hidden_features_are_hidden(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(hidden); i++)
		if (word(hidden[i].leaf, 0, hidden[i].reg) >> hidden[i].bit & 1)
			fail_msg("%s is shown", hidden[i].name);
}

static void useful_features_are_shown(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(shown); i++)
		if (!(word(shown[i].leaf, 0, shown[i].reg) >> shown[i].bit & 1))
			fail_msg("%s is hidden", shown[i].name);
}

static void limits_and_gaps(void **state)
{
	assert_int_equal(get(0, 0).a, 0xd);
	assert_int_equal(get(0x80000000, 0).a, 0x80000008);
	static const u32 empty[] = {
		3,          5,          6,          8,         9,    0xa,
		0xb,        0xc,        0xe,        0x10,      0x14, 0x40000006,
		0x40000100, 0x80000009, 0x8000001e, 0xc0000000};

	for (u32 i = 0; i < ARRAY_SIZE(empty); i++) {
		struct cpuid r = get(empty[i], 0);

		assert_int_equal(r.a | r.b | r.c | r.d, 0);
	}
}

static void each_vcpu_has_its_apic_id(void **state)
{
	for (guest.vcpu.id = 0; guest.vcpu.id < 4; guest.vcpu.id++)
		assert_int_equal(get(1, 0).b >> 24, guest.vcpu.id * 2);
}

static void xsave_sizes_follow_xcr0(void **state)
{
	static const struct {
		u64 xcr0;
		u32 standard, compact;
	} table[] = {
		{0x1, 576, 576},
		{0x3, 576, 576},
		{0x7, 832, 832},
		{0xe7, 2688, 832 + 64 + 512 + 1024},
	};

	for (u32 i = 0; i < ARRAY_SIZE(table); i++) {
		guest.vcpu.xcr0 = table[i].xcr0;
		assert_int_equal(get(0xd, 0).b, table[i].standard);
		assert_int_equal(get(0xd, 0).c, 2688);
		assert_int_equal(get(0xd, 1).b, table[i].compact);
	}
	assert_int_equal(get(0xd, 0).a, 0xe7); // no PKRU
	assert_int_equal(get(0xd, 1).a, 7); // no XSAVES
	assert_int_equal(get(0xd, 2).a, 256);
	assert_int_equal(get(0xd, 9).a, 0);
}

static void hypervisor_leaves(void **state)
{
	struct cpuid r = get(0x40000000, 0);
	char name[13] = {0};

	memcpy(name, &r.b, 12);
	assert_string_equal(name, "XenVMMXenVMM");
	assert_int_equal(r.a, 0x40000005);
	assert_int_equal(get(0x40000001, 0).a, 0x40011);
	assert_int_equal(get(0x40000002, 0).a, 1);
	assert_int_equal(get(0x40000002, 0).b, 0x40000000);
	assert_int_equal(get(0x40000003, 0).c, 2500000);
	assert_int_equal(get(0x40000003, 1).c, 7);
	assert_int_equal(get(0x40000003, 1).d, 0xffffffff);
	assert_int_equal(get(0x40000003, 2).a, 2500000);
	assert_int_equal(get(0x40000005, 0).a, 31);
	ram_frames = 0x80001;
	assert_int_equal(get(0x40000005, 0).a, 32);
	ram_frames = 0x80000;
}

static void poor_machine_shows_nothing_it_lacks(void **state)
{
	assert_int_equal(get(0, 0).a, 1);
	assert_int_equal(get(1, 0).c, 0x80000000);
	assert_int_equal(get(1, 0).d, 0);
	assert_int_equal(get(7, 0).b, 0);
	assert_int_equal(get(0xd, 0).b, 0);
	assert_int_equal(get(0x80000000, 0).a, 0x80000001);
	assert_int_equal(get(0x80000008, 0).a, 0);
}

static void leaves_without_subleaves_ignore_ecx(void **state)
{
	struct cpuid a = get(1, 0), b = get(1, 77);

	assert_memory_equal(&a, &b, sizeof(a));
}

static void xcr0_values(void **state)
{
	static const struct {
		u64 value;
		bool ok;
	} table[] = {
		{0, false},
		{1, true},
		{2, false},
		{3, true},
		{5, false},
		{7, true},
		{0x27, false},
		{0xe3, false},
		{0xe7, true},
		{0x207, false},
		{1ull << 63 | 1, false},
	};

	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		if (xcr0_valid(table[i].value, 0xe7) != table[i].ok)
			fail_msg("%#lx", table[i].value);
	assert_false(xcr0_valid(7, 3)); // no AVX here
}

#define RICH(name) cmocka_unit_test_setup_teardown(name, setup_rich, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		RICH(hidden_features_are_hidden),
		RICH(useful_features_are_shown),
		RICH(limits_and_gaps),
		RICH(each_vcpu_has_its_apic_id),
		RICH(xsave_sizes_follow_xcr0),
		RICH(hypervisor_leaves),
		RICH(leaves_without_subleaves_ignore_ecx),
		cmocka_unit_test_setup_teardown(
			poor_machine_shows_nothing_it_lacks, setup_poor,
			teardown),
		cmocka_unit_test(xcr0_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
