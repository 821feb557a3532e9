// SPDX-License-Identifier: MIT
//
// Turning the machine off by ACPI. The value that means "off" is written in a
// byte code that only dom0 can read; all it sends us is the result.
#include "boot/boot.h"
#include "irq/irq.h"

#define SLEEP_TYPE 0x1c00
#define SLEEP_ENABLE 0x2000

static void pm1_write(u16 port, u16 guest_value, u16 enable)
{
	u16 keep;

	if (!port)
		return;
	keep = port_inw(port) & (u16) ~(SLEEP_TYPE | SLEEP_ENABLE);
	port_outw(port, keep | (guest_value & SLEEP_TYPE) | enable);
}

void acpi_enter_s5(u16 pm1a_value, u16 pm1b_value)
{
	// Machines with two register blocks want the type in both before
	// either is enabled.
	pm1_write(machine.pm1a_cnt, pm1a_value, 0);
	pm1_write(machine.pm1b_cnt, pm1b_value, 0);
	pm1_write(machine.pm1a_cnt, pm1a_value, SLEEP_ENABLE);
	pm1_write(machine.pm1b_cnt, pm1b_value, SLEEP_ENABLE);

	// The power goes within a moment, not at once.
	for (u64 end = now_ns() + 100000000; now_ns() < end;)
		cpu_pause();
}
