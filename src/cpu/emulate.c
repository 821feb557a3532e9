// SPDX-License-Identifier: MIT
//
// Privileged instructions of guest kernels, which trap because those run in
// ring 3, or 1, are done here in the guest's stead. The files
// emul_*.c each do one kind. User mode may have ports, if its kernel gave it
// some; nothing else.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "cpu/uaccess.h"
#include "hw/cpu.h"
#include "lib/string.h"
#include "sched/sched.h"

_Static_assert(OP_MAX <= COUNTER_EMULATED, "each has a counter");

static enum emul_result ignore(struct vcpu *v maybe_unused,
			       struct regs *r maybe_unused,
			       const struct emul_insn *insn maybe_unused)
{
	return EMUL_DONE;
}

// As SCHEDOP_block: an idle loop that does `sti; hlt` means that.
static enum emul_result hlt(struct vcpu *v, struct regs *r maybe_unused,
			    const struct emul_insn *insn maybe_unused)
{
	WRITE_ONCE(v->info->evtchn_upcall_mask, 0);
	vcpu_block(v);
	return EMUL_DONE;
}

static enum emul_result do_clts(struct vcpu *v, struct regs *r maybe_unused,
				const struct emul_insn *insn maybe_unused)
{
	fpu_set_ts(v, false);
	return EMUL_DONE;
}

// Only who has devices has anything to flush.
static enum emul_result do_wbinvd(struct vcpu *v, struct regs *r maybe_unused,
				  const struct emul_insn *insn maybe_unused)
{
	if (v->domain->privileged)
		wbinvd();
	return EMUL_DONE;
}

// It traps for the kernel too when the guest has set CR4.TSD.
static enum emul_result do_rdtsc(struct vcpu *v, struct regs *r,
				 const struct emul_insn *insn)
{
	u64 tsc = rdtsc();

	r->rax = (u32)tsc;
	r->rdx = tsc >> 32;
	if (insn->op == OP_RDTSCP)
		r->rcx = (u32)v->tsc_aux;
	return EMUL_DONE;
}

static enum emul_result do_xsetbv(struct vcpu *v, struct regs *r,
				  const struct emul_insn *insn maybe_unused)
{
	u64 value = r->rdx << 32 | (u32)r->rax;

	return (u32)r->rcx == 0 && xcr0_set(v, value) ? EMUL_DONE : EMUL_GP;
}

static enum emul_result do_cpuid(struct vcpu *v, struct regs *r,
				 const struct emul_insn *insn maybe_unused)
{
	emul_cpuid(v, r);
	return EMUL_DONE;
}

static enum emul_result (*const actions[OP_MAX])(struct vcpu *v, struct regs *r,
						 const struct emul_insn *i) = {
	[OP_IN] = emul_port,     [OP_OUT] = emul_port,
	[OP_INS] = emul_string,  [OP_OUTS] = emul_string,
	[OP_CLI] = ignore,       [OP_STI] = ignore,
	[OP_HLT] = hlt,          [OP_CLTS] = do_clts,
	[OP_WBINVD] = do_wbinvd, [OP_READ_CR] = emul_cr,
	[OP_WRITE_CR] = emul_cr, [OP_READ_DR] = emul_dr,
	[OP_WRITE_DR] = emul_dr, [OP_RDMSR] = emul_msr,
	[OP_WRMSR] = emul_msr,   [OP_RDTSC] = do_rdtsc,
	[OP_RDTSCP] = do_rdtsc,  [OP_XSETBV] = do_xsetbv,
	[OP_CPUID] = do_cpuid,
};

static bool user_may(enum emul_op op)
{
	return op == OP_IN || op == OP_OUT || op == OP_INS || op == OP_OUTS;
}

u64 *emul_gpr(struct regs *r, u32 n)
{
	u64 *const where[16] = {
		&r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp,
		&r->rsi, &r->rdi, &r->r8,  &r->r9,  &r->r10, &r->r11,
		&r->r12, &r->r13, &r->r14, &r->r15,
	};

	return where[n & 15];
}

// How many bytes at RIP could be read, up to the longest instruction. It may
// end just before a page that is not there.
static u32 fetch(const struct regs *r, u8 code[INSN_MAX])
{
	u32 in_page = (u32)(PAGE_SIZE - r->rip % PAGE_SIZE);

	if (!guest_read(code, r->rip, INSN_MAX))
		return INSN_MAX;
	if (in_page < INSN_MAX && !guest_read(code, r->rip, in_page))
		return in_page;
	return 0;
}

// A single step over the instruction has ended too.
static void retire(struct vcpu *v, struct regs *r, u32 bytes)
{
	r->rip += bytes;
	r->rflags &= ~(u64)RFLAGS_RF;
	if (!(r->rflags & RFLAGS_TF))
		return;
	debugreg_single_step(v);
	bounce_trap(v, r, VEC_DB, 0);
}

bool emulate_privileged(struct vcpu *v, struct regs *r)
{
	struct emul_insn insn;
	u8 code[INSN_MAX];

	if (!emul_decode(code, fetch(r, code), &insn))
		return false;
	if (!v->in_kernel && !user_may(insn.op))
		return false;
	switch (actions[insn.op](v, r, &insn)) {
	case EMUL_DONE:
		count_nth(CNT_EMUL, insn.op);
		retire(v, r, insn.bytes);
		return true;
	case EMUL_GP:
		bounce_trap(v, r, VEC_GP, 0);
		return true;
	case EMUL_AGAIN:
	case EMUL_BOUNCED:
		return true;
	default:
		return false;
	}
}

// `ud2; .ascii "xen"; cpuid` asks for our CPUID where the processor's own would
// not trap. Kernel and user mode may both.
bool emulate_forced_cpuid(struct vcpu *v, struct regs *r)
{
	static const u8 pattern[] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2};
	u8 code[sizeof(pattern)];

	if (guest_read(code, r->rip, sizeof(code)) ||
	    memcmp(code, pattern, sizeof(code)) != 0)
		return false;
	emul_cpuid(v, r);
	count_nth(CNT_EMUL, OP_CPUID);
	retire(v, r, sizeof(code));
	return true;
}
