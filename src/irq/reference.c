// SPDX-License-Identifier: MIT
//
// Counters of a PC that run at a known rate, to measure the processor's own
// against. Nothing here is used after that; a machine needs to have just one.
// Rates: IA-PC HPET specification 1.0a, 8254 data sheet, ACPI specification
// (power management timer).
#include "boot/boot.h"
#include "irq/priv.h"
#include "mm/mm.h"

// -------------------------------------------------------------------- HPET

#define HPET_PERIOD 0x004 // femtoseconds
#define HPET_CONFIG 0x010
#define HPET_COUNTER 0x0f0
#define HPET_ENABLE 0x1
#define HPET_LEGACY_ROUTES 0x2
#define HPET_PERIOD_MAX 100000000

static volatile u8 *hpet;

static u64 hpet_read(void)
{
	return mmio_read32(hpet + HPET_COUNTER);
}

static bool hpet_start(struct reference *r)
{
	u32 period, config;

	if (!machine.hpet || boot_options.no_hpet)
		return false;
	hpet = mmio_map(machine.hpet, 0x400);
	period = mmio_read32(hpet + HPET_PERIOD);
	if (!period || period > HPET_PERIOD_MAX)
		return false;
	iomem_restrict(maddr_mfn(machine.hpet), 1, IOMEM_READ_ONLY);
	// Its interrupts would come in place of the PIT's and the RTC's.
	config = mmio_read32(hpet + HPET_CONFIG) & ~(u32)HPET_LEGACY_ROUTES;
	mmio_write32(hpet + HPET_CONFIG, config | HPET_ENABLE);
	r->hz = 1000000000000000ull / period;
	return true;
}

// --------------------------------------------------------------------- PIT

#define PIT_COUNTER2 0x42
#define PIT_COMMAND 0x43
#define PIT_LOAD2_MODE0 0xb0 // counter 2, both bytes, interrupt at 0
#define PIT_LATCH2 0x80
#define PIT_GATE_PORT 0x61
#define PIT_GATE 0x01
#define PIT_SPEAKER 0x02
#define PIT_OUT 0x20 // of counter 2: it has reached 0

static bool pit_start(struct reference *r)
{
	u8 gate;

	(void)r;
	if (boot_options.no_pit)
		return false;
	gate = port_inb(PIT_GATE_PORT) & (u8)~PIT_SPEAKER;
	port_outb(PIT_GATE_PORT, gate | PIT_GATE);
	port_outb(PIT_COMMAND, PIT_LOAD2_MODE0);
	port_outb(PIT_COUNTER2, 0xff);
	port_outb(PIT_COUNTER2, 0xff);
	// The output falls when the counter is loaded. Where there is no PIT
	// the port usually reads as all ones.
	return !(port_inb(PIT_GATE_PORT) & PIT_OUT);
}

// Wraps after 55 ms, soon enough to be missed by a virtual machine that is
// not running just then; the output tells.
static u64 pit_read(void)
{
	u8 low, high;

	port_outb(PIT_COMMAND, PIT_LATCH2);
	low = port_inb(PIT_COUNTER2);
	high = port_inb(PIT_COUNTER2);
	if (port_inb(PIT_GATE_PORT) & PIT_OUT)
		return REFERENCE_LOST;
	return 0xffffu - (u32)(high << 8 | low);
}

// ----------------------------------------------------------- ACPI PM timer

static u64 pm_read(void)
{
	return port_inl((u16)machine.pm_timer_port);
}

static bool pm_start(struct reference *r)
{
	if (!machine.pm_timer_port)
		return false;
	r->mask = machine.pm_timer_32bit ? 0xffffffff : 0xffffff;
	return true;
}

struct reference references[] = {
	{"hpet", hpet_start, hpet_read, 0, 0xffffffff},
	{"pit", pit_start, pit_read, 1193182, 0xffff},
	{"acpi", pm_start, pm_read, 3579545, 0},
	{0},
};
