// SPDX-License-Identifier: MIT
//
// The IO-APICs: which vector each interrupt line of the machine (GSI) raises,
// and how the line is wired. Every entry is kept here as it was last written,
// as reading the chip is slow.
//
// An edge line that rings while its handler runs is latched by the local APIC,
// so it is never masked in service. A level line would ring again at once: its
// handler masks it before the EOI, and unmasks it when the guest is done.
#include "abi/errno.h"
#include "boot/boot.h"
#include "console/console.h"
#include "irq/priv.h"
#include "mm/mm.h"

#define REG_SELECT 0x00
#define REG_DATA 0x10

#define IOAPIC_ID 0
#define IOAPIC_VERSION 1
#define IOAPIC_ARBITRATION 2
#define IOAPIC_ENTRY 0x10 // two registers each

#define RTE_LOW BIT(13)
#define RTE_REMOTE_IRR BIT(14)
#define RTE_LEVEL BIT(15)
#define RTE_MASKED BIT(16)
#define RTE_DEST_SHIFT 56
#define RTE_DEST (0xffull << RTE_DEST_SHIFT)
#define RTE_DELIVERY 0x700
#define RTE_LOWEST_PRIORITY 0x100

#define MAX_ENTRIES 240
#define FIRST_PCI_GSI 16

// How ACPI's override flags say it: two bits each, 0 is "as the bus has it".
#define ACPI_POLARITY(flags) ((flags)&3)
#define ACPI_TRIGGER(flags) ((flags) >> 2 & 3)
#define ACPI_ACTIVE_LOW 3
#define ACPI_LEVEL 3

struct ioapic {
	volatile u8 *regs;
	maddr_t addr;
	u32 id, version, arbitration;
	u32 gsi_base, count;
	u64 rte[MAX_ENTRIES];
	bool is_set_up[MAX_ENTRIES]; // a guest has told how it is wired
	bool is_taken[MAX_ENTRIES]; // by a pirq with a port, or by us
};
static struct ioapic ioapics[ARRAY_SIZE(((struct machine *)0)->ioapic)];

// ------------------------------------------------------------ the chips

static u32 chip_read(struct ioapic *io, u32 reg)
{
	mmio_write32(io->regs + REG_SELECT, reg);
	return mmio_read32(io->regs + REG_DATA);
}

static void chip_write(struct ioapic *io, u32 reg, u32 value)
{
	mmio_write32(io->regs + REG_SELECT, reg);
	mmio_write32(io->regs + REG_DATA, value);
}

// Only the halves that differ are written; the lower one, which has the mask,
// last when it unmasks and first when it masks.
static void rte_write(struct ioapic *io, u32 i, u64 rte)
{
	u64 change = io->rte[i] ^ rte;
	u32 reg = IOAPIC_ENTRY + 2 * i;

	io->rte[i] = rte;
	if (rte & RTE_MASKED && (u32)change)
		chip_write(io, reg, (u32)rte);
	if (change >> 32)
		chip_write(io, reg + 1, (u32)(rte >> 32));
	if (!(rte & RTE_MASKED) && (u32)change)
		chip_write(io, reg, (u32)rte);
}

u64 rte_compose(u8 vector, struct gsi_mode mode, u32 apic_id, bool masked)
{
	return vector | (mode.low ? RTE_LOW : 0) |
	       (mode.level ? RTE_LEVEL : 0) | (masked ? RTE_MASKED : 0) |
	       (u64)apic_id << RTE_DEST_SHIFT;
}

// ----------------------------------------------------------------- lines

static struct ioapic *gsi_chip(u32 gsi)
{
	for (u32 i = 0; i < machine.ioapic_count; i++)
		if (gsi - ioapics[i].gsi_base < ioapics[i].count)
			return &ioapics[i];
	return NULL;
}

bool gsi_exists(u32 gsi)
{
	return gsi_chip(gsi);
}

u32 ioapic_gsi_count(void)
{
	u32 end = 0;

	for (u32 i = 0; i < machine.ioapic_count; i++)
		end = max(end, ioapics[i].gsi_base + ioapics[i].count);
	return end;
}

struct gsi_mode gsi_default_mode(u32 gsi)
{
	// ISA lines are edge, active high; PCI's are level, active low, and so
	// is ACPI's own. An override has the last word.
	bool pci = gsi >= FIRST_PCI_GSI || gsi == machine.sci;
	struct gsi_mode mode = {.level = pci, .low = pci};

	for (u32 i = 0; i < machine.override_count; i++) {
		const struct acpi_override *o = &machine.override[i];

		if (o->gsi != gsi)
			continue;
		if (ACPI_POLARITY(o->flags))
			mode.low = ACPI_POLARITY(o->flags) == ACPI_ACTIVE_LOW;
		if (ACPI_TRIGGER(o->flags))
			mode.level = ACPI_TRIGGER(o->flags) == ACPI_LEVEL;
	}
	return mode;
}

static struct gsi_mode rte_mode(u64 rte)
{
	return (struct gsi_mode){
		.level = rte & RTE_LEVEL,
		.low = rte & RTE_LOW,
	};
}

bool gsi_is_level(u32 gsi)
{
	struct ioapic *io = gsi_chip(gsi);

	return rte_mode(io->rte[gsi - io->gsi_base]).level;
}

int gsi_setup(u32 gsi, struct gsi_mode mode)
{
	struct ioapic *io = gsi_chip(gsi);
	u32 i = gsi - io->gsi_base;

	if (io->is_taken[i] || io->is_set_up[i])
		return -EEXIST;
	io->is_set_up[i] = true;
	rte_write(io, i, rte_compose(0, mode, apic_boot_id(), true));
	return 0;
}

int gsi_take(u32 gsi, u8 vector, u32 apic_id)
{
	struct ioapic *io = gsi_chip(gsi);
	u32 i = gsi - io->gsi_base;

	if (io->is_taken[i])
		return -EBUSY;
	io->is_taken[i] = true;
	rte_write(io, i,
		  rte_compose(vector, rte_mode(io->rte[i]), apic_id, false));
	return 0;
}

// One write of the half that has the target, so the chip has either of them; an
// edge would be lost while the entry is masked. A level interrupt that is still
// in service at the old target is ended there by its vector, which stays.
void gsi_aim(u32 gsi, u32 apic_id)
{
	struct ioapic *io = gsi_chip(gsi);
	u32 i = gsi - io->gsi_base;

	rte_write(io, i,
		  (io->rte[i] & ~RTE_DEST) | (u64)apic_id << RTE_DEST_SHIFT);
}

void gsi_release(u32 gsi)
{
	struct ioapic *io = gsi_chip(gsi);

	gsi_mask(gsi);
	io->is_taken[gsi - io->gsi_base] = false;
}

void gsi_mask(u32 gsi)
{
	struct ioapic *io = gsi_chip(gsi);
	u32 i = gsi - io->gsi_base;

	rte_write(io, i, io->rte[i] | RTE_MASKED);
}

void gsi_unmask(u32 gsi)
{
	struct ioapic *io = gsi_chip(gsi);
	u32 i = gsi - io->gsi_base;

	rte_write(io, i, io->rte[i] & ~RTE_MASKED);
}

int irq_route_gsi_hv(u32 gsi, u8 vector)
{
	int err;

	if (!gsi_exists(gsi))
		return -EINVAL;
	lock_get(&irq_lock);
	err = gsi_take(gsi, vector, apic_boot_id());
	lock_put(&irq_lock);
	return err;
}

// --------------------------------------------------------- guests' access

static struct ioapic *chip_at(maddr_t addr)
{
	for (u32 i = 0; i < machine.ioapic_count; i++)
		if (ioapics[i].addr == addr)
			return &ioapics[i];
	return NULL;
}

int ioapic_guest_read(maddr_t chip, u32 reg, u32 *value)
{
	struct ioapic *io = chip_at(chip);

	if (!io)
		return -EINVAL;
	if (reg >= IOAPIC_ENTRY && reg < IOAPIC_ENTRY + 2 * io->count)
		*value = (u32)(io->rte[(reg - IOAPIC_ENTRY) / 2] >>
			       (reg & 1 ? 32 : 0));
	else if (reg == IOAPIC_ID)
		*value = io->id;
	else if (reg == IOAPIC_VERSION)
		*value = io->version;
	else if (reg == IOAPIC_ARBITRATION)
		*value = io->arbitration;
	else
		return -EINVAL;
	return 0;
}

// All that a guest may say this way is how a line is wired, while nobody uses
// it; vector, target and mask are ours. (Current kernels use setup_gsi.)
int ioapic_guest_write(maddr_t chip, u32 reg, u32 value)
{
	struct ioapic *io = chip_at(chip);
	u32 i = (reg - IOAPIC_ENTRY) / 2;

	if (!io || reg < IOAPIC_ENTRY || i >= io->count)
		return -EINVAL;
	if (reg & 1)
		return 0;
	if (value & RTE_DELIVERY & ~RTE_LOWEST_PRIORITY)
		return -EPERM; // NMI, SMI, INIT, ExtINT
	if (io->is_taken[i])
		return -EPERM;
	rte_write(io, i, rte_compose(0, rte_mode(value), apic_boot_id(), true));
	return 0;
}

// ----------------------------------------------------------------- start

// A level interrupt that nobody acknowledged leaves the entry waiting for an
// EOI that will not come; a turn as an edge entry forgets it.
static void entry_init(struct ioapic *io, u32 i)
{
	struct gsi_mode mode = gsi_default_mode(io->gsi_base + i);
	u32 reg = IOAPIC_ENTRY + 2 * i;
	u64 rte = rte_compose(0, mode, apic_boot_id(), true);

	if (chip_read(io, reg) & RTE_REMOTE_IRR)
		chip_write(io, reg, RTE_MASKED);
	chip_write(io, reg, (u32)rte);
	chip_write(io, reg + 1, (u32)(rte >> 32));
	io->rte[i] = rte;
}

static void chip_init(struct ioapic *io, const struct acpi_ioapic *acpi)
{
	io->addr = acpi->addr;
	io->regs = mmio_map(acpi->addr, 0x20);
	io->gsi_base = acpi->gsi_base;
	io->id = chip_read(io, IOAPIC_ID);
	io->version = chip_read(io, IOAPIC_VERSION);
	io->arbitration = chip_read(io, IOAPIC_ARBITRATION);
	io->count = min((io->version >> 16 & 0xff) + 1, (u32)MAX_ENTRIES);
	iomem_restrict(maddr_mfn(acpi->addr), 1, IOMEM_NEVER);
	for (u32 i = 0; i < io->count; i++)
		entry_init(io, i);
}

void ioapic_init(void)
{
	for (u32 i = 0; i < machine.ioapic_count; i++)
		chip_init(&ioapics[i], &machine.ioapic[i]);
	log_info("%u IO-APIC%s, %u interrupt lines\n", machine.ioapic_count,
		 machine.ioapic_count == 1 ? "" : "s", ioapic_gsi_count());
}
