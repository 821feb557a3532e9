// SPDX-License-Identifier: MIT
//
// What the boot processor is and can do. The other processors are taken to be
// the same model, as on every machine that firmware starts.
#include "cpu/cpu.h"

#include "hw/cpu.h"
#include "lib/string.h"

#define ARCH_CAP_RDCL_NO 1u
#define EXT_BASE 0x80000000u
#define XCR0_WANTED (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)

hot_data struct cpu_features cpu_features;

// Features without which neither we nor any 64-bit guest can run.
static const struct {
	bool extended; // bit of leaf 0x80000001, else of leaf 1; EDX both
	u8 bit;
	const char *name;
} needed[] = {
	{false, 5, "MSR"},       {false, 6, "PAE"},     {false, 9, "APIC"},
	{false, 16, "PAT"},      {false, 24, "FXSR"},   {false, 25, "SSE"},
	{false, 26, "SSE2"},     {true, 11, "SYSCALL"}, {true, 20, "NX"},
	{true, 29, "long mode"},
};

static void read_vendor(struct cpu_features *f)
{
	struct cpuid r = cpuid(0, 0);

	f->max_leaf = r.a;
	memcpy(f->vendor, &r.b, 4);
	memcpy(f->vendor + 4, &r.d, 4);
	memcpy(f->vendor + 8, &r.c, 4);
	f->max_ext_leaf = cpuid(EXT_BASE, 0).a;
	f->syscall32 = strcmp(f->vendor, "AuthenticAMD") == 0 ||
		       strcmp(f->vendor, "HygonGenuine") == 0;
}

static void read_model(struct cpu_features *f, u32 signature)
{
	f->family = signature >> 8 & 0xf;
	f->model = signature >> 4 & 0xf;
	f->stepping = signature & 0xf;
	if (f->family == 0xf || f->family == 6)
		f->model |= signature >> 12 & 0xf0;
	if (f->family == 0xf)
		f->family += signature >> 20 & 0xff;
}

static void read_basic(struct cpu_features *f)
{
	struct cpuid r = cpuid(1, 0);

	read_model(f, r.a);
	f->leaf1_c = r.c;
	f->leaf1_d = r.d;
	f->xsave = r.c >> 26 & 1;
	f->x2apic = r.c >> 21 & 1;
	if (f->max_leaf < 7)
		return;
	r = cpuid(7, 0);
	f->leaf7_b = r.b;
	f->leaf7_c = r.c;
	f->leaf7_d = r.d;
	f->fsgsbase = r.b & 1;
	f->smep = r.b >> 7 & 1;
	f->smap = r.b >> 20 & 1;
	f->umip = r.c >> 2 & 1;
}

// Intel says by a bit of an MSR that a processor is free of the fault; AMD's
// never had it; of all others nothing is known.
static void read_meltdown(struct cpu_features *f)
{
	bool has_msr = f->leaf7_d >> 29 & 1;

	f->meltdown =
		!f->syscall32 &&
		!(has_msr && (rdmsr(MSR_ARCH_CAPABILITIES) & ARCH_CAP_RDCL_NO));
}

static void read_extended(struct cpu_features *f)
{
	struct cpuid r;

	f->phys_bits = 36;
	f->virt_bits = 48;
	if (f->max_ext_leaf < EXT_BASE + 1 || f->max_ext_leaf >> 16 != 0x8000)
		return;
	r = cpuid(EXT_BASE + 1, 0);
	f->ext1_c = r.c;
	f->ext1_d = r.d;
	f->nx = r.d >> 20 & 1;
	if (f->max_ext_leaf >= EXT_BASE + 7)
		f->tsc_stable = cpuid(EXT_BASE + 7, 0).d >> 8 & 1;
	if (f->max_ext_leaf >= EXT_BASE + 8) {
		r = cpuid(EXT_BASE + 8, 0);
		f->phys_bits = min(r.a & 0xff, 52u);
		f->virt_bits = r.a >> 8 & 0xff;
	}
}

// Which state components we save and let guests use, and the size of an image.
static void read_xsave(struct cpu_features *f)
{
	struct cpuid r;
	u64 have;

	f->xsave_size = 512;
	if (!f->xsave || f->max_leaf < 0xd) {
		f->xsave = false;
		return;
	}
	r = cpuid(0xd, 0);
	have = ((u64)r.d << 32 | r.a) & XCR0_WANTED;
	if ((have & XCR0_AVX512) != XCR0_AVX512)
		have &= ~(u64)XCR0_AVX512;
	f->xcr0_mask = have;
	f->xsave_leaf1 = cpuid(0xd, 1).a;
	f->xsave_size = 512 + 64;
	for (u32 i = 2; i < 63; i++) {
		if (!(have >> i & 1))
			continue;
		r = cpuid(0xd, i);
		f->xsave_size = max(f->xsave_size, r.a + r.b);
	}
	if (f->xsave_size > PAGE_SIZE)
		give_up("the processor's AVX state takes %u bytes, more than a "
			"page; start with fewer features\n",
			f->xsave_size);
}

static void check_needed(const struct cpu_features *f)
{
	for (u32 i = 0; i < ARRAY_SIZE(needed); i++) {
		u32 word = needed[i].extended ? f->ext1_d : f->leaf1_d;

		if (word >> needed[i].bit & 1)
			continue;
		give_up("this processor lacks %s; Ringfort needs an x86-64 "
			"processor with it (QEMU: -cpu qemu64 or better)\n",
			needed[i].name);
	}
}

void cpu_identify(void)
{
	struct cpu_features *f = &cpu_features;

	read_vendor(f);
	read_basic(f);
	read_extended(f);
	read_meltdown(f);
	check_needed(f);
	read_xsave(f);
}
