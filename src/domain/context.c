// SPDX-License-Identifier: MIT
//
// A vCPU's state in the ABI's form, for dumps and for saving it: the reverse of
// vcpu_set_context().
#include "abi/xen.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "hw/x86.h"
#include "lib/string.h"

static void get_registers(const struct vcpu *v, struct cpu_user_regs *u)
{
	const struct regs *r = &v->regs;

#define COPY(a, b, c, d) u->a = r->a, u->b = r->b, u->c = r->c, u->d = r->d
	COPY(rax, rbx, rcx, rdx);
	COPY(rsi, rdi, rbp, rsp);
	COPY(r8, r9, r10, r11);
	COPY(r12, r13, r14, r15);
#undef COPY
	u->rip = r->rip;
	u->rflags = (r->rflags & ~RFLAGS_IOPL) | v->iopl * (RFLAGS_IOPL / 3);
	u->cs = (u16)r->cs;
	u->ss = (u16)r->ss;
	u->ds = v->ds;
	u->es = v->es;
	u->fs = v->fs;
	u->gs = v->gs;
}

static u64 get_flags(const struct vcpu *v)
{
	u64 flags = VGCF_i387_valid;

	if (v->in_kernel)
		flags |= VGCF_in_kernel;
	if (READ_ONCE(v->state) != VCPU_DOWN)
		flags |= VGCF_online;
	if (v->failsafe.mask_events)
		flags |= VGCF_failsafe_disables_events;
	if (v->syscall.mask_events)
		flags |= VGCF_syscall_disables_events;
	return flags;
}

static void get_tables(const struct vcpu *v, struct vcpu_guest_context *c)
{
	memcpy(c->trap_ctxt, v->traps, sizeof(c->trap_ctxt));
	c->gdt_ents = v->gdt_entries;
	for (u32 i = 0; i < GDT_GUEST_PAGES; i++)
		c->gdt_frames[i] = mfn_is_none(v->gdt[i]) ? 0 : v->gdt[i].n;
	c->ldt_base = v->ldt_base;
	c->ldt_ents = v->ldt_entries;
}

static u64 root_value(mfn_t root)
{
	return mfn_is_none(root) ? 0 : xen_pfn_to_cr3(root.n);
}

static void get_control(const struct vcpu *v, struct vcpu_guest_context *c)
{
	c->ctrlreg[0] = v->cr0;
	c->ctrlreg[1] = root_value(v->user_root);
	c->ctrlreg[3] = root_value(v->kernel_root);
	c->ctrlreg[4] = v->cr4;
	memcpy(c->debugreg, v->dr, sizeof(c->debugreg));
	c->fs_base = v->fs_base;
	c->gs_base_kernel = v->gs_base_kernel;
	c->gs_base_user = v->gs_base_user;
}

void vcpu_get_context(const struct vcpu *v, struct vcpu_guest_context *c)
{
	memset(c, 0, sizeof(*c));
	fpu_export(v, &c->fpu_ctxt);
	c->flags = get_flags(v);
	get_registers(v, &c->user_regs);
	get_tables(v, c);
	get_control(v, c);
	c->kernel_sp = v->kernel_sp;
	c->kernel_ss = v->kernel_ss;
	c->event_callback_eip = v->event.rip;
	c->failsafe_callback_eip = v->failsafe.rip;
	c->syscall_callback_eip = v->syscall.rip;
	c->vm_assist = v->domain->vm_assist;
}
