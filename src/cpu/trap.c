// SPDX-License-Identifier: MIT
//
// Where entry.S leaves to: exceptions, interrupts, system calls. An exception
// of a guest is either something that we do for its kernel (a page-table
// write, a privileged instruction) or else goes to its kernel. An exception of
// our own is expected at the places in the exception table and fatal anywhere
// else.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "console/console.h"
#include "cpu/uaccess.h"
#include "hw/cpu.h"
#include "hypercall/hypercall.h"
#include "irq/irq.h"
#include "mm/shadow.h"

#define OPCODE_INT 0xcd
#define INT_BYTES 2
#define OPCODE_IRETQ 0xcf48 // as a little-endian word
#define ERROR_IDT 0x2 // the error code names an IDT entry
#define ERROR_OF_INT(n) ((u32)(n) << 3 | ERROR_IDT)

static no_return void fatal_trap(const struct regs *r)
{
	panic_regs(r, "exception in the hypervisor");
}

// The entry stubs run where the processor has them; the exception table names
// them where the image does.
static u64 image_address(u64 rip)
{
	u64 into = rip - percpu_base(cpu_this()->id) - PERCPU_STUB;

	return into < PAGE_SIZE ? (u64)gate_text_start + into : rip;
}

static void hypervisor_trap(struct regs *r)
{
	u64 fixup = extable_fixup(image_address(r->rip));
	struct cpu *c = cpu_this();

	if (!fixup)
		fatal_trap(r);
	if (r->vector == VEC_PF && c->curr &&
	    shadow_fault(c->curr, read_cr2(), (u32)r->error))
		return;
	c->fault_vector = r->vector;
	c->fault_error = r->error;
	r->rip = fixup;
}

void iret_fault(struct regs *r)
{
	struct cpu *c = cpu_this();

	r->vector = c->fault_vector;
	bounce_trap(c->curr, r, (u8)c->fault_vector, c->fault_error);
}

// ------------------------------------------------------ exceptions of guests

// Some kernels return to themselves by an IRET of their own, to the selectors
// of ring 3 that the ABI shows them, and then find their memory closed. They
// try again in ring 1.
static bool kernel_left_ring1(const struct vcpu *v, const struct regs *r)
{
	return v->in_kernel && (v->domain->open_gate || v->closed) &&
	       (r->cs & 3) == 3;
}

// Behind a closed gate it may jump to low addresses, where SMEP lets ring 1
// not run. The way out will find it there and make it classic.
static bool kernel_went_low(const struct vcpu *v, const struct regs *r)
{
	return v->in_kernel && v->closed && (r->error & PFEC_I) &&
	       (r->error & PFEC_P) && (i64)r->rip >= 0;
}

// The reverse of kernel_left_ring1: it pushed the selectors of ring 1, where it
// was, and by its IRET it was classic (docs/gate.md). Done for it.
static bool kernel_returns_to_ring1(struct vcpu *v, struct regs *r)
{
	u64 frame[5]; // RIP CS RFLAGS RSP SS
	u16 opcode;

	if (!v->in_kernel || v->closed || v->domain->open_gate ||
	    r->error != (SEL_RING1_CS & ~3u) ||
	    guest_read(&opcode, r->rip, sizeof(opcode)) ||
	    opcode != OPCODE_IRETQ || guest_read(frame, r->rsp, sizeof(frame)))
		return false;
	r->rip = frame[0];
	r->rflags = guest_rflags(frame[2]);
	r->rsp = frame[3];
	return true;
}

// A write to one of its page tables is the commonest fault of a guest kernel
// that has both bits. RSVD or U/S do not matter there: ptwr_fault looks.
static void guest_page_fault(struct vcpu *v, struct regs *r)
{
	u64 addr = read_cr2();
	u32 write = PFEC_P | PFEC_W;

	if (unlikely(kernel_left_ring1(v, r))) {
		count(CNT_PF_SPURIOUS);
		kernel_selectors(v, r);
		return;
	}
	if (unlikely(kernel_went_low(v, r)))
		return;
	if (unlikely(v->domain->dirty) && shadow_fault(v, addr, (u32)r->error))
		return;
	if (root_fault(v, addr, (u32)r->error))
		return;
	if (v->in_kernel && (r->error & (write | PFEC_RSVD)) == write &&
	    ptwr_fault(v, r, addr))
		return;
	if (root_fault_again(v, addr, (u32)r->error))
		return;
	bounce_page_fault(v, r, addr, r->error);
}

// A guest kernel counts as ring 1 here: DPL 0 is for exceptions only.
static bool may_raise(const struct vcpu *v, u8 vector)
{
	u32 ring = v->in_kernel ? 1 : 3;

	return v->traps[vector].address && (v->traps[vector].flags & 3) >= ring;
}

// INT n. Its error code should tell n, but QEMU 7.2 makes it 16n+2 in long
// mode, so the instruction is looked at instead.
static void software_interrupt(struct vcpu *v, struct regs *r)
{
	u8 code[INT_BYTES];

	if (guest_read(code, r->rip, sizeof(code)) || code[0] != OPCODE_INT) {
		bounce_trap(v, r, VEC_GP, r->error);
	} else if (may_raise(v, code[1])) {
		r->rip += INT_BYTES;
		bounce_trap(v, r, code[1], 0);
	} else {
		bounce_trap(v, r, VEC_GP, ERROR_OF_INT(code[1]));
	}
}

static void guest_protection_fault(struct vcpu *v, struct regs *r)
{
	if (r->error & ERROR_IDT)
		software_interrupt(v, r);
	else if (r->error ? !kernel_returns_to_ring1(v, r)
			  : !emulate_privileged(v, r))
		bounce_trap(v, r, VEC_GP, r->error);
}

static void guest_invalid_opcode(struct vcpu *v, struct regs *r)
{
	if (!emulate_forced_cpuid(v, r))
		bounce_trap(v, r, VEC_UD, 0);
}

static void guest_int80(struct vcpu *v, struct regs *r)
{
	if (may_raise(v, VEC_INT80)) {
		bounce_trap(v, r, VEC_INT80, 0);
		return;
	}
	r->rip -= INT_BYTES;
	bounce_trap(v, r, VEC_GP, ERROR_OF_INT(VEC_INT80));
}

static void (*const guest_traps[32])(struct vcpu *v, struct regs *r) = {
	[VEC_GP] = guest_protection_fault,
	[VEC_UD] = guest_invalid_opcode,
	[VEC_NM] = fpu_nm_fault,
};

void trap_entry(struct regs *r)
{
	struct vcpu *v;

	if (!regs_from_guest(r)) {
		hypervisor_trap(r);
		return;
	}
	v = vcpu_this();
	if (likely(r->vector == VEC_PF))
		guest_page_fault(v, r);
	else if (guest_traps[r->vector])
		guest_traps[r->vector](v, r);
	else
		bounce_trap(v, r, (u8)r->vector, r->error);
}

// ------------------------------------------------ interrupts, system calls

static void count_irq(u64 vector)
{
	if (vector <= VEC_LAST_DEVICE)
		count(CNT_IRQ_DEVICE);
	else if (vector == VEC_TIMER)
		count(CNT_IRQ_TIMER);
	else if (vector == VEC_IPI_FLUSH)
		count(CNT_IRQ_FLUSH);
	else if (vector == VEC_IPI_KICK)
		count(CNT_IRQ_KICK);
	else
		count(CNT_IRQ_OTHER);
}

void irq_entry(struct regs *r)
{
	if (r->vector == VEC_INT80 && regs_from_guest(r)) {
		guest_int80(vcpu_this(), r);
		return;
	}
	count_irq(r->vector);
	irq_dispatch((u8)r->vector);
}

hot_code void syscall_entry(struct regs *r)
{
	struct vcpu *v = vcpu_this();

	if (v->in_kernel && r->vector == VEC_SYSCALL) {
		kernel_selectors(v, r); // the stub cannot know the ring
		hypercall_entry(v, r);
	} else {
		bounce_syscall(v, r);
	}
}
