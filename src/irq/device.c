// SPDX-License-Identifier: MIT
//
// The PCI functions that dom0 has found and told us of. We do not look for them
// ourselves: all that we need is where their interrupts are programmed.
#include "abi/errno.h"
#include "irq/priv.h"
#include "mm/mm.h"

#define REG_STATUS 0x06
#define REG_CAPABILITIES 0x34
#define STATUS_CAPABILITIES 0x10
#define FIRST_CAPABILITY 0x40
#define CAPABILITIES_MAX 48 // of four bytes or more, from 0x40 to 0xff

#define DEVICES_MAX 4096

static struct list devices = {&devices, &devices};
static u32 device_count;

u8 pci_find_capability(u16 bdf, u8 id)
{
	if (!(pci_conf_read(bdf, REG_STATUS, 2) & STATUS_CAPABILITIES))
		return 0;

	u32 pos = pci_conf_read(bdf, REG_CAPABILITIES, 1) & 0xfc;

	// The list is the device's word: it may be a circle. One that is not
	// there reads as all ones.
	for (u32 i = 0; i < CAPABILITIES_MAX && pos >= FIRST_CAPABILITY; i++) {
		u32 header = pci_conf_read(bdf, pos, 2);

		if (header == 0xffff)
			return 0;
		if ((header & 0xff) == id)
			return (u8)pos;
		pos = header >> 8 & 0xfc;
	}
	return 0;
}

struct pci_device *pci_device_find(u16 seg, u16 bdf)
{
	struct list *l;

	list_for_each (l, &devices) {
		struct pci_device *dev = list_entry(l, struct pci_device, link);

		if (dev->seg == seg && dev->bdf == bdf)
			return dev;
	}
	return NULL;
}

int pci_device_add(u16 seg, u16 bdf, bool is_virtfn)
{
	struct pci_device *dev = pci_device_find(seg, bdf);

	if (dev)
		return 0;
	if (device_count == DEVICES_MAX)
		return -ENOSPC;
	dev = kalloc(sizeof(*dev));
	if (!dev)
		return -ENOMEM;
	dev->seg = seg;
	dev->bdf = bdf;
	dev->is_virtfn = is_virtfn;
	// The ports reach segment 0 only; devices of others stay without MSI.
	if (seg == 0) {
		dev->msi_pos = pci_find_capability(bdf, PCI_CAP_MSI);
		dev->msix_pos = pci_find_capability(bdf, PCI_CAP_MSIX);
	}
	list_add_tail(&devices, &dev->link);
	device_count++;
	return 0;
}

int pci_device_remove(u16 seg, u16 bdf)
{
	struct pci_device *dev = pci_device_find(seg, bdf);

	if (!dev)
		return -ENODEV;
	if (dev->irqs)
		return -EBUSY;
	list_del(&dev->link);
	device_count--;
	kfree(dev);
	return 0;
}
