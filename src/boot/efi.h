// SPDX-License-Identifier: MIT
//
// What is left of EFI when the loader has ended its boot services: its system
// table, and what that leads to. Run-time services are not used. Pure: runs on
// the host for tests. Source: UEFI Specification 2.10, section 4.3.
#pragma once

#include "boot/boot.h"

struct efi_table_header {
	u64 signature;
	u32 revision, header_size, crc, reserved;
};

struct efi_system_table {
	struct efi_table_header header;
	u64 vendor; // address of UTF-16
	u32 vendor_revision, padding;
	u64 consoles[6]; // handles and interfaces
	u64 runtime, boot_services;
	u64 nr_tables, tables;
};

struct efi_configuration_table {
	u8 guid[16];
	u64 table;
};

_Static_assert(sizeof(struct efi_system_table) == 120, "UEFI 4.3.1");
_Static_assert(sizeof(struct efi_configuration_table) == 24, "UEFI 4.6");

#define EFI_SIGNATURE 0x5453595320494249ull // "IBI SYST"
#define EFI_TABLES_MAX 1024

// Reads the system table at addr. False, and *e is empty, when there is none
// that makes sense, or its configuration tables are out of map's reach.
bool efi_read(struct efi_info *e, maddr_t addr, firmware_map_fn *map);
