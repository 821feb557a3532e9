// SPDX-License-Identifier: MIT
//
// PCI configuration space by the address and data ports (0xcf8, 0xcfc), for
// ourselves and for dom0, whose accesses to these ports are emulated.
#include "irq/priv.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc
#define ADDRESS_ENABLE 0x80000000
#define ADDRESS_RESERVED 0x7f000000

// Guards the pair of ports. Taken innermost.
static struct lock ports_lock = LOCK_INIT(LOCK_PORTS);

static void select_register(u16 bdf, u32 reg)
{
	port_outl(CONFIG_ADDRESS,
		  ADDRESS_ENABLE | (u32)bdf << 8 | (reg & 0xfc));
}

u32 pci_conf_read(u16 bdf, u32 reg, u32 bytes)
{
	u16 port = (u16)(CONFIG_DATA + (reg & 3));
	u32 value;

	lock_get(&ports_lock);
	select_register(bdf, reg);
	if (bytes == 1)
		value = port_inb(port);
	else if (bytes == 2)
		value = port_inw(port);
	else
		value = port_inl(port);
	lock_put(&ports_lock);
	return value;
}

void pci_conf_write(u16 bdf, u32 reg, u32 bytes, u32 value)
{
	u16 port = (u16)(CONFIG_DATA + (reg & 3));

	lock_get(&ports_lock);
	select_register(bdf, reg);
	if (bytes == 1)
		port_outb(port, (u8)value);
	else if (bytes == 2)
		port_outw(port, (u16)value);
	else
		port_outl(port, value);
	lock_put(&ports_lock);
}

// ---------------------------------------------------------- guests' access

static bool guest_address_ok(const struct domain *d, u32 cf8, u32 offset,
			     u32 bytes)
{
	return d->privileged && (cf8 & ADDRESS_ENABLE) &&
	       !(cf8 & ADDRESS_RESERVED) && offset + bytes <= 4 &&
	       offset % bytes == 0;
}

u32 pci_guest_read(struct domain *d, u32 cf8, u32 offset, u32 bytes)
{
	if (!guest_address_ok(d, cf8, offset, bytes))
		return 0xffffffffu >> (32 - 8 * bytes);
	return pci_conf_read((u16)(cf8 >> 8), (cf8 & 0xfc) | offset, bytes);
}

void pci_guest_write(struct domain *d, u32 cf8, u32 offset, u32 bytes,
		     u32 value)
{
	u16 bdf = (u16)(cf8 >> 8);
	u32 reg = (cf8 & 0xfc) | offset;
	const struct pci_device *dev;

	if (!guest_address_ok(d, cf8, offset, bytes))
		return;
	lock_get(&irq_lock);
	dev = pci_device_find(0, bdf);
	if (!dev || msi_filter_write(dev, reg, bytes, &value))
		pci_conf_write(bdf, reg, bytes, value);
	lock_put(&irq_lock);
}
