// SPDX-License-Identifier: MIT
//
// What single ACPI tables say. Offsets are those of the ACPI Specification
// 6.4, section 5.2; fields beyond a table's length read as zero, so that old
// and short tables need no special care.
#include "boot/acpi.h"
#include "console/console.h"
#include "lib/string.h"

#define MADT_ENTRIES 44
#define MADT_LAPIC 0
#define MADT_IOAPIC 1
#define MADT_OVERRIDE 2
#define MADT_LAPIC_ADDR 5
#define MADT_X2APIC 9
#define MADT_PCAT_COMPAT 1
#define MADT_CPU_ENABLED 1

#define FADT_TIMER_32BIT BIT(8)
#define FADT_RESET_SUPPORTED BIT(10)

#define GAS_MEMORY 0
#define GAS_IO 1

// A piece of a table that readers cannot leave.
struct view {
	const u8 *data;
	size_t length;
};

static u64 field(const struct view *v, size_t offset, size_t bytes)
{
	u64 value = 0;

	if (offset + bytes <= v->length)
		memcpy(&value, v->data + offset, bytes);
	return value;
}

static u8 field8(const struct view *v, size_t offset)
{
	return (u8)field(v, offset, 1);
}

static u16 field16(const struct view *v, size_t offset)
{
	return (u16)field(v, offset, 2);
}

static u32 field32(const struct view *v, size_t offset)
{
	return (u32)field(v, offset, 4);
}

static struct view view_of(const struct acpi_header *t)
{
	return (struct view){(const u8 *)t, t->length};
}

// ---------------------------------------------------------------- MADT

static void add_cpu(struct machine *m, u32 apic_id, u32 acpi_id, u32 flags)
{
	if (!(flags & MADT_CPU_ENABLED))
		return;
	for (u32 i = 0; i < m->cpu_count; i++)
		if (m->cpu[i].apic_id == apic_id)
			return; // listed as APIC and as x2APIC
	if (m->cpu_count < ARRAY_SIZE(m->cpu))
		m->cpu[m->cpu_count++] =
			(struct acpi_cpu){apic_id, acpi_id, true};
}

static void read_lapic(struct machine *m, const struct view *e)
{
	add_cpu(m, field8(e, 3), field8(e, 2), field32(e, 4));
}

static void read_x2apic(struct machine *m, const struct view *e)
{
	add_cpu(m, field32(e, 4), field32(e, 12), field32(e, 8));
}

static void read_ioapic(struct machine *m, const struct view *e)
{
	if (m->ioapic_count < ARRAY_SIZE(m->ioapic))
		m->ioapic[m->ioapic_count++] = (struct acpi_ioapic){
			.id = field8(e, 2),
			.addr = field32(e, 4),
			.gsi_base = field32(e, 8),
		};
}

static void read_override(struct machine *m, const struct view *e)
{
	if (m->override_count < ARRAY_SIZE(m->override))
		m->override[m->override_count++] = (struct acpi_override){
			.isa_irq = field8(e, 3),
			.gsi = field32(e, 4),
			.flags = field16(e, 8),
		};
}

static void read_lapic_addr(struct machine *m, const struct view *e)
{
	m->lapic = field(e, 4, 8);
}

void acpi_read_madt(struct machine *m, const struct acpi_header *t)
{
	static const struct {
		u8 type, length;
		void (*read)(struct machine *m, const struct view *e);
	} readers[] = {
		{MADT_LAPIC, 8, read_lapic},
		{MADT_IOAPIC, 12, read_ioapic},
		{MADT_OVERRIDE, 10, read_override},
		{MADT_LAPIC_ADDR, 12, read_lapic_addr},
		{MADT_X2APIC, 16, read_x2apic},
	};
	struct view v = view_of(t), e;

	m->lapic = field32(&v, 36);
	m->has_pics = field32(&v, 40) & MADT_PCAT_COMPAT;
	for (size_t at = MADT_ENTRIES; at + 2 <= v.length; at += e.length) {
		e = (struct view){v.data + at, v.data[at + 1]};
		if (e.length < 2 || e.length > v.length - at) {
			log_warn("ACPI MADT has a bad entry, the rest is "
				 "ignored\n");
			return;
		}
		for (u32 i = 0; i < ARRAY_SIZE(readers); i++)
			if (readers[i].type == e.data[0] &&
			    readers[i].length <= e.length)
				readers[i].read(m, &e);
	}
}

// ---------------------------------------------------------------- FADT

// A register's port from the extended field if it is a port there, else from
// the old field.
static u32 register_port(const struct view *v, size_t extended, size_t old)
{
	u64 addr = field(v, extended + 4, 8);

	if (addr && addr <= 0xffff && field8(v, extended) == GAS_IO)
		return (u32)addr;
	return field32(v, old) & 0xffff;
}

static void read_reset(struct machine *m, const struct view *v)
{
	u8 space = field8(v, 116);
	u64 addr = field(v, 120, 8);

	if (!(field32(v, 112) & FADT_RESET_SUPPORTED) || !addr)
		return;
	if (space == GAS_MEMORY || (space == GAS_IO && addr <= 0xffff)) {
		m->reset_space = space;
		m->reset_addr = addr;
		m->reset_value = field8(v, 128);
	}
}

void acpi_read_fadt(struct machine *m, const struct acpi_header *t)
{
	struct view v = view_of(t);

	m->sci = field16(&v, 46);
	m->pm1a_cnt = (u16)register_port(&v, 172, 64);
	m->pm1b_cnt = (u16)register_port(&v, 184, 68);
	if (field8(&v, 91) == 4) // PM_TMR_LEN: 0 when there is no timer
		m->pm_timer_port = register_port(&v, 208, 76);
	m->pm_timer_32bit = field32(&v, 112) & FADT_TIMER_32BIT;
	read_reset(m, &v);
}

maddr_t acpi_fadt_dsdt(const struct acpi_header *t)
{
	struct view v = view_of(t);
	maddr_t extended = field(&v, 140, 8);

	return extended ? extended : field32(&v, 40);
}

// ---------------------------------------------------------------- others

void acpi_read_hpet(struct machine *m, const struct acpi_header *t)
{
	struct view v = view_of(t);

	if (field8(&v, 40) == GAS_MEMORY)
		m->hpet = field(&v, 44, 8);
}

void acpi_read_mcfg(struct machine *m, const struct acpi_header *t)
{
	struct view v = view_of(t);

	if (field16(&v, 52)) // a segment other than the first
		return;
	m->mcfg = field(&v, 44, 8);
	m->mcfg_bus_start = field8(&v, 54);
	m->mcfg_bus_end = field8(&v, 55);
}

// One integer of an AML package; *at moves behind it. False: not a constant.
static bool aml_integer(const struct view *v, size_t *at, u8 *value)
{
	u8 op = field8(v, *at);

	switch (op) {
	case 0x00: // ZeroOp, OneOp
	case 0x01:
		*value = op;
		*at += 1;
		return true;
	case 0x0a: // BytePrefix
	case 0x0b: // WordPrefix
	case 0x0c: // DWordPrefix
		*value = field8(v, *at + 1);
		*at += 1 + (1u << (op - 0x0a));
		return true;
	default:
		return false;
	}
}

// The package behind the name: PackageOp, a length of 1 to 4 bytes (the first
// one says how many), the number of elements, the elements.
static bool read_s5_package(struct machine *m, const struct view *v, size_t at)
{
	if (field8(v, at) != 0x12)
		return false;
	at += 2 + (field8(v, at + 1) >> 6);
	if (field8(v, at) < 2)
		return false;
	at++;
	return aml_integer(v, &at, &m->s5_a) && aml_integer(v, &at, &m->s5_b);
}

// Power-off needs two numbers that only AML tells. They are constants in
// Name(\_S5, Package...), so a search for the name's bytes finds them without
// an interpreter.
void acpi_read_dsdt(struct machine *m, const struct acpi_header *t)
{
	struct view v = view_of(t);

	for (size_t at = sizeof(*t) + 2; at + 8 <= v.length; at++) {
		bool named = v.data[at - 1] == 0x08 ||
			     (v.data[at - 2] == 0x08 && v.data[at - 1] == '\\');

		if (named && !memcmp(v.data + at, "_S5_", 4) &&
		    read_s5_package(m, &v, at + 4)) {
			m->has_s5 = true;
			return;
		}
	}
}
