// SPDX-License-Identifier: MIT
//
// Decoder of the few instructions that trap in a guest kernel because it does
// not run in ring 0, and of port accesses. Pure: bytes in, structure out. What
// it does not know is not emulated.
//
// Programs in 32-bit code get here too, for port accesses. The prefixes that
// mean something else to them, 0x40 to 0x4f, are instructions there that do
// not trap, so they never stand first in what trapped.
#include "cpu/priv.h"

#define MAP_0F 0x100u // opcodes after the byte 0x0f
#define REX_B 1u
#define REX_R 4u
#define REX_W 8u

enum form {
	PLAIN,
	IMM8, // one byte follows, a port number
	MODRM, // reg and rm are registers (or reg a control register)
};

// The operand's size: one byte, or what prefixes say, or does not matter.
enum width { NONE, BYTE, WORD_LONG };

struct opcode {
	u16 code;
	u8 op, form, width;
};

static const struct opcode opcodes[] = {
	{0x6c, OP_INS, PLAIN, BYTE},
	{0x6d, OP_INS, PLAIN, WORD_LONG},
	{0x6e, OP_OUTS, PLAIN, BYTE},
	{0x6f, OP_OUTS, PLAIN, WORD_LONG},
	{0xe4, OP_IN, IMM8, BYTE},
	{0xe5, OP_IN, IMM8, WORD_LONG},
	{0xe6, OP_OUT, IMM8, BYTE},
	{0xe7, OP_OUT, IMM8, WORD_LONG},
	{0xec, OP_IN, PLAIN, BYTE},
	{0xed, OP_IN, PLAIN, WORD_LONG},
	{0xee, OP_OUT, PLAIN, BYTE},
	{0xef, OP_OUT, PLAIN, WORD_LONG},
	{0xf4, OP_HLT, PLAIN, NONE},
	{0xfa, OP_CLI, PLAIN, NONE},
	{0xfb, OP_STI, PLAIN, NONE},
	{MAP_0F | 0x06, OP_CLTS, PLAIN, NONE},
	{MAP_0F | 0x08, OP_WBINVD, PLAIN, NONE},
	{MAP_0F | 0x09, OP_WBINVD, PLAIN, NONE},
	{MAP_0F | 0x20, OP_READ_CR, MODRM, NONE},
	{MAP_0F | 0x21, OP_READ_DR, MODRM, NONE},
	{MAP_0F | 0x22, OP_WRITE_CR, MODRM, NONE},
	{MAP_0F | 0x23, OP_WRITE_DR, MODRM, NONE},
	{MAP_0F | 0x30, OP_WRMSR, PLAIN, NONE},
	{MAP_0F | 0x31, OP_RDTSC, PLAIN, NONE},
	{MAP_0F | 0x32, OP_RDMSR, PLAIN, NONE},
	{MAP_0F | 0xa2, OP_CPUID, PLAIN, NONE},
};

// Three-byte opcodes 0f 01 xx.
static const struct {
	u8 third, op;
} group_0f01[] = {
	{0xd1, OP_XSETBV},
	{0xf9, OP_RDTSCP},
};

// A walk over the bytes; past the end everything reads 0 and `ok` is false.
struct cursor {
	const u8 *code;
	u32 length, at;
	bool ok;
};

static u8 next(struct cursor *c)
{
	if (c->at >= c->length) {
		c->ok = false;
		return 0;
	}
	return c->code[c->at++];
}

struct prefixes {
	bool operand16, address32, rep;
	u8 segment, rex;
};

// False for a byte that is no prefix. A REX counts only right before the
// opcode, and LOCK is illegal with all of our instructions.
static bool take_prefix(struct prefixes *p, u8 byte)
{
	if ((byte & 0xf0) == 0x40) {
		p->rex = byte;
		return true;
	}
	switch (byte) {
	case 0x66:
		p->operand16 = true;
		break;
	case 0x67:
		p->address32 = true;
		break;
	case 0xf2:
	case 0xf3:
		p->rep = true;
		break;
	case 0x64:
	case 0x65:
		p->segment = byte;
		break;
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		break; // no meaning in 64-bit code
	default:
		return false;
	}
	p->rex = 0;
	return true;
}

static enum emul_op find_0f01(u8 third)
{
	for (u32 i = 0; i < ARRAY_SIZE(group_0f01); i++)
		if (group_0f01[i].third == third)
			return group_0f01[i].op;
	return OP_NONE;
}

static const struct opcode *find(u16 code)
{
	for (u32 i = 0; i < ARRAY_SIZE(opcodes); i++)
		if (opcodes[i].code == code)
			return &opcodes[i];
	return NULL;
}

// Both operands are registers whatever the top bits of ModRM say.
static void take_modrm(struct emul_insn *insn, u8 modrm, u8 rex)
{
	insn->reg = (u8)((modrm >> 3 & 7) | (rex & REX_R ? 8 : 0));
	insn->rm = (u8)((modrm & 7) | (rex & REX_B ? 8 : 0));
}

static u8 operand_size(enum width width, const struct prefixes *p)
{
	if (width == NONE)
		return 0;
	if (width == BYTE)
		return 1;
	return p->operand16 && !(p->rex & REX_W) ? 2 : 4;
}

static bool take_operands(struct emul_insn *insn, struct cursor *c, u16 code,
			  const struct prefixes *p)
{
	const struct opcode *o = find(code);

	if (code == (MAP_0F | 0x01)) {
		insn->op = find_0f01(next(c));
		return insn->op != OP_NONE;
	}
	if (!o)
		return false;
	insn->op = o->op;
	insn->size = operand_size(o->width, p);
	if (o->form == MODRM)
		take_modrm(insn, next(c), p->rex);
	insn->has_imm = o->form == IMM8;
	if (insn->has_imm)
		insn->imm = next(c);
	return true;
}

bool emul_decode(const u8 *code, u32 length, struct emul_insn *insn)
{
	struct cursor c = {code, min(length, (u32)INSN_MAX), 0, true};
	struct prefixes p = {0};
	u16 opcode;
	u8 byte;

	*insn = (struct emul_insn){0};
	do
		byte = next(&c);
	while (c.ok && take_prefix(&p, byte));
	opcode = byte == 0x0f ? (u16)(MAP_0F | next(&c)) : byte;
	if (!take_operands(insn, &c, opcode, &p) || !c.ok)
		return false;
	insn->rep = p.rep;
	insn->addr32 = p.address32;
	insn->segment = p.segment;
	insn->bytes = (u8)c.at;
	return true;
}
