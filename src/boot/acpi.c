// SPDX-License-Identifier: MIT
//
// Finding the firmware's tables: root pointer, root table, and each table of
// which we know how to read. What they say is read in acpi_tables.c.
#include "boot/acpi.h"

#include "console/console.h"
#include "lib/string.h"

#define BIOS_AREA 0xe0000
#define BIOS_AREA_END 0x100000
#define EBDA_SEGMENT 0x40e // the BIOS keeps the EBDA's segment there
#define EBDA_BYTES 1024
#define TABLE_MAX MIB(4)

struct rsdp {
	char signature[8];
	u8 checksum;
	char oem[6];
	u8 revision;
	u32 rsdt;
	u32 length; // from here on: revision 2
	u64 xsdt;
	u8 checksum2, reserved[3];
} __attribute__((packed));

#define RSDP1_BYTES 20

static bool sum_ok(const void *data, size_t bytes)
{
	const u8 *p = data;
	u8 sum = 0;

	while (bytes--)
		sum = (u8)(sum + *p++);
	return !sum;
}

static bool is_rsdp(const struct rsdp *r)
{
	return !memcmp(r->signature, "RSD PTR ", 8) && sum_ok(r, RSDP1_BYTES);
}

static maddr_t search(maddr_t start, size_t bytes, firmware_map_fn *map)
{
	const char *area = map(start, bytes);

	if (!area)
		return 0;
	for (size_t at = 0; at + RSDP1_BYTES <= bytes; at += 16)
		if (is_rsdp((const void *)(area + at)))
			return start + at;
	return 0;
}

static maddr_t find_rsdp(firmware_map_fn *map)
{
	const u8 *segment = map(EBDA_SEGMENT, 2);
	maddr_t ebda =
		segment ? (maddr_t)(segment[0] | segment[1] << 8) << 4 : 0;
	maddr_t found = ebda ? search(ebda, EBDA_BYTES, map) : 0;

	if (found)
		return found;
	return search(BIOS_AREA, BIOS_AREA_END - BIOS_AREA, map);
}

// The whole table at addr, checked, or 0 with a warning.
static const struct acpi_header *table_at(maddr_t addr, firmware_map_fn *map)
{
	const struct acpi_header *t = map(addr, sizeof(*t));
	u32 length;

	if (!t) {
		log_warn("ACPI table at 0x%lx is out of reach\n", addr);
		return NULL;
	}
	length = t->length;
	if (length >= sizeof(*t) && length <= TABLE_MAX &&
	    (t = map(addr, length)) && sum_ok(t, length))
		return t;
	log_warn("ACPI table at 0x%lx is corrupt, ignored\n", addr);
	return NULL;
}

static void read_dsdt(struct machine *m, const struct acpi_header *fadt,
		      firmware_map_fn *map)
{
	maddr_t addr = acpi_fadt_dsdt(fadt);
	const struct acpi_header *t = addr ? table_at(addr, map) : NULL;

	if (t)
		acpi_read_dsdt(m, t);
}

static void read_table(struct machine *m, maddr_t addr, firmware_map_fn *map)
{
	static const struct {
		char signature[5];
		void (*read)(struct machine *m, const struct acpi_header *t);
	} readers[] = {
		{"APIC", acpi_read_madt},
		{"FACP", acpi_read_fadt},
		{"HPET", acpi_read_hpet},
		{"MCFG", acpi_read_mcfg},
	};
	const struct acpi_header *t = map(addr, sizeof(*t));

	for (u32 i = 0; t && i < ARRAY_SIZE(readers); i++) {
		if (memcmp(t->signature, readers[i].signature, 4) != 0)
			continue;
		t = table_at(addr, map);
		if (!t)
			return;
		readers[i].read(m, t);
		if (readers[i].read == acpi_read_fadt)
			read_dsdt(m, t, map);
		return;
	}
}

// The root table is a list of addresses, 4 (RSDT) or 8 bytes (XSDT) each.
static bool read_root(struct machine *m, maddr_t addr, size_t width,
		      firmware_map_fn *map)
{
	const struct acpi_header *root = table_at(addr, map);

	if (!root ||
	    memcmp(root->signature, width == 8 ? "XSDT" : "RSDT", 4) != 0)
		return false;
	for (size_t at = sizeof(*root); at + width <= root->length;
	     at += width) {
		u64 entry = 0;

		memcpy(&entry, (const char *)root + at, width);
		read_table(m, entry, map);
	}
	return true;
}

bool acpi_read(struct machine *m, maddr_t addr, firmware_map_fn *map)
{
	const struct rsdp *r;
	struct rsdp rsdp = {0};

	if (!addr)
		addr = find_rsdp(map);
	r = addr ? map(addr, RSDP1_BYTES) : NULL;
	if (!r || !is_rsdp(r))
		return false;
	memcpy(&rsdp, r, RSDP1_BYTES);
	if (rsdp.revision >= 2 && (r = map(addr, sizeof(*r))) &&
	    sum_ok(r, sizeof(*r)))
		memcpy(&rsdp, r, sizeof(rsdp));
	return (rsdp.xsdt && read_root(m, rsdp.xsdt, 8, map)) ||
	       (rsdp.rsdt && read_root(m, rsdp.rsdt, 4, map));
}
