// SPDX-License-Identifier: MIT
//
// A vCPU's state, in and out of the processor; and the switch between the
// guest's user and kernel mode: GS bases are exchanged and, but with an open
// gate, the other root is loaded.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "abi/errno.h"
#include "hw/cpu.h"
#include "hw/segment.h"
#include "hypercall/hypercall.h"
#include "mm/tlb.h"

void vcpu_switch_mode(struct vcpu *v, bool to_kernel)
{
	if (v->in_kernel == to_kernel)
		return;
	swapgs();
	v->in_kernel = to_kernel;
	if (to_kernel || !v->domain->gate) // else by gate_leave()
		root_switch(v);
}

// --------------------------------------------------------------------- save

static void save_bases(struct vcpu *v)
{
	u64 active = rdmsr(MSR_GS_BASE), other = rdmsr(MSR_KERNEL_GS_BASE);

	v->fs_base = rdmsr(MSR_FS_BASE);
	v->gs_base_kernel = v->in_kernel ? active : other;
	v->gs_base_user = v->in_kernel ? other : active;
}

void vcpu_save(struct vcpu *v, const struct regs *r)
{
	v->regs = *r;
	v->ds = read_ds();
	v->es = read_es();
	v->fs = read_fs();
	v->gs = read_gs();
	save_bases(v);
	fpu_save(v);
}

// --------------------------------------------------------------------- load

// Frames may come from vcpu_guest_context, that is from anybody.
static void load_frame(const struct vcpu *v, struct regs *r)
{
	*r = v->regs;
	r->rflags = guest_rflags(r->rflags);
	r->vector = VEC_NONE;
	if (v->in_kernel) {
		kernel_selectors(v, r);
		return;
	}
	r->cs = (r->cs & 0xffff) | 3;
	r->ss = (r->ss & 0xffff) | 3;
}

// False when one of them is not to be had. A selector that is null before and
// after needs no load, which is the usual case.
static bool load_selectors(const u16 sel[4])
{
	bool ds = !(sel[0] | read_ds()) || load_ds(sel[0]);
	bool es = !(sel[1] | read_es()) || load_es(sel[1]);
	bool fs = !(sel[2] | read_fs()) || load_fs(sel[2]);
	bool gs = !(sel[3] | read_gs()) || load_gs(sel[3]);

	return ds && es && fs && gs;
}

// WRMSR would fault, and a guest with such a base has not run with it.
static u64 canonical_or_0(u64 base)
{
	return is_canonical(base) ? base : 0;
}

// After the selectors: those load bases of their own.
static void load_bases(const struct vcpu *v)
{
	u64 kernel = canonical_or_0(v->gs_base_kernel);
	u64 user = canonical_or_0(v->gs_base_user);

	wrmsr(MSR_FS_BASE, canonical_or_0(v->fs_base));
	wrmsr(MSR_GS_BASE, v->in_kernel ? kernel : user);
	wrmsr(MSR_KERNEL_GS_BASE, v->in_kernel ? user : kernel);
}

void vcpu_load(struct vcpu *v, struct regs *r)
{
	u16 sel[4] = {v->ds, v->es, v->fs, v->gs};
	bool segments_ok;

	load_frame(v, r);
	descriptor_load(v);
	segments_ok = load_selectors(sel);
	load_bases(v);
	cr4_load(v);
	star_load(v);
	tsc_aux_load(v);
	debugreg_load(v);
	fpu_load(v);
	cpu_this()->loaded = v;
	root_load(v);
	if (!segments_ok)
		bounce_failsafe(v, r, sel);
}

void vcpu_resume(struct vcpu *v)
{
	fpu_load(v);
}

void vcpu_unload(void)
{
	cpu_this()->loaded = NULL;
	tlb_load_root(hv_root());
	debugreg_unload();
	load_selectors((const u16[4]){0});
	descriptor_unload();
}

// ------------------------------------------------------------ segment bases

static hot_code int set_gs_user_selector(u16 sel)
{
	bool ok;

	swapgs(); // loading it sets the active base
	ok = load_gs(sel);
	swapgs();
	return ok ? 0 : -EINVAL;
}

// set_segment_base (25): arg 0 = SEGBASE_*, arg 1 = the base, or for
// SEGBASE_GS_USER_SEL the selector. -EINVAL: no such kind, a base that is not
// canonical, a selector that does not load (GS is null then).
hot_code i64 hc_set_segment_base(struct vcpu *v maybe_unused, struct hcall *h)
{
	static const u32 msr[] = {
		[SEGBASE_FS] = MSR_FS_BASE,
		[SEGBASE_GS_USER] = MSR_KERNEL_GS_BASE,
		[SEGBASE_GS_KERNEL] = MSR_GS_BASE,
	};
	u64 which = h->arg[0], base = h->arg[1];

	if (which == SEGBASE_GS_USER_SEL)
		return set_gs_user_selector((u16)base);
	if (which >= ARRAY_SIZE(msr) || !is_canonical(base))
		return -EINVAL;
	wrmsr(msr[which], base);
	return 0;
}
