// SPDX-License-Identifier: MIT
//
// domctl: what the ABI's context structure has no room for, but what a vCPU
// needs to run on elsewhere: two callbacks, vector registers, one MSR.
#include "domain/domctl.h"

#include "abi/errno.h"
#include "cpu/cpu.h"
#include "cpu/uaccess.h"
#include "hw/x86.h"
#include "lib/string.h"
#include "sched/sched.h"

// ------------------------------------------------------------------ callbacks

// -ESRCH no such vCPU.
int domctl_get_callbacks(const struct domctl *c)
{
	struct xen_domctl_ext_vcpucontext *a = &c->op->u.ext_vcpucontext;
	const struct vcpu *v = domctl_vcpu(c->d, a->vcpu);

	if (!v)
		return -ESRCH;
	*a = (struct xen_domctl_ext_vcpucontext){
		.vcpu = v->id,
		.size = sizeof(*a),
		.syscall32_callback_eip = v->syscall32.rip,
		.sysenter_callback_eip = v->sysenter.rip,
		.syscall32_callback_cs = FLAT_KERNEL_CS,
		.sysenter_callback_cs = FLAT_KERNEL_CS,
		.syscall32_disables_events = v->syscall32.mask_events,
		.sysenter_disables_events = v->sysenter.mask_events,
	};
	return 0;
}

// Machine check registers that come behind are not kept: there are none. -ESRCH
// no such vCPU, -EINVAL too short, or bad addresses.
int domctl_set_callbacks(const struct domctl *c)
{
	const struct xen_domctl_ext_vcpucontext *a = &c->op->u.ext_vcpucontext;
	struct vcpu *v = domctl_vcpu(c->d, a->vcpu);

	if (!v)
		return -ESRCH;
	if (a->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap) ||
	    !is_canonical(a->syscall32_callback_eip) ||
	    !is_canonical(a->sysenter_callback_eip))
		return -EINVAL;
	domctl_hold(v);
	v->syscall32 = (struct callback){a->syscall32_callback_eip,
					 a->syscall32_disables_events};
	v->sysenter = (struct callback){a->sysenter_callback_eip,
					a->sysenter_disables_events};
	vcpu_unpause(v);
	return 0;
}

// ----------------------------------------------------------- vector registers

// How the state travels.
struct xstate {
	u64 xcr0;
	u64 xcr0_ever; // all bits that XCR0 ever had
	u8 image[];
};

static u64 xstate_bytes(void)
{
	u32 image = fpu_state_bytes();

	return image ? sizeof(struct xstate) + image : 0;
}

static int write_xstate(struct vcpu *v, gva_t to)
{
	struct xstate *x = kalloc(xstate_bytes());
	int err;

	if (!x)
		return -ENOMEM;
	domctl_hold(v);
	x->xcr0 = v->xcr0;
	x->xcr0_ever = policy_xcr0(v->domain);
	fpu_state_get(v, x->image);
	vcpu_unpause(v);
	err = guest_write(to, x, xstate_bytes());
	kfree(x);
	return err;
}

// Size and mask 0 ask for both. -ESRCH no such vCPU, -EINVAL other than what
// was answered to that, -ENOMEM, -EFAULT.
int domctl_get_xstate(const struct domctl *c)
{
	struct xen_domctl_vcpuextstate *a = &c->op->u.vcpuextstate;
	struct vcpu *v = domctl_vcpu(c->d, a->vcpu);

	if (!v)
		return -ESRCH;
	if (!a->size && !a->xfeature_mask) {
		a->size = xstate_bytes();
		a->xfeature_mask = cpu_features.xcr0_mask;
		return 0;
	}
	if (!xstate_bytes() || a->size != xstate_bytes() ||
	    a->xfeature_mask != cpu_features.xcr0_mask)
		return -EINVAL;
	return write_xstate(v, GUEST_HANDLE_GVA(a->buffer));
}

// What the tools give may be shorter than ours: the rest is zero.
static int read_xstate(struct vcpu *v, gva_t from, u64 bytes)
{
	struct xstate *x = kalloc(xstate_bytes());
	int err;

	if (!x)
		return -ENOMEM;
	err = guest_read(x, from, bytes);
	if (!err) {
		domctl_hold(v);
		err = fpu_state_set(v, x->xcr0, x->image);
		vcpu_unpause(v);
	}
	kfree(x);
	return err;
}

#define IMAGE_LEAST 576 // legacy part and header

// -ESRCH no such vCPU, -EINVAL size or contents, -ENOMEM, -EFAULT.
int domctl_set_xstate(const struct domctl *c)
{
	const struct xen_domctl_vcpuextstate *a = &c->op->u.vcpuextstate;
	struct vcpu *v = domctl_vcpu(c->d, a->vcpu);

	if (!v)
		return -ESRCH;
	if (a->size < sizeof(struct xstate) + IMAGE_LEAST ||
	    a->size > xstate_bytes())
		return -EINVAL;
	return read_xstate(v, GUEST_HANDLE_GVA(a->buffer), a->size);
}

// ------------------------------------------------------------------------ MSRs

#define MSRS_MAX 16

// -ESRCH no such vCPU, -ENOBUFS no room, -EFAULT. A null array asks how many
// there may be.
int domctl_get_msrs(const struct domctl *c)
{
	struct xen_domctl_vcpu_msrs *a = &c->op->u.vcpu_msrs;
	struct vcpu *v = domctl_vcpu(c->d, a->vcpu);
	gva_t to = GUEST_HANDLE_GVA(a->msrs);
	struct xen_domctl_vcpu_msr msr = {.index = MSR_TSC_AUX};

	if (!v)
		return -ESRCH;
	if (!to) {
		a->msr_count = 1;
		return 0;
	}
	domctl_hold(v);
	msr.value = v->tsc_aux;
	vcpu_unpause(v);
	if (msr.value && !a->msr_count)
		return -ENOBUFS;
	a->msr_count = msr.value ? 1 : 0;
	return msr.value ? guest_write(to, &msr, sizeof(msr)) : 0;
}

// Those that we do not have must be off.
static int set_msr(struct vcpu *v, const struct xen_domctl_vcpu_msr *msr)
{
	if (msr->reserved)
		return -EINVAL;
	if (msr->index != MSR_TSC_AUX)
		return msr->value ? -EINVAL : 0;
	if (msr->value >> 32)
		return -EINVAL;
	v->tsc_aux = msr->value;
	return 0;
}

static int read_msrs(struct vcpu *v, gva_t from, u32 *count)
{
	for (u32 i = 0; i < *count; i++) {
		struct xen_domctl_vcpu_msr msr;
		int err = guest_read(&msr, from + i * sizeof(msr), sizeof(msr));

		if (!err)
			err = set_msr(v, &msr);
		if (err) {
			*count = i;
			return err;
		}
	}
	return 0;
}

// -ESRCH no such vCPU, -EINVAL too many, or (msr_count tells which) one that is
// refused; -EFAULT.
int domctl_set_msrs(const struct domctl *c)
{
	struct xen_domctl_vcpu_msrs *a = &c->op->u.vcpu_msrs;
	struct vcpu *v = domctl_vcpu(c->d, a->vcpu);
	int err;

	if (!v)
		return -ESRCH;
	if (a->msr_count > MSRS_MAX)
		return -EINVAL;
	domctl_hold(v);
	err = read_msrs(v, GUEST_HANDLE_GVA(a->msrs), &a->msr_count);
	vcpu_unpause(v);
	return err;
}
