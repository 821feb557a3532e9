// SPDX-License-Identifier: MIT
// uses: src/boot/acpi.c src/boot/acpi_tables.c
//
// ACPI tables are firmware's word and may be anything. The first byte chooses:
// one table reader on the rest as a table whose header is right, or the whole
// search on the rest as memory, where sums must be right as well.
#include <stdlib.h>
#include <string.h>

#include "boot/acpi.h"
#include "console/console.h"

static const u8 *memory;
static size_t memory_bytes;

void log_at(enum log_level level, const char *format, ...)
{
}

static const void *map(maddr_t addr, size_t bytes)
{
	return addr < memory_bytes && bytes <= memory_bytes - addr
		       ? memory + addr
		       : NULL;
}

static void one_table(struct machine *m, u8 which, const u8 *data, size_t size)
{
	static void (*const readers[])(struct machine *,
				       const struct acpi_header *) = {
		acpi_read_madt, acpi_read_fadt, acpi_read_hpet,
		acpi_read_mcfg, acpi_read_dsdt,
	};
	struct acpi_header *t;

	if (size < sizeof(*t))
		return;
	t = malloc(size); // exactly, so that ASan sees one byte too many
	memcpy(t, data, size);
	t->length = (u32)size;
	readers[which % ARRAY_SIZE(readers)](m, t);
	acpi_fadt_dsdt(t);
	free(t);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct machine m;

	memset(&m, 0, sizeof(m));
	if (!size)
		return 0;
	memory = data + 1;
	memory_bytes = size - 1;
	if (data[0] & 0x80)
		acpi_read(&m, data[0] & 0x7f, map);
	else
		one_table(&m, data[0], memory, memory_bytes);
	if (m.cpu_count > ARRAY_SIZE(m.cpu) ||
	    m.ioapic_count > ARRAY_SIZE(m.ioapic) ||
	    m.override_count > ARRAY_SIZE(m.override))
		abort();
	return 0;
}
