// SPDX-License-Identifier: MIT
//
// What the firmware's tables say about this machine, and what we assume about
// one that has none.
#include "boot/acpi.h"
#include "boot/efi.h"
#include "console/console.h"
#include "hw/cpu.h"
#include "mm/mm.h"

// Until the tables are read: no reset register known.
struct machine machine = {.reset_space = 0xff};
struct efi_info efi_info;

// Before mm_init: the boot page tables reach the low 4 GiB.
static const void *map_boot(maddr_t addr, size_t bytes)
{
	return addr < GIB(4) && bytes <= GIB(4) - addr ? maddr_virt(addr)
						       : NULL;
}

// A PC without tables: what has been at these places since ever.
static void set_defaults(struct machine *m)
{
	m->lapic = 0xfee00000;
	m->has_pics = true;
	m->reset_space = 0xff;
	m->sci = 9;
}

static void add_default_cpu(struct machine *m)
{
	m->cpu[0] = (struct acpi_cpu){.apic_id = cpuid(1, 0).b >> 24,
				      .enabled = true};
	m->cpu_count = 1;
}

static void add_default_ioapic(struct machine *m)
{
	m->ioapic[0] = (struct acpi_ioapic){.addr = 0xfec00000};
	m->ioapic_count = 1;
	m->override[0] = (struct acpi_override){.isa_irq = 0, .gsi = 2};
	m->override_count = 1;
}

// Without it dom0 finds no ACPI tables, for EFI machines have no BIOS area.
static void read_efi(const struct boot_info *bi)
{
	if (!bi->efi_system_table)
		return;
	if (efi_read(&efi_info, bi->efi_system_table, map_boot))
		log_info("EFI %u.%02u\n", efi_info.revision >> 16,
			 efi_info.revision & 0xffff);
	else
		log_warn("EFI's system table is not readable: dom0 will do "
			 "without ACPI\n");
}

void firmware_init(const struct boot_info *bi)
{
	read_efi(bi);
	set_defaults(&machine);
	if (!acpi_read(&machine, bi->rsdp, map_boot))
		log_warn("no ACPI tables: assuming a plain PC with one "
			 "processor\n");
	if (!machine.cpu_count)
		add_default_cpu(&machine);
	if (!machine.ioapic_count)
		add_default_ioapic(&machine);
}
