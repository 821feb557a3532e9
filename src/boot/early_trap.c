// SPDX-License-Identifier: MIT
//
// Exceptions from the first line of C until cpu_init_this() loads the real
// IDT: every one is a mistake of ours (or broken hardware), so dump and stop.
#include "boot/boot.h"
#include "boot/selectors.h"
#include "domain/domain.h"
#include "hw/cpu.h"

#define STUB_BYTES 16
#define GATE_INTERRUPT 0x8e00u // present, DPL 0

struct idt_gate {
	u16 offset0, selector, flags, offset1;
	u32 offset2, reserved;
};

extern const char early_trap_stubs[]; // entry.S

static struct idt_gate early_idt[32];

void early_traps_init(void)
{
	struct table_register idtr = {sizeof(early_idt) - 1, (u64)early_idt};

	for (u32 i = 0; i < ARRAY_SIZE(early_idt); i++) {
		u64 stub = (u64)early_trap_stubs + i * STUB_BYTES;

		early_idt[i] = (struct idt_gate){
			.offset0 = (u16)stub,
			.selector = BOOT_CS64,
			.flags = GATE_INTERRUPT,
			.offset1 = (u16)(stub >> 16),
			.offset2 = (u32)(stub >> 32),
		};
	}
	lidt(&idtr);
}

void early_trap(const struct regs *r)
{
	panic_regs(r, "exception during start-up");
}
