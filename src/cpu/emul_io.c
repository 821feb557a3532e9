// SPDX-License-Identifier: MIT
//
// IN, OUT and their string forms. A guest's kernel may try any port; its user
// programs those that the kernel allowed by an I/O privilege level of 3 or in
// its I/O bitmap. What the port then does is port.c's.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "cpu/uaccess.h"
#include "hw/cpu.h"
#include "lib/string.h"

#define STRING_ROUNDS 64u // iterations of a REP before interrupts get a turn
#define USER_END (1ull << 47)
#define SEGMENT_FS 0x64
#define SEGMENT_GS 0x65

// The bitmap is in the guest kernel's memory. The byte after the port's is
// read with it, as the hardware does; beyond the end nothing is allowed.
static bool bitmap_allows(struct vcpu *v, u16 port, u32 bytes)
{
	u8 bits[2];
	int err;

	if (port + bytes > v->iobitmap_ports)
		return false;
	vcpu_switch_mode(v, true);
	err = guest_read(bits, v->iobitmap + port / 8,
			 port % 8 + bytes > 8 ? 2 : 1);
	vcpu_switch_mode(v, false);
	if (err)
		return false;
	if (port % 8 + bytes <= 8)
		bits[1] = 0;
	return !((bits[0] | bits[1] << 8) >> (port % 8) & ((1u << bytes) - 1));
}

static bool port_allowed(struct vcpu *v, u16 port, u32 bytes)
{
	return v->in_kernel || v->iopl == 3 || bitmap_allows(v, port, bytes);
}

// A 4-byte result clears the upper half of RAX, smaller ones keep the rest.
static void put_rax(struct regs *r, u32 bytes, u32 value)
{
	if (bytes == 4)
		r->rax = value;
	else
		memcpy(&r->rax, &value, bytes);
}

enum emul_result emul_port(struct vcpu *v, struct regs *r,
			   const struct emul_insn *insn)
{
	u16 port = insn->has_imm ? insn->imm : (u16)r->rdx;

	if (!port_allowed(v, port, insn->size))
		return EMUL_UNKNOWN;
	if (insn->op == OP_IN)
		put_rax(r, insn->size, port_read(v->domain, port, insn->size));
	else
		port_write(v->domain, port, insn->size, (u32)r->rax);
	return EMUL_DONE;
}

// ------------------------------------------------------------- string forms

static u64 address_mask(const struct emul_insn *insn)
{
	return insn->addr32 ? 0xffffffffull : ~0ull;
}

// OUTS reads through a segment prefix; INS always writes to ES:RDI.
static u64 segment_base(const struct emul_insn *insn)
{
	if (insn->op == OP_OUTS && insn->segment == SEGMENT_FS)
		return rdmsr(MSR_FS_BASE);
	if (insn->op == OP_OUTS && insn->segment == SEGMENT_GS)
		return rdmsr(MSR_GS_BASE);
	return 0;
}

// Users must not reach what their kernel has mapped for itself: with an open
// gate it is there, and we could read it.
static bool may_reach(const struct vcpu *v, gva_t at)
{
	return v->in_kernel || at < USER_END;
}

// One element. Memory is tried before the port where that is possible: a port
// read that then cannot be stored would be lost.
static bool transfer(struct vcpu *v, gva_t at, u16 port,
		     const struct emul_insn *insn)
{
	u32 value = 0;

	if (!may_reach(v, at))
		return false;
	if (insn->op == OP_OUTS) {
		if (guest_read(&value, at, insn->size))
			return false;
		port_write(v->domain, port, insn->size, value);
		return true;
	}
	if (guest_read(&value, at, insn->size) ||
	    guest_write(at, &value, insn->size))
		return false;
	value = port_read(v->domain, port, insn->size);
	return guest_write(at, &value, insn->size) == 0;
}

// A 32-bit register write clears the upper half, as in hardware.
static void advance(u64 *reg, i64 step, u64 mask)
{
	*reg = (*reg + (u64)step) & mask;
}

// Code of 32 bits has segments with bases, which are not looked at here. No
// program uses string I/O there.
static bool is_flat(const struct vcpu *v, const struct regs *r)
{
	return v->in_kernel || descriptor_is_code64(v, (u16)r->cs);
}

enum emul_result emul_string(struct vcpu *v, struct regs *r,
			     const struct emul_insn *insn)
{
	u64 mask = address_mask(insn), base = segment_base(insn);
	u64 *index = insn->op == OP_INS ? &r->rdi : &r->rsi;
	i64 step = r->rflags & RFLAGS_DF ? -(i64)insn->size : insn->size;
	u16 port = (u16)r->rdx;

	if (!is_flat(v, r) || !port_allowed(v, port, insn->size))
		return EMUL_UNKNOWN;
	for (u32 i = 0; i < STRING_ROUNDS; i++) {
		if (insn->rep && !(r->rcx & mask))
			return EMUL_DONE;
		if (!transfer(v, base + (*index & mask), port, insn)) {
			bounce_page_fault(v, r, base + (*index & mask),
					  (insn->op == OP_INS ? PFEC_W : 0) |
						  PFEC_U);
			return EMUL_BOUNCED;
		}
		advance(index, step, mask);
		if (!insn->rep)
			return EMUL_DONE;
		advance(&r->rcx, -1, mask);
	}
	return EMUL_AGAIN;
}
