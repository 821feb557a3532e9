// SPDX-License-Identifier: MIT
//
// RDMSR and WRMSR in a guest kernel. Segment bases and TSC_AUX are real. Some
// registers have a fixed value that tells the guest that there is nothing
// behind them. All others do not exist, except that a guest without a #GP
// handler yet reads 0 and writes into the void: early kernels do not expect a
// fault.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "console/console.h"
#include "hw/cpu.h"
#include "hypercall/hypercall.h"
#include "mm/dirty.h"

#define MSR_HYPERCALL_PAGE 0x40000000
#define APIC_BASE_DEFAULT 0xfee00800ull // enabled
#define APIC_BASE_BSP 0x100ull
#define MISC_ENABLE_NO_TRACES 0x1801ull // fast strings; no BTS, no PEBS

// Read and write of a register; false: #GP.
struct msr_rule {
	u32 first, last;
	bool (*read)(struct vcpu *v, u32 msr, u64 *value);
	bool (*write)(struct vcpu *v, u32 msr, u64 value);
};

static bool read_real(struct vcpu *v maybe_unused, u32 msr, u64 *value)
{
	*value = rdmsr(msr);
	return true;
}

static bool write_base(struct vcpu *v maybe_unused, u32 msr, u64 value)
{
	if (!is_canonical(value))
		return false;
	wrmsr(msr, value);
	return true;
}

static bool read_zero(struct vcpu *v maybe_unused, u32 msr maybe_unused,
		      u64 *value)
{
	*value = 0;
	return true;
}

static bool write_nothing(struct vcpu *v maybe_unused, u32 msr maybe_unused,
			  u64 value maybe_unused)
{
	return true;
}

static bool write_same(struct vcpu *v maybe_unused, u32 msr, u64 value)
{
	return value == rdmsr(msr);
}

static bool read_apic_base(struct vcpu *v, u32 msr maybe_unused, u64 *value)
{
	*value = APIC_BASE_DEFAULT | (v->id == 0 ? APIC_BASE_BSP : 0);
	return true;
}

static bool read_misc_enable(struct vcpu *v maybe_unused, u32 msr maybe_unused,
			     u64 *value)
{
	*value = MISC_ENABLE_NO_TRACES;
	return true;
}

static bool read_tsc(struct vcpu *v maybe_unused, u32 msr maybe_unused,
		     u64 *value)
{
	*value = rdtsc();
	return true;
}

static bool read_tsc_aux(struct vcpu *v, u32 msr maybe_unused, u64 *value)
{
	*value = v->tsc_aux;
	return has_tsc_aux();
}

static bool write_tsc_aux(struct vcpu *v, u32 msr maybe_unused, u64 value)
{
	if (!has_tsc_aux() || value >> 32)
		return false;
	v->tsc_aux = value;
	tsc_aux_load(v);
	return true;
}

// The value is the machine address of the page to fill; its low bits are a
// page index and we have one page.
static bool write_hypercall_page(struct vcpu *v, u32 msr maybe_unused,
				 u64 value)
{
	mfn_t mfn = maddr_mfn(value);

	if (value % PAGE_SIZE || frame_get_type(mfn, TYPE_WRITABLE, v->domain))
		return false;
	hypercall_page_fill(mfn_virt(mfn));
	dirty_mark(mfn);
	frame_put_type(mfn);
	return true;
}

static const struct msr_rule rules[] = {
	{MSR_TSC, MSR_TSC, read_tsc, write_nothing},
	{MSR_APIC_BASE, MSR_APIC_BASE, read_apic_base, NULL},
	{0x3a, 0x3a, read_zero, NULL}, // FEATURE_CONTROL: no VMX
	{0x8b, 0x8b, read_zero, write_nothing}, // microcode revision
	{0xce, 0xce, read_zero, NULL}, // PLATFORM_INFO
	{0xfe, 0xfe, read_zero, NULL}, // MTRRcap
	{0x140, 0x140, read_zero, write_nothing}, // MISC_FEATURES
	{0x179, 0x17a, read_zero, write_nothing}, // no machine check banks
	{MSR_MISC_ENABLE, MSR_MISC_ENABLE, read_misc_enable, write_nothing},
	{0x1d9, 0x1d9, read_zero, write_nothing}, // DEBUGCTL
	{MSR_PAT, MSR_PAT, read_real, write_same},
	{0x400, 0x47f, read_zero, write_nothing}, // machine check banks
	{MSR_HYPERCALL_PAGE, MSR_HYPERCALL_PAGE, NULL, write_hypercall_page},
	{MSR_EFER, MSR_EFER, read_real, write_same},
	{MSR_FS_BASE, MSR_KERNEL_GS_BASE, read_real, write_base},
	{MSR_TSC_AUX, MSR_TSC_AUX, read_tsc_aux, write_tsc_aux},
	{0xc0010000, 0xc0010007, read_zero, write_nothing}, // AMD counters
	{0xc0010015, 0xc0010015, read_zero, write_nothing}, // HWCR
	{0xc0010055, 0xc0010055, read_zero, write_nothing}, // INT_PENDING
	{0xc0011029, 0xc0011029, read_zero, write_nothing}, // DE_CFG
};

static const struct msr_rule *find(u32 msr)
{
	for (u32 i = 0; i < ARRAY_SIZE(rules); i++)
		if (msr >= rules[i].first && msr <= rules[i].last)
			return &rules[i];
	return NULL;
}

// May v take a #GP for a register that does not exist?
static bool refuses(const struct vcpu *v)
{
	return v->traps[VEC_GP].address && !v->domain->msr_relaxed;
}

static enum emul_result do_rdmsr(struct vcpu *v, struct regs *r, u32 msr)
{
	const struct msr_rule *rule = find(msr);
	u64 value = 0;

	if (!rule || !rule->read || !rule->read(v, msr, &value)) {
		log_guest(v->domain, LOG_DEBUG, "rdmsr 0x%x refused\n", msr);
		if (refuses(v))
			return EMUL_GP;
	}
	r->rax = (u32)value;
	r->rdx = value >> 32;
	return EMUL_DONE;
}

static enum emul_result do_wrmsr(struct vcpu *v, struct regs *r, u32 msr)
{
	const struct msr_rule *rule = find(msr);
	u64 value = r->rdx << 32 | (u32)r->rax;

	if (rule && rule->write && rule->write(v, msr, value))
		return EMUL_DONE;
	log_guest(v->domain, LOG_DEBUG, "wrmsr 0x%x to 0x%lx refused\n", msr,
		  value);
	return refuses(v) ? EMUL_GP : EMUL_DONE;
}

enum emul_result emul_msr(struct vcpu *v, struct regs *r,
			  const struct emul_insn *insn)
{
	if (insn->op == OP_RDMSR)
		return do_rdmsr(v, r, (u32)r->rcx);
	return do_wrmsr(v, r, (u32)r->rcx);
}
