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
#define GATE_DPL3 0x6000u

struct gate {
	u16 offset_low, selector, type, offset_mid;
	u32 offset_high, reserved;
};

static struct gate idt[256] __attribute__((aligned(4096)));

static const struct {
	u8 vector, ist;
	const char *entry;
} ist_gates[] = {
	{VEC_NMI, IST_NMI, gate_nmi},
	{VEC_MC, IST_MC, gate_machine_check},
	{VEC_DF, IST_DF, gate_double_fault},
	{VEC_DB, IST_DB, gate_debug},
};

static void gate_set(u8 vector, const char *entry, u32 flags)
{
	u64 at = (u64)entry;

	idt[vector] = (struct gate){
		.offset_low = (u16)at,
		.selector = SEL_HV_CS,
		.type = (u16)(GATE_INTERRUPT | flags),
		.offset_mid = (u16)(at >> 16),
		.offset_high = (u32)(at >> 32),
	};
}

void idt_init(void)
{
	for (u32 i = 0; i < 32; i++)
		gate_set((u8)i, gate_trap_stubs + i * 16, 0);
	for (u32 i = 32; i < 256; i++)
		gate_set((u8)i, gate_irq_stubs + (i - 32) * 8, 0);
	for (u32 i = 0; i < ARRAY_SIZE(ist_gates); i++)
		gate_set(ist_gates[i].vector, ist_gates[i].entry,
			 ist_gates[i].ist);
	gate_set(VEC_BP, gate_trap_stubs + VEC_BP * 16, GATE_DPL3);
	gate_set(VEC_OF, gate_trap_stubs + VEC_OF * 16, GATE_DPL3);
	gate_set(VEC_INT80, gate_irq_stubs + (VEC_INT80 - 32) * 8, GATE_DPL3);
}

void idt_load(void)
{
	lidt(&(struct table_register){sizeof(idt) - 1, (u64)idt});
}
