// SPDX-License-Identifier: MIT
//
// The pure half of ACPI: from bytes to struct machine. Tables are firmware's
// and may be wrong in any way; each is bounded by its length and checked by
// its sum before anybody looks inside. Runs on the host for tests.
#pragma once

#include "boot/boot.h"
#include "lib/types.h"

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem[26];
} __attribute__((packed));

_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");

// Finds and reads all tables. rsdp is where the loader says that the root
// pointer is, or 0 to search the BIOS area. False when there is no ACPI.
bool acpi_read(struct machine *m, maddr_t rsdp, firmware_map_fn *map);

// acpi_tables.c: one reader a table; t has passed its checks.
void acpi_read_madt(struct machine *m, const struct acpi_header *t);
void acpi_read_fadt(struct machine *m, const struct acpi_header *t);
void acpi_read_hpet(struct machine *m, const struct acpi_header *t);
void acpi_read_mcfg(struct machine *m, const struct acpi_header *t);
void acpi_read_dsdt(struct machine *m, const struct acpi_header *t);
// Address of the DSDT that a FADT names, 0 for none.
maddr_t acpi_fadt_dsdt(const struct acpi_header *t);
