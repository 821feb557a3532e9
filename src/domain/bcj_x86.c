// SPDX-License-Identifier: MIT
//
// Undoes the x86 filter. It knows nothing of instructions: each byte E8 or E9
// is taken for a call or jump if the operand behind it looks like one, that
// is, if its last byte is 00 or FF. Bytes taken for an opcode in vain make
// those close behind them doubtful; packer and unpacker keep the same book.
#include "domain/bcj_x86.h"
#include "lib/string.h"

#define OPERAND_BYTES 4
#define INSTRUCTION_BYTES 5
#define EACH_BYTE 0x0101010101010101ull

// Targets are 25 bits wide; the last bit is the sign.
#define TARGET_SIGN 0x01000000u
#define TARGET_MASK 0x01ffffffu

static bool is_sign(u8 b)
{
	return b == 0x00 || b == 0xff;
}

// Offset of the next E8 or E9 at or behind `at`, or end. Eight bytes at once:
// most have none.
static size_t next_opcode(const u8 *code, size_t at, size_t end)
{
	for (; at + sizeof(u64) <= end; at += sizeof(u64)) {
		u64 word, zero;

		memcpy(&word, code + at, sizeof(word));
		word = (word ^ 0xe8 * EACH_BYTE) & 0xfe * EACH_BYTE;
		// The lowest bit set belongs to the first byte that is zero.
		zero = (word - EACH_BYTE) & ~word & 0x80 * EACH_BYTE;
		if (zero)
			return at + (u32)__builtin_ctzll(zero) / 8;
	}
	while (at < end && (code[at] & 0xfe) != 0xe8)
		at++;
	return at;
}

// `vain` has bit n when the byte n before this opcode was taken for one, n
// from 1 to 3. With two of them, or one whose operand would have ended in a
// sign here, the packer left the operand alone.
static bool has_target(const u8 *opcode, u32 vain)
{
	if (!is_sign(opcode[OPERAND_BYTES]) || (vain & (vain - 1)))
		return false;
	return !vain || !is_sign(opcode[OPERAND_BYTES - __builtin_ctz(vain)]);
}

// An operand whose byte that decides about the opcode in vain would become a
// sign was turned inside out below it by the packer, so that the unpacker sees
// none there. Twice never: what comes out is the operand's complement.
static u32 relative(u32 target, u32 position, u32 vain)
{
	u32 value = target - position;

	if (vain) {
		u32 shift = 24 - 8 * (u32)__builtin_ctz(vain);

		if (is_sign((u8)(value >> shift)))
			value = (value ^ ((1u << (shift + 8)) - 1)) - position;
	}
	return (value & TARGET_MASK) | -(value & TARGET_SIGN);
}

void bcj_x86_decode(u8 *code, size_t bytes)
{
	size_t end = bytes < INSTRUCTION_BYTES ? 0 : bytes - OPERAND_BYTES;
	size_t last = 0;
	u32 vain = 0, operand;

	for (size_t at = next_opcode(code, 0, end); at < end;
	     at = next_opcode(code, at, end)) {
		vain = at - last > 3 ? 0 : vain << (at - last) & 0xe;
		last = at;
		if (has_target(code + at, vain)) {
			memcpy(&operand, code + at + 1, sizeof(operand));
			operand = relative(operand, (u32)at + INSTRUCTION_BYTES,
					   vain);
			memcpy(code + at + 1, &operand, sizeof(operand));
			vain = 0;
			at += INSTRUCTION_BYTES;
		} else {
			vain |= 1;
			at++;
		}
	}
}
