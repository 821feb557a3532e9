// SPDX-License-Identifier: MIT
// uses: src/cpu/decode.c
//
// The decoder of page-table writes against the best oracle there is: the
// processor. Each form is made with random operands, run natively on a buffer,
// and decoded and executed on a copy; memory, registers and flags must agree.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "cpu/decode.h"
#include "hw/x86.h"

#define FLAG_ZF 0x40ull
#define FLAG_CF 0x1ull
#define LOGIC_FLAGS 0x8c5ull // OF SF ZF PF CF; AF is undefined
#define ALL_FLAGS 0x8d5ull

struct regs native_regs;
void *native_code;
void native_run(void);

// Loads all registers but RSP, calls native_code, stores them back.
asm(".text\n"
    "native_run:\n"
    "	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "	mov native_regs+0(%rip), %r15; mov native_regs+8(%rip), %r14\n"
    "	mov native_regs+16(%rip), %r13; mov native_regs+24(%rip), %r12\n"
    "	mov native_regs+32(%rip), %rbp; mov native_regs+40(%rip), %rbx\n"
    "	mov native_regs+48(%rip), %r11; mov native_regs+56(%rip), %r10\n"
    "	mov native_regs+64(%rip), %r9; mov native_regs+72(%rip), %r8\n"
    "	mov native_regs+88(%rip), %rcx; mov native_regs+96(%rip), %rdx\n"
    "	mov native_regs+104(%rip), %rsi; mov native_regs+112(%rip), %rdi\n"
    "	pushq native_regs+144(%rip); popfq\n"
    "	mov native_regs+80(%rip), %rax\n"
    "	call *native_code(%rip)\n"
    "	mov %r15, native_regs+0(%rip); mov %r14, native_regs+8(%rip)\n"
    "	mov %r13, native_regs+16(%rip); mov %r12, native_regs+24(%rip)\n"
    "	mov %rbp, native_regs+32(%rip); mov %rbx, native_regs+40(%rip)\n"
    "	mov %r11, native_regs+48(%rip); mov %r10, native_regs+56(%rip)\n"
    "	mov %r9, native_regs+64(%rip); mov %r8, native_regs+72(%rip)\n"
    "	mov %rax, native_regs+80(%rip); mov %rcx, native_regs+88(%rip)\n"
    "	mov %rdx, native_regs+96(%rip); mov %rsi, native_regs+104(%rip)\n"
    "	mov %rdi, native_regs+112(%rip)\n"
    "	pushfq; popq native_regs+144(%rip)\n"
    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "	ret\n");

#define DATA_BYTES 1024
static u8 *code, *data; // one page each, neighbours

static int map_pages(void **state)
{
	code = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	data = code + PAGE_SIZE;
	return code == MAP_FAILED;
}

static u64 seed = 88172645463325252ull;

static u64 random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 2685821657736338717ull;
}

static u64 below(u64 n)
{
	return random64() % n;
}

static u64 *reg_at(struct regs *r, u32 n)
{
	u64 *all[16] = {&r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp,
			&r->rsi, &r->rdi, &r->r8,  &r->r9,  &r->r10, &r->r11,
			&r->r12, &r->r13, &r->r14, &r->r15};

	return all[n];
}

struct form {
	const char *name;
	u8 opcode[2];
	u8 opcode_bytes;
	int extension; // -1: a register operand
	bool byte;
	u8 imm; // bytes; 4 means operand size up to 4
	bool lock;
	u64 flags; // that are defined afterwards
};

static const struct form forms[] = {
	{"mov r8", {0x88}, 1, -1, true, 0, false, ALL_FLAGS},
	{"mov r", {0x89}, 1, -1, false, 0, false, ALL_FLAGS},
	{"mov imm8", {0xc6}, 1, 0, true, 1, false, ALL_FLAGS},
	{"mov imm", {0xc7}, 1, 0, false, 4, false, ALL_FLAGS},
	{"xchg r8", {0x86}, 1, -1, true, 0, true, ALL_FLAGS},
	{"xchg r", {0x87}, 1, -1, false, 0, true, ALL_FLAGS},
	{"cmpxchg r8", {0x0f, 0xb0}, 2, -1, true, 0, true, ALL_FLAGS},
	{"cmpxchg r", {0x0f, 0xb1}, 2, -1, false, 0, true, ALL_FLAGS},
	{"or r8", {0x08}, 1, -1, true, 0, true, LOGIC_FLAGS},
	{"or r", {0x09}, 1, -1, false, 0, true, LOGIC_FLAGS},
	{"and r8", {0x20}, 1, -1, true, 0, true, LOGIC_FLAGS},
	{"and r", {0x21}, 1, -1, false, 0, true, LOGIC_FLAGS},
	{"xor r8", {0x30}, 1, -1, true, 0, true, LOGIC_FLAGS},
	{"xor r", {0x31}, 1, -1, false, 0, true, LOGIC_FLAGS},
	{"or8 imm8", {0x80}, 1, 1, true, 1, true, LOGIC_FLAGS},
	{"and8 imm8", {0x80}, 1, 4, true, 1, true, LOGIC_FLAGS},
	{"xor8 imm8", {0x80}, 1, 6, true, 1, true, LOGIC_FLAGS},
	{"or imm", {0x81}, 1, 1, false, 4, true, LOGIC_FLAGS},
	{"and imm", {0x81}, 1, 4, false, 4, true, LOGIC_FLAGS},
	{"xor imm", {0x81}, 1, 6, false, 4, true, LOGIC_FLAGS},
	{"or imm8", {0x83}, 1, 1, false, 1, true, LOGIC_FLAGS},
	{"and imm8", {0x83}, 1, 4, false, 1, true, LOGIC_FLAGS},
	{"xor imm8", {0x83}, 1, 6, false, 1, true, LOGIC_FLAGS},
	{"bts r", {0x0f, 0xab}, 2, -1, false, 0, true, FLAG_CF | FLAG_ZF},
	{"btr r", {0x0f, 0xb3}, 2, -1, false, 0, true, FLAG_CF | FLAG_ZF},
	{"btc r", {0x0f, 0xbb}, 2, -1, false, 0, true, FLAG_CF | FLAG_ZF},
	{"bts imm", {0x0f, 0xba}, 2, 5, false, 1, true, FLAG_CF | FLAG_ZF},
	{"btr imm", {0x0f, 0xba}, 2, 6, false, 1, true, FLAG_CF | FLAG_ZF},
	{"btc imm", {0x0f, 0xba}, 2, 7, false, 1, true, FLAG_CF | FLAG_ZF},
};

static bool bit_by_register(const struct form *f)
{
	return f->extension < 0 && f->flags == (FLAG_CF | FLAG_ZF);
}

// Builds one instruction at code[]; returns its length.
static u32 build(const struct form *f, struct regs *r)
{
	bool word = !f->byte && below(4) == 0;
	u8 rex = below(4) ? 0x40 | (u8)below(16) : 0;
	u32 size = f->byte ? 1 : rex & 8 ? 8 : word ? 2 : 4;
	u64 target = (u64)data + 256 + below(512 / size) * size;
	u8 reg = f->extension < 0 ? (u8)below(8) : (u8)f->extension;
	u32 mode = (u32)below(4); // RIP, base, base + index, index alone
	u8 mod = mode == 1 || mode == 2 ? (u8)below(3) : 0;
	u32 full_reg = reg | (rex & 4 ? 8 : 0);
	u32 base, index, scale = 0, n = 0, at_disp = 0;
	i64 disp = mod == 1 ? (int8_t)random64() : (i32)random64();

	if (below(8) == 0)
		code[n++] = 0x3e; // DS: means nothing
	if (word)
		code[n++] = 0x66;
	if (f->lock && below(2))
		code[n++] = 0xf0;
	if (rex)
		code[n++] = rex;
	memcpy(&code[n], f->opcode, f->opcode_bytes);
	n += f->opcode_bytes;

	do
		base = (u32)below(8);
	while ((base | (rex & 1 ? 8 : 0)) == 4 || (base & 7) == 4 ||
	       (mod == 0 && (base & 7) == 5));
	do
		index = (u32)below(8);
	while (index == 4 && !(rex & 2));
	if (mode == 0) {
		code[n++] = (u8)(reg << 3 | 5);
		at_disp = n;
		n += 4;
	} else if (mode == 1) {
		code[n++] = (u8)(mod << 6 | reg << 3 | base);
	} else {
		code[n++] = (u8)(mod << 6 | reg << 3 | 4);
		scale = (u32)below(4);
		code[n++] =
			(u8)(scale << 6 | index << 3 | (mode == 3 ? 5 : base));
	}
	base |= rex & 1 ? 8 : 0;
	index |= rex & 2 ? 8 : 0;
	if (mod == 0 && mode != 3)
		disp = 0;
	if (mod == 1) {
		code[n++] = (u8)disp;
	} else if (mod == 2 || mode == 3) {
		memcpy(&code[n], &(i32){(i32)disp}, 4);
		n += 4;
	}
	if (mode == 2 || mode == 3) {
		if (mode == 3) { // index * scale + disp has to be exact
			*reg_at(r, index) = (target - (u64)disp) >> scale;
			target = (*reg_at(r, index) << scale) + (u64)disp;
		} else if (index == base) {
			*reg_at(r, index) =
				(target - (u64)disp) / ((1u << scale) + 1);
		} else {
			*reg_at(r, base) = target - (u64)disp -
					   (*reg_at(r, index) << scale);
		}
	} else if (mode == 1) {
		*reg_at(r, base) = target - (u64)disp;
	}
	for (u32 i = 0; i < (f->imm == 4 && size == 2 ? 2 : f->imm); i++)
		code[n++] = (u8)random64();
	if (mode == 0) {
		i32 d = (i32)(target - ((u64)code + n));

		memcpy(&code[at_disp], &d, 4);
	}
	if (bit_by_register(f) && full_reg != 4) {
		bool addresses = (mode == 1 && full_reg == base) ||
				 (mode >= 2 && full_reg == index) ||
				 (mode == 2 && full_reg == base);

		if (!addresses) // up to 32 bytes either way
			*reg_at(r, full_reg) = below(512) - 256;
	}
	code[n] = 0xc3;
	return n;
}

static bool uses_rsp(const struct form *f)
{
	// RSP cannot be chosen in a native run.
	struct regs a = {0}, b = {.rsp = 1 << 20};
	struct write_insn x, y;

	if (!decode_write(&x, code, 15, &a) || !decode_write(&y, code, 15, &b))
		return false;
	return x.reg == 4 || x.address != y.address;
}

static void fill_random(struct regs *r)
{
	for (u32 i = 0; i < 16; i++)
		*reg_at(r, i) = below(4) ? random64() : below(256);
	r->rflags = 0x202 | (random64() & ALL_FLAGS);
	for (u32 i = 0; i < DATA_BYTES; i++)
		data[i] = (u8)random64();
}

static bool one(const struct form *f)
{
	struct regs r, before;
	struct write_insn w;
	u8 copy[DATA_BYTES];
	u64 old = 0, new, off;
	u32 n;

	fill_random(&r);
	n = build(f, &r);
	r.rip = (u64)code;
	if (uses_rsp(f))
		return false;
	assert_true(decode_write(&w, code, INSN_MAX, &r));
	assert_int_equal(w.length, n);
	off = w.address - (u64)data;
	if (off >= DATA_BYTES - 8) // index == base: not where we wanted it
		return false;
	if (f->opcode[1] == 0xb0 || f->opcode[1] == 0xb1)
		if (below(2)) // let some CMPXCHGs match
			memcpy(&data[off], &r.rax, w.size);
	memcpy(copy, data, sizeof(copy));
	before = r;

	native_regs = r;
	native_code = code;
	native_run();

	memcpy(&old, &copy[off], w.size);
	new = decode_execute(&w, old, &r);
	memcpy(&copy[off], &new, w.size);
	assert_memory_equal(copy, data, sizeof(copy));
	for (u32 i = 0; i < 16; i++)
		if (i != 4)
			assert_int_equal(*reg_at(&r, i),
					 *reg_at(&native_regs, i));
	assert_int_equal(r.rflags & f->flags, native_regs.rflags & f->flags);
	assert_int_equal(r.rip, before.rip + n);
	return true;
}

static void as_the_processor_does(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(forms); i++) {
		u32 done = 0;

		for (u32 j = 0; j < 4000; j++)
			done += one(&forms[i]);
		assert_true(done > 1000);
	}
}

static struct write_insn must_decode(const char *bytes, size_t n,
				     const struct regs *r)
{
	struct write_insn w;

	assert_true(decode_write(&w, (const u8 *)bytes, n, r));
	assert_int_equal(w.length, n);
	return w;
}

#define DECODE(bytes, r) must_decode(bytes, sizeof(bytes) - 1, r)

// What Linux uses, as its compiler emits it.
static void as_linux_writes(void **state)
{
	struct regs r = {.rdi = 0x1000, .rax = 7, .rsp = 0x2000, .r8 = 0x3000};
	struct write_insn w;

	w = DECODE("\x48\x87\x07", &r); // xchg %rax, (%rdi)
	assert_int_equal(w.op, WRITE_XCHG);
	assert_int_equal(w.size, 8);
	assert_int_equal(w.address, 0x1000);
	assert_int_equal(w.source, 7);
	w = DECODE("\xf0\x80\x27\xfd", &r); // lock andb $0xfd, (%rdi)
	assert_int_equal(w.op, WRITE_AND);
	assert_int_equal(w.size, 1);
	assert_int_equal(w.source, 0xfd);
	w = DECODE("\xf0\x41\x80\x20\xfd", &r); // lock andb $0xfd, (%r8)
	assert_int_equal(w.address, 0x3000);
	w = DECODE("\xf0\x48\x0f\xba\x37\x05", &r); // lock btrq $5, (%rdi)
	assert_int_equal(w.op, WRITE_BTR);
	assert_int_equal(w.source, 0x20);
	w = DECODE("\x48\x89\x44\x24\x08", &r); // mov %rax, 8(%rsp)
	assert_int_equal(w.address, 0x2008);
	w = DECODE("\xf0\x48\x0f\xb1\x0f", &r); // lock cmpxchg %rcx, (%rdi)
	assert_int_equal(w.op, WRITE_CMPXCHG);
	w = DECODE("\x48\xc7\x07\x00\x00\x00\x80", &r); // movq $imm, (%rdi)
	assert_int_equal(w.source, 0xffffffff80000000);
}

static void refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
#define BAD(s) {s, sizeof(s) - 1}
		BAD("\x48\x8b\x07"), // a load
		BAD("\x48\x89\xc7"), // to a register
		BAD("\xf0\x48\x89\x07"), // LOCK MOV
		BAD("\xf0\xc7\x07\x00\x00\x00\x00"),
		BAD("\x64\x48\x89\x07"), // FS:
		BAD("\x65\x48\x89\x07"), // GS:
		BAD("\x67\x48\x89\x07"), // 32-bit address
		BAD("\xf3\xa4"), // REP MOVSB
		BAD("\xf2\x48\x87\x07"),
		BAD("\x0f\xc7\x0f"), // CMPXCHG8B
		BAD("\x48\x01\x07"), // ADD
		BAD("\x81\x07\x00\x00\x00\x00"), // ADD
		BAD("\x0f\xba\x27\x05"), // BT does not write
		BAD("\xc6\x4f\x00\x00"), // no such extension
		BAD("\x0f\x29\x07"), // MOVAPS
		BAD("\xaa"), // STOSB
		BAD("\x90"),
		BAD("\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40"
		    "\x89\x07"), // too long
		BAD(""),
	};
	struct regs r = {0};
	struct write_insn w;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(decode_write(&w, (const u8 *)bad[i].bytes,
					  bad[i].n, &r));
}

// Cut short anywhere, an instruction is not decoded.
static void truncated(void **state)
{
	static const u8 insn[] = {0xf0, 0x48, 0x81, 0xa4, 0x88, 1, 2,
				  3,    4,    5,    6,    7,    8};
	struct regs r = {0};
	struct write_insn w;

	for (size_t n = 0; n < sizeof(insn); n++)
		assert_false(decode_write(&w, insn, n, &r));
	assert_true(decode_write(&w, insn, sizeof(insn), &r));
	assert_int_equal(w.address, 0x04030201);
}

// A REX that is not right before the opcode does not count.
static void lost_rex(void **state)
{
	struct regs r = {.rdi = 0x40};
	struct write_insn w = DECODE("\x48\x66\x89\x07", &r);

	assert_int_equal(w.size, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_processor_does),
		cmocka_unit_test(as_linux_writes),
		cmocka_unit_test(refused),
		cmocka_unit_test(truncated),
		cmocka_unit_test(lost_rex),
	};

	return cmocka_run_group_tests(tests, map_pages, NULL);
}
