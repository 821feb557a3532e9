// SPDX-License-Identifier: MIT
//
// What an I/O port is to a domain. dom0 has the machine's devices; the ports
// that the hypervisor uses itself answer as if nothing were there, some are
// emulated, the rest go to the hardware. Other domains have what they were
// given, which is mostly nothing.
//
// The ACPI PM timer is passed through like any other port: a value that stands
// still would make Linux read it ten thousand times.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "domain/rangeset.h"
#include "hw/cpu.h"
#include "irq/irq.h"

#define PORT_RTC_INDEX 0x70
#define PORT_RTC_DATA 0x71
#define RTC_INDEX_MASK 0x7f // bit 7 would block NMIs
#define PORT_PIT_2 0x42
#define PORT_PIT_GATE 0x61
#define PIT_GATE_OUT 0x20 // channel 2's output
#define PORT_PCI_ADDRESS 0xcf8
#define PORT_PCI_DATA 0xcfc

// ---------------------------------------------------------------- hardware

static u32 hardware_read(u16 port, u32 bytes)
{
	switch (bytes) {
	case 1:
		return port_inb(port);
	case 2:
		return port_inw(port);
	default:
		return port_inl(port);
	}
}

static void hardware_write(u16 port, u32 bytes, u32 value)
{
	switch (bytes) {
	case 1:
		port_outb(port, (u8)value);
		break;
	case 2:
		port_outw(port, (u16)value);
		break;
	default:
		port_outl(port, value);
	}
}

static bool may_access(const struct domain *d, u16 port, u32 bytes)
{
	return rangeset_has(d->ioports, port, port + bytes - 1u);
}

// A port that is not there reads as ones. Two are exceptions: with ones there,
// Linux's quick look at the PIT (pit_calibrate) takes 100 000 reads to find
// out that it does not count.
static u32 absent_read(u16 port)
{
	if (port == PORT_PIT_2)
		return 0;
	if (port == PORT_PIT_GATE)
		return PIT_GATE_OUT;
	return ~0u;
}

static u32 plain_read(struct domain *d, u16 port, u32 bytes)
{
	return may_access(d, port, bytes) ? hardware_read(port, bytes)
					  : absent_read(port);
}

static void plain_write(struct domain *d, u16 port, u32 bytes, u32 value)
{
	if (may_access(d, port, bytes))
		hardware_write(port, bytes, value);
}

// ------------------------------------------------------------- real-time clock

// The index is kept for each domain, as the hypervisor reads the clock too.
static u32 rtc_read(struct domain *d, u16 port, u32 bytes)
{
	if (bytes != 1 || !may_access(d, PORT_RTC_DATA, 1))
		return ~0u;
	if (port == PORT_RTC_INDEX)
		return d->rtc_index;
	port_outb(PORT_RTC_INDEX, d->rtc_index);
	return port_inb(PORT_RTC_DATA);
}

static void rtc_write(struct domain *d, u16 port, u32 bytes, u32 value)
{
	if (bytes != 1 || !may_access(d, PORT_RTC_DATA, 1))
		return;
	if (port == PORT_RTC_INDEX) {
		d->rtc_index = value & RTC_INDEX_MASK;
		return;
	}
	port_outb(PORT_RTC_INDEX, d->rtc_index);
	port_outb(PORT_RTC_DATA, (u8)value);
}

// ----------------------------------------------------- PCI configuration space

// Only a doubleword access means the address register; smaller ones reach what
// chipsets hide there, such as the reset control at 0xcf9.
static u32 pci_address_read(struct domain *d, u16 port, u32 bytes)
{
	if (bytes == 4)
		return d->pci_address;
	return d->privileged ? hardware_read(port, bytes) : ~0u;
}

static void pci_address_write(struct domain *d, u16 port, u32 bytes, u32 value)
{
	if (bytes == 4)
		d->pci_address = value;
	else if (d->privileged)
		hardware_write(port, bytes, value);
}

static u32 pci_data_read(struct domain *d, u16 port, u32 bytes)
{
	return pci_guest_read(d, d->pci_address, port - PORT_PCI_DATA, bytes);
}

static void pci_data_write(struct domain *d, u16 port, u32 bytes, u32 value)
{
	pci_guest_write(d, d->pci_address, port - PORT_PCI_DATA, bytes, value);
}

// ----------------------------------------------------------------- all of them

struct port_rule {
	u32 first, last;
	u32 (*read)(struct domain *d, u16 port, u32 bytes);
	void (*write)(struct domain *d, u16 port, u32 bytes, u32 value);
};

static const struct port_rule rules[] = {
	{PORT_RTC_INDEX, PORT_RTC_DATA, rtc_read, rtc_write},
	{PORT_PCI_ADDRESS, PORT_PCI_ADDRESS + 3, pci_address_read,
	 pci_address_write},
	{PORT_PCI_DATA, PORT_PCI_DATA + 3, pci_data_read, pci_data_write},
};

static const struct port_rule plain = {0, 0xffff, plain_read, plain_write};

// The rule for an access as a whole, or 0 when it lies across the edge of one.
static const struct port_rule *find(u32 port, u32 bytes)
{
	u32 last = port + bytes - 1;

	for (u32 i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct port_rule *p = &rules[i];

		if (port >= p->first && last <= p->last)
			return p;
		if (port <= p->last && last >= p->first)
			return NULL;
	}
	return last <= plain.last ? &plain : NULL;
}

static u32 width_mask(u32 bytes)
{
	return ~0u >> (32 - 8 * bytes);
}

u32 port_read(struct domain *d, u16 port, u32 bytes)
{
	const struct port_rule *p = find(port, bytes);

	count(CNT_IO);
	return (p ? p->read(d, port, bytes) : ~0u) & width_mask(bytes);
}

void port_write(struct domain *d, u16 port, u32 bytes, u32 value)
{
	const struct port_rule *p = find(port, bytes);

	count(CNT_IO);
	if (p)
		p->write(d, port, bytes, value & width_mask(bytes));
}
