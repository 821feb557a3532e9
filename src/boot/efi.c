// SPDX-License-Identifier: MIT
//
// EFI's system table; see efi.h.
#include "boot/efi.h"

#include "lib/string.h"

// A name that cannot be read is no name.
static void read_vendor(struct efi_info *e, maddr_t addr, firmware_map_fn *map)
{
	for (u32 i = 0; i < EFI_VENDOR_MAX - 1; i++) {
		const u16 *c = map(addr + i * sizeof(*c), sizeof(*c));

		if (!addr || !c || !*c)
			break;
		e->vendor[i] = *c;
	}
}

static bool is_system_table(const struct efi_system_table *t)
{
	return t->header.signature == EFI_SIGNATURE && t->header.revision;
}

bool efi_read(struct efi_info *e, maddr_t addr, firmware_map_fn *map)
{
	const struct efi_system_table *t = map(addr, sizeof(*t));

	memset(e, 0, sizeof(*e));
	if (!t || !is_system_table(t) || !t->tables ||
	    t->nr_tables > EFI_TABLES_MAX ||
	    !map(t->tables,
		 t->nr_tables * sizeof(struct efi_configuration_table)))
		return false;
	e->revision = t->header.revision;
	e->vendor_revision = t->vendor_revision;
	e->tables = t->tables;
	e->nr_tables = (u32)t->nr_tables;
	read_vendor(e, t->vendor, map);
	return true;
}
