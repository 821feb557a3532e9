// SPDX-License-Identifier: MIT
//
// Hypercalls by which a guest kernel says where it wants to be entered: its
// trap table, callbacks and kernel stack. Addresses are checked when they are
// used (bounce.c) as well as here: they also come with vcpu_guest_context.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "abi/errno.h"
#include "cpu/uaccess.h"
#include "hypercall/hypercall.h"
#include "lib/string.h"

#define TRAPS 256

// set_trap_table (0): arg 0 = array of trap_info, ended by an entry with
// address 0; entries not named stay. Null clears the table. -EFAULT: what was
// read before stays done. Restarts with arg 0 moved on.
i64 hc_set_trap_table(struct vcpu *v, struct hcall *h)
{
	struct trap_info t;

	if (!h->arg[0]) {
		memset(v->traps, 0, TRAPS * sizeof(v->traps[0]));
		return 0;
	}
	for (;; h->arg[0] += sizeof(t)) {
		if (preempt_due(1))
			return hypercall_restart(h);
		if (guest_read(&t, h->arg[0], sizeof(t)))
			return -EFAULT;
		if (!t.address)
			return 0;
		v->traps[t.vector] = t;
	}
}

// stack_switch (3): arg 0 = SS, kept but of no effect (gate.md D2), arg 1 = the
// stack for entries from user mode. Always 0.
i64 hc_stack_switch(struct vcpu *v, struct hcall *h)
{
	v->kernel_ss = h->arg[0];
	v->kernel_sp = h->arg[1];
	return 0;
}

// set_callbacks (4), the old form: event, failsafe and syscall addresses.
// -EINVAL: one is not canonical, and nothing is changed.
i64 hc_set_callbacks(struct vcpu *v, struct hcall *h)
{
	for (u32 i = 0; i < 3; i++)
		if (!is_canonical(h->arg[i]))
			return -EINVAL;
	v->event = (struct callback){h->arg[0], true};
	v->failsafe = (struct callback){h->arg[1], false};
	v->syscall = (struct callback){h->arg[2], false};
	return 0;
}

// ---------------------------------------------------------------- callback_op

// NMIs enter by the trap table, whichever way the entry got there.
static void set_nmi(struct vcpu *v, gva_t address)
{
	v->traps[VEC_NMI] = (struct trap_info){
		.vector = VEC_NMI,
		.flags = TRAP_MASKS_EVENTS,
		.address = address,
	};
}

// The vCPU's slot for a CALLBACKTYPE, or 0.
static struct callback *slot(struct vcpu *v, u32 type)
{
	switch (type) {
	case CALLBACKTYPE_event:
		return &v->event;
	case CALLBACKTYPE_failsafe:
		return &v->failsafe;
	case CALLBACKTYPE_syscall:
		return &v->syscall;
	case CALLBACKTYPE_sysenter:
	case CALLBACKTYPE_sysenter_deprecated:
		return &v->sysenter;
	case CALLBACKTYPE_syscall32:
		return &v->syscall32;
	default:
		return NULL;
	}
}

static i64 callback_register(struct vcpu *v, gva_t arg)
{
	struct callback_register c;
	struct callback *s;

	if (guest_read(&c, arg, sizeof(c)))
		return -EFAULT;
	s = slot(v, c.type);
	if (!s && c.type != CALLBACKTYPE_nmi)
		return -ENOSYS;
	if (!is_canonical(c.address))
		return -EINVAL;
	if (!s) {
		set_nmi(v, c.address);
		return 0;
	}
	s->rip = c.address;
	s->mask_events = c.flags & CALLBACKF_mask_events;
	return 0;
}

// Without its event, failsafe and syscall entries a kernel cannot live.
static i64 callback_unregister(struct vcpu *v, gva_t arg)
{
	struct callback_unregister c;
	struct callback *s;

	if (guest_read(&c, arg, sizeof(c)))
		return -EFAULT;
	s = slot(v, c.type);
	if (c.type == CALLBACKTYPE_nmi) {
		set_nmi(v, 0);
		return 0;
	}
	if (!s)
		return -ENOSYS;
	if (s == &v->event || s == &v->failsafe || s == &v->syscall)
		return -EINVAL;
	s->rip = 0;
	return 0;
}

// callback_op (30): arg 0 = CALLBACKOP_*, arg 1 = callback_register or
// callback_unregister. -EFAULT, -ENOSYS no such operation or type, -EINVAL an
// address that is not canonical, or a type that cannot be unregistered.
i64 hc_callback_op(struct vcpu *v, struct hcall *h)
{
	switch (h->arg[0]) {
	case CALLBACKOP_register:
		return callback_register(v, h->arg[1]);
	case CALLBACKOP_unregister:
		return callback_unregister(v, h->arg[1]);
	default:
		return -ENOSYS;
	}
}

// nmi_op (28), older than CALLBACKTYPE_nmi: arg 0 = XENNMI_*, arg 1 =
// xennmi_callback. -EFAULT, -EINVAL not vCPU 0 or a bad address, -ENOSYS.
i64 hc_nmi_op(struct vcpu *v, struct hcall *h)
{
	struct xennmi_callback c;

	if (h->arg[0] == XENNMI_unregister_callback) {
		set_nmi(v, 0);
		return 0;
	}
	if (h->arg[0] != XENNMI_register_callback)
		return -ENOSYS;
	if (guest_read(&c, h->arg[1], sizeof(c)))
		return -EFAULT;
	if (v->id != 0 || !is_canonical(c.handler_address))
		return -EINVAL;
	set_nmi(v, c.handler_address);
	return 0;
}
