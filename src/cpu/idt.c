// SPDX-License-Identifier: MIT
//
// The interrupt descriptor table: one for all processors, not changed after
// idt_init(). Every gate is an interrupt gate, so all handlers start with
// interrupts off. Guests may raise three vectors by an instruction of their
// own, INT3, INTO and INT 0x80; any other INT n ends in #GP and is looked at
// there (trap.c).
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "hw/cpu.h"

#define GATE_INTERRUPT 0x8e00u // present, DPL 0

static struct idt_gate idt[256] __attribute__((aligned(4096)));

void idt_set(struct idt_gate *table, u8 vector, u64 at, u32 flags)
{
	table[vector] = (struct idt_gate){
		.offset_low = (u16)at,
		.selector = SEL_HV_CS,
		.type = (u16)(GATE_INTERRUPT | flags),
		.offset_mid = (u16)(at >> 16),
		.offset_high = (u32)(at >> 32),
	};
}

void idt_fill(struct idt_gate *table, const struct idt_entries *e)
{
	for (u32 i = 0; i < 32; i++)
		idt_set(table, (u8)i, e->traps + i * 16, 0);
	for (u32 i = 32; i < 256; i++)
		idt_set(table, (u8)i, e->irqs + (i - 32) * 8, 0);
	idt_set(table, VEC_NMI, e->nmi, IST_NMI);
	idt_set(table, VEC_MC, e->machine_check, IST_MC);
	idt_set(table, VEC_DF, e->double_fault, IST_DF);
	idt_set(table, VEC_DB, e->debug, IST_DB);
	idt_set(table, VEC_BP, e->traps + VEC_BP * 16, IDT_DPL3);
	idt_set(table, VEC_OF, e->traps + VEC_OF * 16, IDT_DPL3);
	idt_set(table, VEC_INT80, e->irqs + (VEC_INT80 - 32) * 8, IDT_DPL3);
}

void idt_init(void)
{
	const struct idt_entries e = {
		.traps = (u64)gate_trap_stubs,
		.irqs = (u64)gate_irq_stubs,
		.nmi = (u64)gate_nmi,
		.machine_check = (u64)gate_machine_check,
		.double_fault = (u64)gate_double_fault,
		.debug = (u64)gate_debug,
	};

	idt_fill(idt, &e);
}

void idt_load(void)
{
	lidt(&(struct table_register){sizeof(idt) - 1, (u64)idt});
}
