// SPDX-License-Identifier: MIT
//
// The x87, SSE and AVX registers always hold the state of one vCPU, the
// processor's fpu_owner; the hypervisor uses none of them. A vCPU that stops
// running is saved, but stays the owner: if it comes back with nobody in
// between, there is nothing to restore. Restoring is not put off until first
// use, as every guest since Linux 4.6 uses the registers at once and a #NM
// costs more than an XRSTOR.
//
// A guest that sets CR0.TS itself (older kernels do) really gets it: then its
// registers are restored when it clears the bit, or at its #NM.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "abi/errno.h"
#include "hw/cpu.h"
#include "hw/fpu.h"
#include "hypercall/hypercall.h"
#include "lib/string.h"
#include "mm/mm.h"

#define FXSAVE_BYTES 512
#define MXCSR_AT 24
#define X87_REGS_AT 32
#define XMM_REGS_AT 160
#define XMM_REGS_BYTES 256
#define MXCSR_DEFAULT 0x1f80u
#define FCW_DEFAULT 0x37fu
#define XSTATE_BV_AT 512
#define XSTATE_HEADER_WORDS 8
#define LEAF_D1_XSAVEOPT 1

static bool guest_ts(const struct vcpu *v)
{
	return v->cr0 & CR0_TS;
}

static void ts_write(struct cpu *c, bool ts)
{
	if (c->ts == ts)
		return;
	c->ts = ts;
	if (ts)
		write_cr0(CR0_OURS | CR0_TS);
	else
		clts();
}

static void xcr0_write(struct cpu *c, u64 value)
{
	if (c->xcr0 == value)
		return;
	c->xcr0 = value;
	xsetbv(0, value);
}

// ------------------------------------------------------------------- images

static void image_reset(u8 *image)
{
	u32 mxcsr = MXCSR_DEFAULT;
	u16 fcw = FCW_DEFAULT;

	memset(image, 0, PAGE_SIZE); // XSTATE_BV 0: all in initial state
	memcpy(image, &fcw, sizeof(fcw));
	memcpy(image + MXCSR_AT, &mxcsr, sizeof(mxcsr));
}

void fpu_reset(struct vcpu *v)
{
	image_reset(v->fpu);
	v->fpu_cpu = NULL;
	v->fpu_dirty = false;
	v->xcr0 = XCR0_X87;
}

void fpu_import(struct vcpu *v, const void *fxsave_image)
{
	u64 parts;

	memcpy(&parts, (const u8 *)v->fpu + XSTATE_BV_AT, sizeof(parts));
	parts |= XCR0_X87 | XCR0_SSE;
	memcpy(v->fpu, fxsave_image, FXSAVE_BYTES);
	memcpy((u8 *)v->fpu + XSTATE_BV_AT, &parts, sizeof(parts));
	v->fpu_cpu = NULL;
	v->fpu_dirty = false;
}

// Parts that XSAVE left out because they are in their initial state.
static void fill_initial(u8 *image, u64 saved)
{
	u8 initial[FXSAVE_BYTES] = {FCW_DEFAULT & 0xff, FCW_DEFAULT >> 8};

	if (!(saved & XCR0_X87)) {
		memcpy(image, initial, MXCSR_AT);
		memset(image + X87_REGS_AT, 0, XMM_REGS_AT - X87_REGS_AT);
	}
	if (!(saved & XCR0_SSE))
		memset(image + XMM_REGS_AT, 0, XMM_REGS_BYTES);
}

void fpu_export(const struct vcpu *v, void *fxsave_image)
{
	u64 saved;

	memcpy(fxsave_image, v->fpu, FXSAVE_BYTES);
	if (!cpu_features.xsave)
		return;
	memcpy(&saved, (const u8 *)v->fpu + XSTATE_BV_AT, sizeof(saved));
	fill_initial(fxsave_image, saved);
}

u32 fpu_state_bytes(void)
{
	return cpu_features.xsave ? cpu_features.xsave_size : 0;
}

void fpu_state_get(const struct vcpu *v, void *image)
{
	memcpy(image, v->fpu, fpu_state_bytes());
}

// Of the header, only the map of saved parts may be other than zero.
static bool header_valid(const u8 *image, u64 allowed)
{
	u64 header[XSTATE_HEADER_WORDS];

	memcpy(header, image + XSTATE_BV_AT, sizeof(header));
	for (u32 i = 1; i < XSTATE_HEADER_WORDS; i++)
		if (header[i])
			return false;
	return !(header[0] & ~allowed);
}

int fpu_state_set(struct vcpu *v, u64 xcr0, const void *image)
{
	u64 allowed = policy_xcr0(v->domain);

	if (!xcr0_valid(xcr0, allowed) || !header_valid(image, allowed))
		return -EINVAL;
	fpu_reset(v);
	memcpy(v->fpu, image, fpu_state_bytes());
	v->xcr0 = xcr0;
	return 0;
}

int fpu_alloc(struct vcpu *v)
{
	v->fpu = page_alloc(); // cpu_identify() made sure that it is enough
	if (!v->fpu)
		return -ENOMEM;
	fpu_reset(v);
	return 0;
}

void fpu_free(struct vcpu *v)
{
	if (v->fpu)
		page_free(v->fpu);
	v->fpu = NULL;
	v->fpu_cpu = NULL;
}

// ----------------------------------------------------------- save, restore

static bool is_owner(const struct cpu *c, const struct vcpu *v)
{
	return c->fpu_owner == v && v->fpu_cpu == c;
}

static bool restore_image(const void *image)
{
	if (cpu_features.xsave)
		return fpu_xrstor(image, cpu_features.xcr0_mask);
	return fpu_fxrstor(image);
}

// An image that came from a tool may be one that the processor refuses.
static void restore(struct cpu *c, struct vcpu *v)
{
	u64 guest_xcr0 = c->xcr0;

	if (cpu_features.xsave)
		xcr0_write(c, cpu_features.xcr0_mask);
	if (cpu_features.syscall32) // AMD
		fpu_forget_pointers();
	if (!restore_image(v->fpu)) {
		image_reset(v->fpu);
		bug_on(!restore_image(v->fpu));
	}
	if (cpu_features.xsave)
		xcr0_write(c, guest_xcr0);
	c->fpu_owner = v;
	v->fpu_cpu = c;
}

static bool has_xsaveopt(void)
{
	return cpu_features.xsave_leaf1 & LEAF_D1_XSAVEOPT;
}

static void save_image(void *image)
{
	if (has_xsaveopt())
		fpu_xsaveopt(image, cpu_features.xcr0_mask);
	else if (cpu_features.xsave)
		fpu_xsave(image, cpu_features.xcr0_mask);
	else
		fpu_fxsave(image);
}

void fpu_save(struct vcpu *v)
{
	struct cpu *c = cpu_this();

	if (!v->fpu_dirty || !is_owner(c, v))
		return;
	ts_write(c, false);
	if (cpu_features.xsave)
		xcr0_write(c, cpu_features.xcr0_mask);
	save_image(v->fpu);
	v->fpu_dirty = false;
}

void fpu_load(struct vcpu *v)
{
	struct cpu *c = cpu_this();

	if (cpu_features.xsave)
		xcr0_write(c, v->xcr0);
	if (guest_ts(v)) {
		ts_write(c, true);
		return;
	}
	ts_write(c, false);
	if (!is_owner(c, v))
		restore(c, v);
	v->fpu_dirty = true;
}

void fpu_set_ts(struct vcpu *v, bool ts)
{
	v->cr0 = ts ? v->cr0 | CR0_TS : v->cr0 & ~(u64)CR0_TS;
	fpu_load(v);
}

// The ABI has the hypervisor clear TS before the guest's handler runs.
void fpu_nm_fault(struct vcpu *v, struct regs *r)
{
	bool theirs = guest_ts(v);

	fpu_set_ts(v, false);
	if (theirs)
		bounce_trap(v, r, VEC_NM, 0);
	else
		count(CNT_FPU);
}

// --------------------------------------------------------------------- XCR0

// SDM vol. 1, 13.3: x87 always; AVX needs SSE; the three of AVX-512 go
// together and need AVX.
bool xcr0_valid(u64 value, u64 allowed)
{
	u64 avx512 = value & XCR0_AVX512;

	if ((value & ~allowed) || !(value & XCR0_X87))
		return false;
	if ((value & XCR0_AVX) && !(value & XCR0_SSE))
		return false;
	return !avx512 || (avx512 == XCR0_AVX512 && (value & XCR0_AVX));
}

bool xcr0_set(struct vcpu *v, u64 value)
{
	if (!cpu_features.xsave || !xcr0_valid(value, policy_xcr0(v->domain)))
		return false;
	v->xcr0 = value;
	xcr0_write(cpu_this(), value);
	return true;
}

// fpu_taskswitch (5): arg 0 = 1 sets CR0.TS, 0 clears it. Always 0.
i64 hc_fpu_taskswitch(struct vcpu *v, struct hcall *h)
{
	fpu_set_ts(v, h->arg[0] != 0);
	return 0;
}
