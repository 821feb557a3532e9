// SPDX-License-Identifier: MIT
//
// The iret hypercall: how a guest kernel returns from what was bounced to it.
// It is the only way back to the guest's user mode. gate/fast.inc does the
// usual case behind an open gate: keep the two alike.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "cpu/uaccess.h"
#include "hypercall/hypercall.h"

// What lies at the guest kernel's RSP.
struct iret_frame {
	u64 rax, r11, rcx, flags, rip, cs, rflags, rsp, ss;
};

static void to_user(struct vcpu *v, struct regs *r, const struct iret_frame *f)
{
	r->cs = (f->cs & 0xffff) | 3;
	r->ss = (f->ss & 0xffff) | 3;
	vcpu_switch_mode(v, false);
}

static void load_frame(struct regs *r, const struct iret_frame *f)
{
	r->rip = f->rip;
	r->rsp = f->rsp;
	r->rflags = guest_rflags(f->rflags);
	r->rcx = f->rcx;
	r->r11 = f->r11;
	if (f->flags & VGCF_in_syscall) { // as SYSRET would leave them
		r->rcx = r->rip;
		r->r11 = r->rflags;
	}
	r->vector = VEC_NONE; // no SYSRET: RCX and R11 matter
}

// iret (23): no arguments, the frame is at the guest's RSP. Does not return to
// its caller; the result is the RAX that the frame asks for.
i64 hc_iret(struct vcpu *v, struct hcall *h maybe_unused)
{
	struct regs *r = guest_regs();
	struct iret_frame f;

	if (guest_read(&f, r->rsp, sizeof(f))) {
		domain_crash(v->domain, "vCPU %u: no iret frame at %lx", v->id,
			     r->rsp);
		return 0;
	}
	if ((f.cs & 3) == 3 && mfn_is_none(v->user_root)) {
		domain_crash(v->domain,
			     "vCPU %u: iret to user mode without a "
			     "user page table",
			     v->id);
		return 0;
	}
	load_frame(r, &f);
	if ((f.cs & 3) == 3)
		to_user(v, r, &f);
	else // whatever selectors: gate.md D2, D4
		kernel_selectors(v, r);
	WRITE_ONCE(v->info->evtchn_upcall_mask, !(f.rflags & RFLAGS_IF));
	v->nmi_masked = false;
	return (i64)f.rax;
}
