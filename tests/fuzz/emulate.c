// SPDX-License-Identifier: MIT
// uses: src/cpu/emulate.c src/cpu/emul_decode.c src/cpu/emul_cr.c src/cpu/emul_msr.c src/cpu/emul_io.c src/cpu/port.c src/cpu/control.c src/cpu/debugreg.c src/cpu/bounce.c tests/fake/core.c tests/fake/guest_cpu.c
//
// Any bytes as the code of a trapped instruction, with any registers, in
// kernel and in user mode. Whatever they are: decoding stays within the bytes
// and within 15; an instruction that was carried out moves RIP by its length
// or enters a handler; user mode changes nothing but its own registers and
// memory; the flags stay those of a guest.
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "guest_cpu.h"

#define HANDLER 0xffffffff81000000ull
#define MEMORY 4096

struct input {
	u64 gpr[15];
	u8 user, iopl, privileged, step;
	u8 code[];
};

static u8 memory[MEMORY];

#define check(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

static bool within(gva_t at, size_t bytes, const void *start, size_t size)
{
	return at - (u64)start < size && bytes <= size - (at - (u64)start);
}

// String instructions touch memory where registers point; that must be ours.
int guest_read(void *dst, gva_t src, size_t bytes)
{
	if (!within(src, bytes, memory, MEMORY))
		return -1;
	memcpy(dst, (const void *)src, bytes);
	return 0;
}

int guest_write(gva_t dst, const void *src, size_t bytes)
{
	if (!within(dst, bytes, memory, MEMORY) &&
	    !within(dst, bytes, guest.stack, sizeof(guest.stack)))
		return -1;
	memcpy((void *)dst, src, bytes);
	return 0;
}

static void set_up(const struct input *in, struct regs *r)
{
	fake_guest_init();
	for (u32 i = 0; i < 256; i++)
		guest.traps[i].address = HANDLER + i;
	cpu_features.xsave = true;
	cpu_features.ext1_d = 1u << 27;
	guest.vcpu.in_kernel = !(in->user & 1);
	guest.vcpu.iopl = in->iopl & 3;
	guest.domain.privileged = in->privileged & 1;
	if (in->privileged & 2)
		guest.domain.ioports = (struct rangeset *)&guest;
	memset(r, 0, sizeof(*r));
	for (u32 i = 0; i < 15; i++)
		*emul_gpr(r, i < 4 ? i : i + 1) = in->gpr[i];
	r->rsp = guest.vcpu.kernel_sp;
	r->rflags = 0x202 | (in->step & 1 ? RFLAGS_TF : 0) |
		    (in->step & 2 ? RFLAGS_DF : 0);
	r->cs = SEL_USER_CS64;
	r->ss = SEL_USER_SS;
	// Let pointers of half the runs hit the memory.
	if (in->step & 4) {
		r->rdi = (u64)memory + r->rdi % MEMORY;
		r->rsi = (u64)memory + r->rsi % MEMORY;
	}
}

static void run(const struct input *in, u32 length)
{
	bool user = in->user & 1;
	struct vcpu before;
	struct emul_insn insn;
	struct regs r;
	bool known, done;

	set_up(in, &r);
	length = length < INSN_MAX ? length : INSN_MAX;
	r.rip = (u64)(memory + MEMORY) - length;
	memcpy((void *)r.rip, in->code, length);
	known = emul_decode(in->code, length, &insn);
	check(!known || (insn.bytes > 0 && insn.bytes <= length));
	before = guest.vcpu;

	u64 rip = r.rip;

	done = emulate_privileged(&guest.vcpu, &r);
	check(!done || known);
	check(guest.crashes == 0 || done);
	check(r.rip == rip || r.rip == rip + (known ? insn.bytes : 0) ||
	      (r.rip >= HANDLER && r.rip < HANDLER + 256));
	check(done || r.rip == rip);
	check((r.rflags & ~(u64)GUEST_RFLAGS) == (RFLAGS_IF | RFLAGS_MBS));
	if (user && !done)
		check(memcmp(&before, &guest.vcpu, sizeof(before)) == 0);
	if (user)
		check(before.cr4 == guest.vcpu.cr4 &&
		      before.xcr0 == guest.vcpu.xcr0 &&
		      mfn_eq(before.kernel_root, guest.vcpu.kernel_root));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input *in;

	if (size <= sizeof(*in))
		return 0;
	in = malloc(size);
	memcpy(in, data, size);
	run(in, (u32)(size - sizeof(*in)));
	free(in);
	return 0;
}
