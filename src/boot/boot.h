// SPDX-License-Identifier: MIT
//
// What the loader told us, in one form whichever protocol it spoke, and what
// the firmware's tables say about the machine.
#pragma once

#include "config.h"
#include "lib/types.h"

struct regs;

#define BOOT_MAX_E820 128
#define BOOT_MAX_MODULES 16
#define BOOT_CMDLINE 2048

enum e820_type {
	E820_RAM = 1,
	E820_RESERVED = 2,
	E820_ACPI = 3,
	E820_NVS = 4,
	E820_UNUSABLE = 5,
};

struct e820_entry {
	u64 addr, size;
	u32 type;
} __attribute__((packed));

struct boot_module {
	maddr_t start;
	u64 size; // bytes
	char cmdline[1024]; // file name stripped
};

struct boot_info {
	const char *protocol; // "multiboot", "multiboot2", "PVH"
	char loader[64];
	char cmdline[BOOT_CMDLINE];
	u32 e820_count;
	struct e820_entry e820[BOOT_MAX_E820]; // sorted, no overlaps
	u32 module_count;
	struct boot_module module[BOOT_MAX_MODULES];
	maddr_t rsdp; // 0: search the BIOS area
	maddr_t efi_system_table; // 0: started by a BIOS
	maddr_t image_start, image_end; // where we ourselves are
};

extern struct boot_info boot_info;

// Reads what the loader passed, by the magic that it passed with it, into
// boot_info. Everything but the modules' contents is copied: afterwards only
// image and modules must be kept. Panics when the magic is unknown.
void bootinfo_read(u32 magic, u64 info);

// Calls fn for each range of whole pages of RAM above 1 MiB that holds neither
// the image nor a module, in ascending order.
void bootinfo_free_ram(const struct boot_info *bi,
		       void (*fn)(maddr_t start, maddr_t end, void *arg),
		       void *arg);

// The image's parts (hv.lds.S), page-aligned. Text is executable, rodata is
// read-only, data and bss are writable.
extern char image_start[], image_end[];
extern char text_start[], text_end[];
extern char rodata_start[], rodata_end[];
extern char data_start[], data_end[];
// At most one page of entry code inside the text, page-aligned.
extern const char gate_text_start[], gate_text_end[];

// Where an address inside the image lies in physical memory.
static inline maddr_t image_maddr(const void *p)
{
	return (u64)p - IMAGE_BASE + IMAGE_PHYS;
}

// Options of our command line. Xen's names are kept for what we have.
struct boot_options {
	u64 dom0_mem, dom0_mem_min, dom0_mem_max; // bytes; 0 = not given
	i64 dom0_mem_less; // dom0_mem=-64M: all but this
	u32 dom0_max_vcpus; // 0 = not given
	char dom0_gate[16]; // "", off, open... (docs/gate.md)
	char gate[24]; // "", off, adaptive, on... (docs/gate.md)
	bool two_roots; // root-sharing=off: test aid
	bool noreboot; // on fatal errors: halt instead of restart
	bool nosmp;
	u32 maxcpus; // 0 = all
	char console[64]; // "com1,vga"
	char com[2][64]; // com1=, com2=
	char loglvl[32], guest_loglvl[32];
	char sched[16];
	bool watchdog;
	u32 watchdog_timeout; // seconds; 0 = not given
	char clocksource[16]; // "", hpet, pit, acpi, tsc
	bool no_hpet, no_pit; // test aids: pretend a timer is absent
	bool noapic_x2; // x2apic=0
};
extern struct boot_options boot_options;

// Fills boot_options from the text; warns once for each unknown word.
void cmdline_parse(const char *text);

// Gives `bytes` bytes of physical memory at addr, or 0 when it cannot.
typedef const void *firmware_map_fn(maddr_t addr, size_t bytes);

// Firmware tables.
struct acpi_cpu {
	u32 apic_id, acpi_id;
	bool enabled;
};
struct acpi_ioapic {
	u32 id, gsi_base;
	maddr_t addr;
};
struct acpi_override {
	u8 isa_irq;
	u32 gsi;
	u16 flags;
};
struct machine {
	u32 cpu_count;
	struct acpi_cpu cpu[128];
	u32 ioapic_count;
	struct acpi_ioapic ioapic[8];
	u32 override_count;
	struct acpi_override override[24];
	maddr_t lapic;
	bool has_pics;
	u32 pm_timer_port; // 0: none
	bool pm_timer_32bit;
	u16 pm1a_cnt, pm1b_cnt; // ports; 0: none
	u16 sci;
	u8 reset_space; // ACPI address space id, 0xff: no reset register
	u64 reset_addr;
	u8 reset_value;
	bool has_s5; // sleep types for power-off, from the DSDT
	u8 s5_a, s5_b;
	maddr_t hpet; // 0: none
	maddr_t mcfg; // first segment's ECAM base, 0: none
	u8 mcfg_bus_start, mcfg_bus_end;
};
extern struct machine machine;

// What EFI left in memory, for dom0, which finds the ACPI tables by it.
#define EFI_VENDOR_MAX 100
struct efi_info {
	u32 revision; // of its system table, 2.70 is 0x20046; 0: it was no EFI
	u32 vendor_revision;
	u16 vendor[EFI_VENDOR_MAX]; // who made it; ends with 0
	maddr_t tables; // its configuration tables
	u32 nr_tables;
};
extern struct efi_info efi_info;

// Reads all of that (before mm_init: through the boot identity map).
void firmware_init(const struct boot_info *bi);

// Starts the other processors; they idle until they get work. One that does not
// come up is reported and left out.
void smp_start(void);

// The registers of an exception before the real IDT: dumps and stops.
no_return void early_trap(const struct regs *r);
// Makes exceptions on the boot processor print something.
void early_traps_init(void);
// Continues in fn on another stack; what is on the old one is lost.
no_return void boot_switch_stack(void *top, void (*fn)(void));
// entry.S calls it: the first C function.
no_return void boot_start(u32 magic, u32 info);
