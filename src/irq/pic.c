// SPDX-License-Identifier: MIT
//
// The two 8259 interrupt controllers of a PC: out of the way. They are moved
// off the exception vectors before they are masked, because a masked one may
// still raise its spurious interrupt.
#include "boot/boot.h"
#include "irq/priv.h"

#define PIC1_COMMAND 0x20
#define PIC1_DATA 0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA 0xa1

void pic_mask(void)
{
	static const struct {
		u16 port;
		u8 value;
	} steps[] = {
		{PIC1_COMMAND, 0x11}, // start, cascaded, four words
		{PIC2_COMMAND, 0x11},
		{PIC1_DATA, VEC_FIRST_PIC},
		{PIC2_DATA, VEC_FIRST_PIC + 8},
		{PIC1_DATA, 0x04}, // the second one is at input 2
		{PIC2_DATA, 0x02},
		{PIC1_DATA, 0x01}, // 8086 mode
		{PIC2_DATA, 0x01},
		{PIC1_DATA, 0xff},
		{PIC2_DATA, 0xff},
	};

	if (!machine.has_pics)
		return;
	for (u32 i = 0; i < ARRAY_SIZE(steps); i++)
		port_outb(steps[i].port, steps[i].value);
}
