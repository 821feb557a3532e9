// SPDX-License-Identifier: MIT
//
// Moves to and from control and debug registers in a guest kernel.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "abi/errno.h"
#include "hw/cpu.h"
#include "mm/mm.h"

// CR0: TS can be changed; to ask for anything else to change is a mistake.
static enum emul_result write_cr0_ts(struct vcpu *v, u64 value)
{
	if ((value ^ cr0_guest_view(v)) & ~(u64)CR0_TS)
		return EMUL_GP;
	fpu_set_ts(v, value & CR0_TS);
	return EMUL_DONE;
}

static enum emul_result write_cr4_bits(struct vcpu *v, u64 value)
{
	v->cr4 = value & CR4_GUEST;
	cr4_load(v);
	return EMUL_DONE;
}

static enum emul_result read_cr(struct vcpu *v, u32 number, u64 *value)
{
	switch (number) {
	case 0:
		*value = cr0_guest_view(v);
		return EMUL_DONE;
	case 2:
		*value = READ_ONCE(v->info->arch.cr2);
		return EMUL_DONE;
	case 3:
		*value = mfn_maddr(v->kernel_root);
		return EMUL_DONE;
	case 4:
		*value = cr4_guest_view(v);
		return EMUL_DONE;
	default:
		return EMUL_GP;
	}
}

// As MMUEXT_NEW_BASEPTR; may have to be interrupted like it.
static enum emul_result write_cr3_root(struct vcpu *v, u64 value)
{
	mfn_t fresh = maddr_mfn(value & PTE_ADDR), old = v->kernel_root;
	int err = undo_finish(v);

	if (!err)
		err = root_get(v->domain, fresh);
	if (err)
		return err == -ERESTART ? EMUL_AGAIN : EMUL_GP;
	v->kernel_root = fresh;
	root_load(v);
	root_put_later(v, old);
	return EMUL_DONE;
}

static enum emul_result write_cr(struct vcpu *v, u32 number, u64 value)
{
	switch (number) {
	case 0:
		return write_cr0_ts(v, value);
	case 2:
		WRITE_ONCE(v->info->arch.cr2, value);
		return EMUL_DONE;
	case 3:
		return write_cr3_root(v, value);
	case 4:
		return write_cr4_bits(v, value);
	default:
		return EMUL_GP;
	}
}

enum emul_result emul_cr(struct vcpu *v, struct regs *r,
			 const struct emul_insn *insn)
{
	u64 *gpr = emul_gpr(r, insn->rm);

	if (insn->op == OP_READ_CR)
		return read_cr(v, insn->reg, gpr);
	return write_cr(v, insn->reg, *gpr);
}

enum emul_result emul_dr(struct vcpu *v, struct regs *r,
			 const struct emul_insn *insn)
{
	u64 *gpr = emul_gpr(r, insn->rm);
	int err;

	if (insn->op == OP_READ_DR)
		err = debugreg_get(v, insn->reg, gpr);
	else
		err = debugreg_set(v, insn->reg, *gpr);
	return err ? EMUL_GP : EMUL_DONE;
}
