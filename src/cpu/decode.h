// SPDX-License-Identifier: MIT
//
// A decoder for the instructions with which kernels write page-table entries,
// and for nothing else. It looks at bytes and registers only, so all of it runs
// in host tests and under the fuzzer.
#pragma once

#include "cpu/regs.h"
#include "lib/types.h"

#define INSN_MAX 15 // bytes

enum write_op {
	WRITE_MOV,
	WRITE_XCHG,
	WRITE_CMPXCHG,
	WRITE_AND,
	WRITE_OR,
	WRITE_XOR,
	WRITE_BTS,
	WRITE_BTR,
	WRITE_BTC,
};

// One instruction that stores to memory.
struct write_insn {
	enum write_op op;
	u8 length; // of the instruction, bytes
	u8 size; // of the operand: 1, 2, 4 or 8 bytes
	u8 reg; // register operand 0..15
	bool high_byte; // it is AH, CH, DH or BH
	u64 address; // of the memory operand
	u64 source; // value of the register or constant; bit mask for BT*
};

// Where a frame has registers, by the number that encodings use.
extern const u8 register_offset[16];

static inline u64 *register_of(struct regs *r, u8 number)
{
	return (u64 *)(void *)((char *)r + register_offset[number & 15]);
}

// XCHG of eight bytes at a plain register's address: how Linux takes an entry
// away, and so nine in ten of all. True if code, from the lowest byte up,
// begins with it: the numbers of the register exchanged and that of the
// address.
#define PLAIN_XCHG_BYTES 3
static inline bool decode_plain_xchg(u64 code, u8 *reg, u8 *base)
{
	u8 rex = (u8)code, modrm = (u8)(code >> 16), rm = modrm & 7;

	*reg = (u8)((modrm >> 3) | (rex & 4) << 1);
	*base = (u8)(rm | (rex & 1) << 3);
	return (code & 0xc0fff8) == 0x8748 && rm != 4 && rm != 5;
}

// Decodes code (n bytes of it are there) with the registers r. False for any
// other instruction, for FS, GS and 32-bit addresses, and when n is too small.
bool must_check decode_write(struct write_insn *w, const u8 *code, size_t n,
			     const struct regs *r);
// What the instruction stores over `old` (both w->size bytes, zero-extended).
// Registers and flags in r become what they are afterwards, RIP included. A
// CMPXCHG that does not match returns old.
u64 must_check decode_execute(const struct write_insn *w, u64 old,
			      struct regs *r);
