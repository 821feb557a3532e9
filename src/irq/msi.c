// SPDX-License-Identifier: MIT
//
// Message-signalled interrupts: where a device keeps the address and data that
// it writes to raise one. We choose them, so that a device only ever raises
// the vector it was given; the guest turns the capability as a whole on and
// off. Formats: PCI Local Bus specification 3.0, section 6.8.
#include "abi/errno.h"
#include "cpu/cpu.h"
#include "irq/priv.h"
#include "mm/mm.h"

#define REG_COMMAND 0x04
#define COMMAND_MEMORY 0x2
#define REG_BAR0 0x10
#define BARS 6
#define BAR_IO 0x1
#define BAR_TYPE 0x6
#define BAR_64BIT 0x4

// Offsets in the MSI capability. With a 64-bit address what follows the lower
// half comes four bytes later.
#define MSI_CONTROL 2
#define MSI_ADDRESS 4
#define MSI_ADDRESS_HIGH 8
#define MSI_DATA(wide) ((wide) ? 12 : 8)
#define MSI_MASK(wide) ((wide) ? 16 : 12)
#define CONTROL_COUNT 0x0070 // interrupts enabled, as a power of two
#define CONTROL_WIDE 0x0080
#define CONTROL_MASKABLE 0x0100

#define MSIX_CONTROL 2
#define MSIX_TABLE 4
#define MSIX_LAST_ENTRY 0x7ff
#define MSIX_BIR 0x7

#define ENTRY_BYTES 16
#define ENTRY_ADDRESS 0
#define ENTRY_ADDRESS_HIGH 4
#define ENTRY_DATA 8
#define ENTRY_MASK 12

// Mapped tables are kept for good and found again by their address, so that a
// guest that maps and unmaps in a circle uses up nothing.
#define TABLES_MAX 512

struct msix_table {
	struct list link;
	maddr_t addr;
	u32 entries;
	volatile u8 *regs;
	u64 used[(MSIX_LAST_ENTRY + 1) / 64]; // entries that are mapped
};

static struct list tables = {&tables, &tables};
static u32 table_count;

// ------------------------------------------------------------------ tables

// Base of a memory BAR, or 0.
static maddr_t bar_read(u16 bdf, u32 bar)
{
	u32 low, high = 0;

	if (bar >= BARS)
		return 0;
	low = pci_conf_read(bdf, REG_BAR0 + 4 * bar, 4);
	if (low & BAR_IO)
		return 0;
	if ((low & BAR_TYPE) == BAR_64BIT) {
		if (bar + 1 == BARS)
			return 0;
		high = pci_conf_read(bdf, REG_BAR0 + 4 * bar + 4, 4);
	}
	return (maddr_t)high << 32 | (low & ~0xfu);
}

// Device memory that the processor can address.
static bool is_device_memory(maddr_t addr, u64 bytes)
{
	u64 limit = BIT(cpu_features.phys_bits);

	if (addr >= limit || bytes > limit - addr)
		return false;
	for (u64 n = addr >> PAGE_SHIFT; n <= (addr + bytes - 1) >> PAGE_SHIFT;
	     n++)
		if (mfn_is_ram(MFN(n)))
			return false;
	return true;
}

static struct msix_table *table_find(maddr_t addr, u32 entries)
{
	struct list *l;

	list_for_each (l, &tables) {
		struct msix_table *t = list_entry(l, struct msix_table, link);

		if (t->addr == addr && t->entries == entries)
			return t;
	}
	return NULL;
}

static int table_map(maddr_t addr, u32 entries, struct msix_table **table)
{
	u64 bytes = (u64)entries * ENTRY_BYTES;
	struct msix_table *t;

	if (!is_device_memory(addr, bytes))
		return -EINVAL;
	if (table_count == TABLES_MAX)
		return -ENOSPC;
	t = kalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->addr = addr;
	t->entries = entries;
	t->regs = mmio_map(addr, bytes);
	iomem_restrict(maddr_mfn(addr), PAGES_OF(addr % PAGE_SIZE + bytes),
		       IOMEM_READ_ONLY);
	list_add_tail(&tables, &t->link);
	table_count++;
	*table = t;
	return 0;
}

static int table_locate(struct pci_device *dev, u64 table_base)
{
	u8 pos = dev->msix_pos;
	u32 where, entries;
	maddr_t addr;

	if (!pos)
		return -ENODEV;
	if (!(pci_conf_read(dev->bdf, REG_COMMAND, 2) & COMMAND_MEMORY) &&
	    !dev->is_virtfn)
		return -ENXIO;
	where = pci_conf_read(dev->bdf, pos + MSIX_TABLE, 4);
	entries = (pci_conf_read(dev->bdf, pos + MSIX_CONTROL, 2) &
		   MSIX_LAST_ENTRY) +
		  1;
	addr = bar_read(dev->bdf, where & MSIX_BIR);
	// Virtual functions have their BARs in the physical one's SR-IOV
	// capability; the guest has read it there.
	if (!addr && dev->is_virtfn)
		addr = table_base;
	if (!addr)
		return -ENXIO;
	addr += where & ~MSIX_BIR;
	dev->msix = table_find(addr, entries);
	return dev->msix ? 0 : table_map(addr, entries, &dev->msix);
}

int msix_prepare(struct pci_device *dev)
{
	return table_locate(dev, 0);
}

static volatile u8 *table_entry(const struct msi *m)
{
	return m->dev->msix->regs + ENTRY_BYTES * m->entry;
}

static int msix_take(struct msi *m, u64 table_base)
{
	struct msix_table *t;
	// The table does not move while it is in use.
	int err = m->dev->irqs && m->dev->msix
			  ? 0
			  : table_locate(m->dev, table_base);

	if (err)
		return err;
	t = m->dev->msix;
	if (m->entry >= t->entries)
		return -EINVAL;
	if (t->used[m->entry / 64] & BIT(m->entry % 64))
		return -EBUSY;
	t->used[m->entry / 64] |= BIT(m->entry % 64);
	return 0;
}

static void msix_write(const struct msi *m, bool masked)
{
	volatile u8 *entry = table_entry(m);

	mmio_write32(entry + ENTRY_MASK, 1);
	mmio_write32(entry + ENTRY_ADDRESS, msi_address(m->apic_id));
	mmio_write32(entry + ENTRY_ADDRESS_HIGH, 0);
	mmio_write32(entry + ENTRY_DATA, m->vector);
	if (!masked)
		mmio_write32(entry + ENTRY_MASK, 0);
}

// --------------------------------------------------------------- plain MSI

static u32 msi_control(const struct pci_device *dev)
{
	return pci_conf_read(dev->bdf, dev->msi_pos + MSI_CONTROL, 2);
}

static int msi_take(struct msi *m)
{
	if (!m->dev->msi_pos)
		return -ENODEV;
	if (m->dev->msi_used)
		return -EBUSY;
	m->dev->msi_used = true;
	return 0;
}

static void msi_mask_write(const struct msi *m, u32 control, bool masked)
{
	u32 reg = m->dev->msi_pos + MSI_MASK(control & CONTROL_WIDE);

	if (control & CONTROL_MASKABLE)
		pci_conf_write(m->dev->bdf, reg, 4, masked ? ~0u : ~1u);
}

static void msi_write(const struct msi *m, bool masked)
{
	u16 bdf = m->dev->bdf;
	u32 pos = m->dev->msi_pos;
	u32 control = msi_control(m->dev);

	msi_mask_write(m, control, true);
	pci_conf_write(bdf, pos + MSI_CONTROL, 2, control & ~CONTROL_COUNT);
	pci_conf_write(bdf, pos + MSI_ADDRESS, 4, msi_address(m->apic_id));
	if (control & CONTROL_WIDE)
		pci_conf_write(bdf, pos + MSI_ADDRESS_HIGH, 4, 0);
	pci_conf_write(bdf, pos + MSI_DATA(control & CONTROL_WIDE), 2,
		       m->vector);
	msi_mask_write(m, control, masked);
}

// Bytes of the capability.
static u32 msi_size(u32 control)
{
	bool wide = control & CONTROL_WIDE;

	return control & CONTROL_MASKABLE ? MSI_MASK(wide) + 8
					  : MSI_DATA(wide) + 2;
}

static bool overlap(u32 a, u32 a_bytes, u32 b, u32 b_bytes)
{
	return a < b + b_bytes && b < a + a_bytes;
}

bool msi_filter_write(const struct pci_device *dev, u32 reg, u32 bytes,
		      u32 *value)
{
	u32 pos = dev->msi_pos;
	u32 control_reg = pos + MSI_CONTROL;

	if (!pos || reg + bytes <= control_reg)
		return true;
	// One vector was programmed: more than one message would hit others'.
	if (overlap(reg, bytes, control_reg, 1))
		*value &= ~(CONTROL_COUNT << 8 * (control_reg - reg));
	return !overlap(reg, bytes, pos + MSI_ADDRESS,
			msi_size(msi_control(dev)) - MSI_ADDRESS);
}

// -------------------------------------------------------------------- both

int msi_program(struct msi *m, u64 table_base)
{
	int err = m->is_x ? msix_take(m, table_base) : msi_take(m);

	if (err)
		return err;
	m->dev->irqs++;
	msi_restore(m, true);
	return 0;
}

// A masked device keeps what it has to tell until it may. One that cannot be
// masked sees one write, and sends to the one processor or the other.
void msi_aim(struct msi *m, u32 apic_id, bool masked)
{
	u32 address = msi_address(apic_id);

	m->apic_id = apic_id;
	msi_set_mask(m, true);
	if (m->is_x)
		mmio_write32(table_entry(m) + ENTRY_ADDRESS, address);
	else
		pci_conf_write(m->dev->bdf, m->dev->msi_pos + MSI_ADDRESS, 4,
			       address);
	msi_set_mask(m, masked);
}

void msi_restore(const struct msi *m, bool masked)
{
	if (m->is_x)
		msix_write(m, masked);
	else
		msi_write(m, masked);
}

void msi_set_mask(const struct msi *m, bool masked)
{
	if (m->is_x)
		mmio_write32(table_entry(m) + ENTRY_MASK, masked);
	else
		msi_mask_write(m, msi_control(m->dev), masked);
}

void msi_release(struct msi *m)
{
	msi_set_mask(m, true);
	if (m->is_x)
		m->dev->msix->used[m->entry / 64] &= ~BIT(m->entry % 64);
	else
		m->dev->msi_used = false;
	m->dev->irqs--;
}
