// SPDX-License-Identifier: MIT
// uses: src/cpu/emul_decode.c
//
// The decoder of privileged instructions against a table written by hand from
// the manual, cut short at every length, and next to everything it must leave
// alone.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/priv.h"

static const struct {
	const char *name;
	u8 length;
	u8 code[INSN_MAX];
	struct emul_insn want;
} known[] = {
	{"in $0x60, %al",
	 2,
	 {0xe4, 0x60},
	 {.op = OP_IN, .size = 1, .has_imm = true, .imm = 0x60}},
	{"in $0x60, %eax",
	 2,
	 {0xe5, 0x60},
	 {.op = OP_IN, .size = 4, .has_imm = true, .imm = 0x60}},
	{"in %dx, %ax", 2, {0x66, 0xed}, {.op = OP_IN, .size = 2}},
	{"rex.w in %dx, %eax", 3, {0x66, 0x48, 0xed}, {.op = OP_IN, .size = 4}},
	{"rex before 66 does not count",
	 3,
	 {0x48, 0x66, 0xed},
	 {.op = OP_IN, .size = 2}},
	{"out %al, $0x80",
	 2,
	 {0xe6, 0x80},
	 {.op = OP_OUT, .size = 1, .has_imm = true, .imm = 0x80}},
	{"out %eax, %dx", 1, {0xef}, {.op = OP_OUT, .size = 4}},
	{"rep insb", 2, {0xf3, 0x6c}, {.op = OP_INS, .size = 1, .rep = true}},
	{"addr32 rep outsw %gs:",
	 5,
	 {0x65, 0x67, 0xf3, 0x66, 0x6f},
	 {.op = OP_OUTS,
	  .size = 2,
	  .rep = true,
	  .addr32 = true,
	  .segment = 0x65}},
	{"cli", 1, {0xfa}, {.op = OP_CLI}},
	{"sti", 1, {0xfb}, {.op = OP_STI}},
	{"hlt", 1, {0xf4}, {.op = OP_HLT}},
	{"clts", 2, {0x0f, 0x06}, {.op = OP_CLTS}},
	{"invd", 2, {0x0f, 0x08}, {.op = OP_WBINVD}},
	{"wbinvd", 2, {0x0f, 0x09}, {.op = OP_WBINVD}},
	{"wbnoinvd", 3, {0xf3, 0x0f, 0x09}, {.op = OP_WBINVD, .rep = true}},
	{"mov %cr4, %rax",
	 3,
	 {0x0f, 0x20, 0xe0},
	 {.op = OP_READ_CR, .reg = 4, .rm = 0}},
	{"mov %r15, %cr3",
	 4,
	 {0x41, 0x0f, 0x22, 0xdf},
	 {.op = OP_WRITE_CR, .reg = 3, .rm = 15}},
	{"mov %cr8, %rbx",
	 4,
	 {0x44, 0x0f, 0x20, 0xc3},
	 {.op = OP_READ_CR, .reg = 8, .rm = 3}},
	{"mov to cr, mod 0",
	 3,
	 {0x0f, 0x22, 0x05},
	 {.op = OP_WRITE_CR, .reg = 0, .rm = 5}},
	{"mov %db7, %rsi",
	 3,
	 {0x0f, 0x21, 0xfe},
	 {.op = OP_READ_DR, .reg = 7, .rm = 6}},
	{"mov %r8, %db6",
	 4,
	 {0x41, 0x0f, 0x23, 0xf0},
	 {.op = OP_WRITE_DR, .reg = 6, .rm = 8}},
	{"wrmsr", 2, {0x0f, 0x30}, {.op = OP_WRMSR}},
	{"rdtsc", 2, {0x0f, 0x31}, {.op = OP_RDTSC}},
	{"rdmsr", 2, {0x0f, 0x32}, {.op = OP_RDMSR}},
	{"cpuid", 2, {0x0f, 0xa2}, {.op = OP_CPUID}},
	{"xsetbv", 3, {0x0f, 0x01, 0xd1}, {.op = OP_XSETBV}},
	{"rdtscp", 3, {0x0f, 0x01, 0xf9}, {.op = OP_RDTSCP}},
	{"cs cs cli", 3, {0x2e, 0x2e, 0xfa}, {.op = OP_CLI}},
	{"15 bytes",
	 15,
	 {0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e,
	  0x2e, 0x2e, 0x2e, 0xfa},
	 {.op = OP_CLI}},
};

static const struct {
	const char *name;
	u8 length;
	u8 code[INSN_MAX + 2];
} unknown[] = {
	{"nothing", 0, {0}},
	{"lock cli", 2, {0xf0, 0xfa}},
	{"lgdt", 3, {0x0f, 0x01, 0x10}},
	{"swapgs", 3, {0x0f, 0x01, 0xf8}},
	{"vmcall", 3, {0x0f, 0x01, 0xc1}},
	{"rdpmc", 2, {0x0f, 0x33}},
	{"ltr", 3, {0x0f, 0x00, 0xd8}},
	{"mov %eax, %ds", 2, {0x8e, 0xd8}},
	{"int $0x80", 2, {0xcd, 0x80}},
	{"iret", 1, {0xcf}},
	{"ud2", 2, {0x0f, 0x0b}},
	{"16 bytes",
	 16,
	 {0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e,
	  0x2e, 0x2e, 0x2e, 0x2e, 0xfa}},
};

static void known_instructions_decode(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(known); i++) {
		struct emul_insn want = known[i].want, got;

		want.bytes = known[i].length;
		if (!emul_decode(known[i].code, INSN_MAX, &got))
			fail_msg("%s is not known", known[i].name);
		if (got.op != want.op || got.bytes != want.bytes ||
		    got.size != want.size || got.reg != want.reg ||
		    got.rm != want.rm || got.has_imm != want.has_imm ||
		    got.imm != want.imm || got.rep != want.rep ||
		    got.addr32 != want.addr32 || got.segment != want.segment)
			fail_msg("%s decodes wrongly", known[i].name);
	}
}

static void instructions_cut_short_do_not_decode(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(known); i++) {
		struct emul_insn got;

		for (u32 n = 0; n < known[i].length; n++)
			if (emul_decode(known[i].code, n, &got))
				fail_msg("%s decodes from %u bytes",
					 known[i].name, n);
		assert_true(emul_decode(known[i].code, known[i].length, &got));
	}
}

static void other_instructions_do_not_decode(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(unknown); i++) {
		struct emul_insn got;

		if (emul_decode(unknown[i].code, unknown[i].length, &got))
			fail_msg("%s is taken for something", unknown[i].name);
	}
}

// Of all opcodes without prefix, exactly those of the table are known.
static void no_opcode_slips_in(void **state)
{
	u32 one = 0, two = 0;

	for (u32 op = 0; op < 256; op++) {
		u8 code[INSN_MAX] = {(u8)op};
		u8 code0f[INSN_MAX] = {0x0f, (u8)op};
		struct emul_insn got;

		one += emul_decode(code, INSN_MAX, &got);
		two += emul_decode(code0f, INSN_MAX, &got);
	}
	assert_int_equal(one, 15);
	assert_int_equal(two, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_instructions_decode),
		cmocka_unit_test(instructions_cut_short_do_not_decode),
		cmocka_unit_test(other_instructions_do_not_decode),
		cmocka_unit_test(no_opcode_slips_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
