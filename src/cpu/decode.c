// SPDX-License-Identifier: MIT
//
// Instruction forms: MOV, XCHG, CMPXCHG, AND, OR, XOR, BTS, BTR, BTC with a
// memory destination; operand from a register or a constant; one to eight
// bytes; LOCK where it is legal; every 64-bit addressing form. Encodings: Intel
// SDM vol. 2, chapter 2 and appendix A.

#include "cpu/decode.h"

#include "hw/x86.h"

#define RFLAGS_PF 0x4
#define RFLAGS_AF 0x10
#define RFLAGS_ZF 0x40
#define RFLAGS_SF 0x80
#define RFLAGS_OF 0x800
#define ARITHMETIC \
	(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

enum source { SRC_REG, SRC_IMM, SRC_IMM8 };

#define ANY 0xff // the reg field of ModRM is an operand

struct form {
	u16 opcode; // 0x0f00 and up: two bytes
	u8 extension; // reg field, or ANY
	bool byte; // operand size 1
	enum write_op op;
	enum source source;
};

static const struct form forms[] = {
	{0x88, ANY, true, WRITE_MOV, SRC_REG},
	{0x89, ANY, false, WRITE_MOV, SRC_REG},
	{0xc6, 0, true, WRITE_MOV, SRC_IMM},
	{0xc7, 0, false, WRITE_MOV, SRC_IMM},
	{0x86, ANY, true, WRITE_XCHG, SRC_REG},
	{0x87, ANY, false, WRITE_XCHG, SRC_REG},
	{0x08, ANY, true, WRITE_OR, SRC_REG},
	{0x09, ANY, false, WRITE_OR, SRC_REG},
	{0x20, ANY, true, WRITE_AND, SRC_REG},
	{0x21, ANY, false, WRITE_AND, SRC_REG},
	{0x30, ANY, true, WRITE_XOR, SRC_REG},
	{0x31, ANY, false, WRITE_XOR, SRC_REG},
	{0x80, 1, true, WRITE_OR, SRC_IMM8},
	{0x80, 4, true, WRITE_AND, SRC_IMM8},
	{0x80, 6, true, WRITE_XOR, SRC_IMM8},
	{0x81, 1, false, WRITE_OR, SRC_IMM},
	{0x81, 4, false, WRITE_AND, SRC_IMM},
	{0x81, 6, false, WRITE_XOR, SRC_IMM},
	{0x83, 1, false, WRITE_OR, SRC_IMM8},
	{0x83, 4, false, WRITE_AND, SRC_IMM8},
	{0x83, 6, false, WRITE_XOR, SRC_IMM8},
	{0x0fb0, ANY, true, WRITE_CMPXCHG, SRC_REG},
	{0x0fb1, ANY, false, WRITE_CMPXCHG, SRC_REG},
	{0x0fab, ANY, false, WRITE_BTS, SRC_REG},
	{0x0fb3, ANY, false, WRITE_BTR, SRC_REG},
	{0x0fbb, ANY, false, WRITE_BTC, SRC_REG},
	{0x0fba, 5, false, WRITE_BTS, SRC_IMM8},
	{0x0fba, 6, false, WRITE_BTR, SRC_IMM8},
	{0x0fba, 7, false, WRITE_BTC, SRC_IMM8},
};

// Bytes still to be read. After the end all reads give 0 and `over` is set.
struct cursor {
	const u8 *code;
	size_t at, n;
	bool over;
};

static u8 next(struct cursor *c)
{
	if (c->at < c->n)
		return c->code[c->at++];
	c->over = true;
	return 0;
}

static i64 next_signed(struct cursor *c, u32 bytes)
{
	u64 v = 0;

	for (u32 i = 0; i < bytes; i++)
		v |= (u64)next(c) << (8 * i);
	switch (bytes) {
	case 1:
		return (int8_t)v;
	case 2:
		return (int16_t)v;
	default:
		return (i32)v;
	}
}

struct prefixes {
	bool word, lock, refused;
	u8 rex; // 0: none
	u16 opcode;
};

// Reads up to and including the opcode.
static struct prefixes read_prefixes(struct cursor *c)
{
	struct prefixes p = {0};

	for (;;) {
		u8 b = next(c);

		switch (b) {
		case 0x26: // segments that do not matter in 64-bit mode
		case 0x2e:
		case 0x36:
		case 0x3e:
			break;
		case 0x66:
			p.word = true;
			break;
		case 0xf0:
			p.lock = true;
			break;
		case 0x64: // FS, GS, address size, REPNE, REP
		case 0x65:
		case 0x67:
		case 0xf2:
		case 0xf3:
			p.refused = true;
			return p;
		case 0x40 ... 0x4f:
			p.rex = b;
			continue;
		default:
			p.opcode = b == 0x0f ? (u16)(0x0f00 | next(c)) : b;
			return p;
		}
		p.rex = 0; // REX counts only right before the opcode
	}
}

static const struct form *find_form(u16 opcode, u8 extension)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (forms[i].opcode == opcode &&
		    (forms[i].extension == ANY ||
		     forms[i].extension == extension))
			return &forms[i];
	return NULL;
}

const u8 register_offset[16] = {
	offsetof(struct regs, rax), offsetof(struct regs, rcx),
	offsetof(struct regs, rdx), offsetof(struct regs, rbx),
	offsetof(struct regs, rsp), offsetof(struct regs, rbp),
	offsetof(struct regs, rsi), offsetof(struct regs, rdi),
	offsetof(struct regs, r8),  offsetof(struct regs, r9),
	offsetof(struct regs, r10), offsetof(struct regs, r11),
	offsetof(struct regs, r12), offsetof(struct regs, r13),
	offsetof(struct regs, r14), offsetof(struct regs, r15),
};

static u64 read_register(const struct regs *r, u8 number)
{
	return *(const u64 *)(const void *)((const char *)r +
					    register_offset[number & 15]);
}

static u64 size_mask(u8 size)
{
	return size == 8 ? ~0ull : BIT(8 * size) - 1;
}

struct operand {
	u64 address; // without RIP
	bool rip_relative;
};

static u64 read_sib(struct cursor *c, u8 mod, u8 rex, const struct regs *r)
{
	u8 sib = next(c);
	u8 index = (u8)((sib >> 3 & 7) | (rex & 2) << 2);
	u8 base = (u8)((sib & 7) | (rex & 1) << 3);
	u64 address = 0;

	if (index != 4)
		address = read_register(r, index) << (sib >> 6);
	if ((sib & 7) == 5 && mod == 0)
		return address + (u64)next_signed(c, 4);
	return address + read_register(r, base);
}

static struct operand read_operand(struct cursor *c, u8 modrm, u8 rex,
				   const struct regs *r)
{
	u8 mod = modrm >> 6;
	u8 rm = modrm & 7;
	struct operand o = {0};

	if (rm == 4) {
		o.address = read_sib(c, mod, rex, r);
	} else if (mod == 0 && rm == 5) {
		o.address = (u64)next_signed(c, 4);
		o.rip_relative = true;
	} else {
		o.address = read_register(r, (u8)(rm | (rex & 1) << 3));
	}
	if (mod == 1)
		o.address += (u64)next_signed(c, 1);
	else if (mod == 2)
		o.address += (u64)next_signed(c, 4);
	return o;
}

static u8 operand_size(const struct form *f, const struct prefixes *p)
{
	if (f->byte)
		return 1;
	if (p->rex & 8)
		return 8;
	return p->word ? 2 : 4;
}

static u64 read_source(struct write_insn *w, const struct form *f,
		       struct cursor *c, const struct regs *r)
{
	u64 v;

	if (f->source == SRC_IMM8)
		return (u64)next_signed(c, 1);
	if (f->source == SRC_IMM)
		return (u64)next_signed(c, min(w->size, (u8)4));
	v = read_register(r, w->high_byte ? w->reg - 4 : w->reg);
	return w->high_byte ? v >> 8 : v;
}

// A bit number in a register may reach beyond the operand, in both directions.
static void resolve_bit(struct write_insn *w, const struct form *f)
{
	i64 bits = 8 * w->size;
	i64 bit = (i64)(w->source << (64 - bits)) >> (64 - bits);

	if (f->source == SRC_REG)
		w->address += (u64)((bit & ~(bits - 1)) / 8);
	w->source = BIT(bit & (bits - 1));
}

static bool is_bit_op(enum write_op op)
{
	return op == WRITE_BTS || op == WRITE_BTR || op == WRITE_BTC;
}

bool decode_write(struct write_insn *w, const u8 *code, size_t n,
		  const struct regs *r)
{
	struct cursor c = {.code = code, .n = min(n, (size_t)INSN_MAX)};
	struct prefixes p = read_prefixes(&c);
	const struct form *f;
	struct operand o;
	u8 modrm;

	if (p.refused)
		return false;
	modrm = next(&c);
	f = find_form(p.opcode, modrm >> 3 & 7);
	if (!f || modrm >> 6 == 3 || (p.lock && f->op == WRITE_MOV))
		return false;
	o = read_operand(&c, modrm, p.rex, r);
	*w = (struct write_insn){.op = f->op, .size = operand_size(f, &p)};
	w->reg = (u8)((modrm >> 3 & 7) | (p.rex & 4) << 1);
	w->high_byte = f->byte && !p.rex && w->reg >= 4;
	w->source = read_source(w, f, &c, r) & size_mask(w->size);
	w->length = (u8)c.at;
	w->address = o.address + (o.rip_relative ? r->rip + c.at : 0);
	if (is_bit_op(w->op))
		resolve_bit(w, f);
	return !c.over;
}

// Four-byte writes to a register clear its upper half, shorter ones keep it.
static void write_register(const struct write_insn *w, u8 number, bool high,
			   struct regs *r, u64 value)
{
	u64 *reg = register_of(r, high ? number - 4 : number);

	if (w->size >= 4)
		*reg = value;
	else if (high)
		*reg = (*reg & ~0xff00ull) | value << 8;
	else
		*reg = (*reg & ~size_mask(w->size)) | value;
}

static u64 result_flags(u64 result, u8 size)
{
	u64 flags = 0;

	if (!__builtin_parity((u32)result & 0xff))
		flags |= RFLAGS_PF;
	if (result == 0)
		flags |= RFLAGS_ZF;
	if (result >> (8 * size - 1) & 1)
		flags |= RFLAGS_SF;
	return flags;
}

// Flags of a - b.
static u64 compare_flags(u64 a, u64 b, u8 size)
{
	u64 diff = (a - b) & size_mask(size);
	u64 flags = result_flags(diff, size);

	if (a < b)
		flags |= RFLAGS_CF;
	if ((a ^ b ^ diff) & 0x10)
		flags |= RFLAGS_AF;
	if (((a ^ b) & (a ^ diff)) >> (8 * size - 1) & 1)
		flags |= RFLAGS_OF;
	return flags;
}

static void set_flags(struct regs *r, u64 which, u64 flags)
{
	r->rflags = (r->rflags & ~which) | flags;
}

static u64 compare_exchange(const struct write_insn *w, u64 old, struct regs *r)
{
	u64 expected = r->rax & size_mask(w->size);

	set_flags(r, ARITHMETIC, compare_flags(expected, old, w->size));
	if (expected == old)
		return w->source;
	write_register(w, 0, false, r, old);
	return old;
}

static u64 logic(const struct write_insn *w, u64 old, struct regs *r)
{
	u64 new = old ^ w->source;

	if (w->op == WRITE_AND)
		new = old & w->source;
	else if (w->op == WRITE_OR)
		new = old | w->source;
	set_flags(r, ARITHMETIC, result_flags(new, w->size));
	return new;
}

static u64 change_bit(const struct write_insn *w, u64 old, struct regs *r)
{
	set_flags(r, RFLAGS_CF, old & w->source ? RFLAGS_CF : 0);
	if (w->op == WRITE_BTS)
		return old | w->source;
	return w->op == WRITE_BTR ? old & ~w->source : old ^ w->source;
}

u64 decode_execute(const struct write_insn *w, u64 old, struct regs *r)
{
	r->rip += w->length;
	r->rflags &= ~(u64)RFLAGS_RF;
	switch (w->op) {
	case WRITE_MOV:
		return w->source;
	case WRITE_XCHG:
		write_register(w, w->reg, w->high_byte, r, old);
		return w->source;
	case WRITE_CMPXCHG:
		return compare_exchange(w, old, r);
	case WRITE_AND:
	case WRITE_OR:
	case WRITE_XOR:
		return logic(w, old, r);
	default:
		return change_bit(w, old, r);
	}
}
