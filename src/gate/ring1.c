// SPDX-License-Identifier: MIT
//
// Does ring 1 hold? A closed gate rests on it: if a guest's kernel could get
// from there to ring 0, nothing would be closed. By the manuals it cannot. QEMU
// 7.2 (TCG) however takes the ring from the stack segment's DPL when that
// segment is loaded, and for a null selector, which rings 0 to 2 may load, that
// is 0. So we try just that on this machine, and a privileged instruction
// behind it.
#include "cpu/cpu.h"
#include "cpu/priv.h"
#include "gate/closed.h"
#include "hw/cpu.h"

extern const char ring1_stubs[]; // ring1.S
u32 ring1_run(void);

#define VECTORS 32
#define STUB_BYTES 16

static u8 stack[PAGE_SIZE] __attribute__((aligned(16)));

static void fill(struct idt_gate *idt)
{
	for (u32 i = 0; i < VECTORS; i++)
		idt_set(idt, (u8)i, (u64)ring1_stubs + i * STUB_BYTES, 0);
	idt_set(idt, VEC_BP, (u64)ring1_stubs + VEC_BP * STUB_BYTES, IDT_DPL3);
}

bool ring1_holds(void)
{
	static struct idt_gate idt[VECTORS];
	const struct table_register idtr = {sizeof(idt) - 1, (u64)idt};
	struct tss *t = &gate_ro(cpu_this()->id)->tss;
	u64 rsp0 = t->rsp[0];
	u32 vector;

	fill(idt);
	t->rsp[0] = (u64)(stack + sizeof(stack));
	lidt(&idtr);
	vector = ring1_run();
	idt_load();
	t->rsp[0] = rsp0;
	return vector == VEC_GP;
}
