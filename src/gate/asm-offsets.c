// SPDX-License-Identifier: MIT
//
// Structure offsets and sizes for assembly files. Never linked: the compiler's
// output is filtered into build/gen/asm-offsets.h by tools/asm-offsets.
#include "cpu/percpu.h"
#include "cpu/regs.h"
#include "hw/emit.h"

#define OFFSET(name, type, member) EMIT(name, offsetof(type, member))
#define SIZE(name, type) EMIT(name, sizeof(type))

void asm_offsets(void);
void asm_offsets(void)
{
	SIZE(REGS_SIZE, struct regs);
	OFFSET(REGS_R15, struct regs, r15);
	OFFSET(REGS_R11, struct regs, r11);
	OFFSET(REGS_RBP, struct regs, rbp);
	OFFSET(REGS_RBX, struct regs, rbx);
	OFFSET(REGS_RAX, struct regs, rax);
	OFFSET(REGS_RCX, struct regs, rcx);
	OFFSET(REGS_RDX, struct regs, rdx);
	OFFSET(REGS_RSI, struct regs, rsi);
	OFFSET(REGS_RDI, struct regs, rdi);
	OFFSET(REGS_ERROR, struct regs, error);
	OFFSET(REGS_VECTOR, struct regs, vector);
	OFFSET(REGS_RIP, struct regs, rip);
	OFFSET(REGS_CS, struct regs, cs);
	OFFSET(REGS_RFLAGS, struct regs, rflags);
	OFFSET(REGS_RSP, struct regs, rsp);
	OFFSET(REGS_SS, struct regs, ss);

	OFFSET(CPU_GUEST_RSP, struct cpu, guest_rsp);
	OFFSET(CPU_STACK_TOP, struct cpu, stack_top);
	OFFSET(CPU_PENDING, struct cpu, pending);
	OFFSET(CPU_CURR, struct cpu, curr);
}
