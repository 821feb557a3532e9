// SPDX-License-Identifier: MIT
//
// Turning the machine off by ACPI. The numbers that mean "off" are written in
// the firmware's byte code, which dom0 can run and we can only guess at.
#include "boot/boot.h"
#include "irq/irq.h"

#define SLEEP_TYPE 0x1c00
#define SLEEP_TYPE_SHIFT 10
#define SLEEP_ENABLE 0x2000

static void pm1_write(u16 port, u8 type, u16 enable)
{
	u16 keep;

	if (!port)
		return;
	keep = port_inw(port) & (u16) ~(SLEEP_TYPE | SLEEP_ENABLE);
	port_outw(port, (u16)(keep | (type & 7) << SLEEP_TYPE_SHIFT | enable));
}

void acpi_enter_s5(u8 type_a, u8 type_b)
{
	// Machines with two register blocks want the type in both before
	// either is enabled.
	pm1_write(machine.pm1a_cnt, type_a, 0);
	pm1_write(machine.pm1b_cnt, type_b, 0);
	pm1_write(machine.pm1a_cnt, type_a, SLEEP_ENABLE);
	pm1_write(machine.pm1b_cnt, type_b, SLEEP_ENABLE);
}
