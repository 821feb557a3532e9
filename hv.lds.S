// SPDX-License-Identifier: MIT
//
// The image. It is linked at IMAGE_BASE, loaded at IMAGE_PHYS, and in one
// piece in the file, because loaders of the Multiboot protocols copy it as
// plain bytes. The parts are page-aligned so that mm_init can give each its
// rights: text executable, rodata read-only, data and bss writable. The order
// matters to the second link: the symbol table (in rodata, tools/symbols) may
// only move what lies behind the text.

#include "config.h"

OUTPUT_FORMAT("elf64-x86-64")
ENTRY(boot_multiboot)

PHDRS {
	image PT_LOAD FLAGS(7);
	note PT_NOTE FLAGS(4);
	stack PT_GNU_STACK FLAGS(6);
}

// What hypercalls and faults of guests go through, callers and callees side by
// side, behind what is marked as hot (lib/types.h tells why).
#define HOT(sections) \
	*/gate/entry.S.o(sections) */cpu/exit.o(sections) \
	*/cpu/trap.o(sections) */hypercall/dispatch.o(sections) \
	*/hypercall/table.o(sections) */hypercall/multicall.o(sections) \
	*/cpu/uaccess.o(sections) */cpu/callback.o(sections) \
	*/cpu/state.o(sections) */cpu/iret.o(sections) \
	*/mm/foreign.o(sections) */mm/mmuext_op.o(sections) \
	*/mm/root.o(sections) */mm/tlb.o(sections) */mm/undo.o(sections) \
	*/mm/type.o(sections) */mm/flush.o(sections) */mm/walk.o(sections) \
	*/mm/va_update.o(sections) */mm/mmu_update.o(sections) \
	*/mm/change.o(sections) */mm/entry.o(sections) \
	*/mm/ptwr.o(sections) */cpu/decode.o(sections) \
	*/cpu/bounce.o(sections) */mm/table.o(sections) \
	*/mm/mirror.o(sections) */gate/closed.o(sections) \
	*/gate/adaptive.o(sections)

// Of these the hottest come first, as they call each other: a hypercall that
// changes a page table, and a write to one. Those that are marked as hot stand
// here for clang 14, which gives them no section of their own.
#define HOTTEST \
	*/gate/entry.S.o(.text) *(.text.guest_exit .text.syscall_entry \
	.text.hypercall_entry .text.guest_read_pair .text.guest_range_ok \
	.text.mmu_update_usual .text.l1_change .text.l1_take .text.l1_drop \
	.text.trap_entry .text.ptwr_fault .text.walk_l1_table \
	.text.guest_read_word .text.entry_exchange .text.guest_read \
	.text.guest_write .text.hypercall_call .text.hc_mmu_update)

SECTIONS {
	. = IMAGE_BASE;
	image_start = .;
	text_start = .;

	.boot : AT(ADDR(.boot) - IMAGE_BASE + IMAGE_PHYS) {
		KEEP(*(.boot.header))
		KEEP(*(.boot.text))
		KEEP(*(.boot.data))
	} :image

	.gate.text ALIGN(4096) : AT(ADDR(.gate.text) - IMAGE_BASE + IMAGE_PHYS) {
		gate_text_start = .;
		KEEP(*(.gate.text))
		gate_text_end = .;
	} :image

	.closed.text ALIGN(4096) : AT(ADDR(.closed.text) - IMAGE_BASE + IMAGE_PHYS) {
		closed_text_start = .;
		KEEP(*(.closed.text))
		closed_text_end = .;
		. = ALIGN(4096); // guests see its last page whole
	} :image

	.text ALIGN(4096) : AT(ADDR(.text) - IMAGE_BASE + IMAGE_PHYS) {
		*(.text.hot .text.hot.*)
		*(.data.rel.ro.hot) // in the same page
		HOTTEST
		HOT(.text .text.*)
		*(.text .text.*)
	} :image
	. = ALIGN(4096);
	text_end = .;

	.rodata ALIGN(4096) : AT(ADDR(.rodata) - IMAGE_BASE + IMAGE_PHYS) {
		rodata_start = .;
		HOT(.rodata .rodata.* .data.rel.ro .data.rel.ro.*)
		*(.rodata .rodata.*)
		*(.data.rel.ro .data.rel.ro.*)
		*(.got .got.plt)
		// liblzma's constructor (domain/vector.c runs it)
		init_array_start = .;
		KEEP(*(.init_array))
		init_array_end = .;
	} :image
	.extable ALIGN(8) : AT(ADDR(.extable) - IMAGE_BASE + IMAGE_PHYS) {
		extable_start = .;
		KEEP(*(.extable))
		extable_end = .;
	} :image
	.note.pvh ALIGN(4) : AT(ADDR(.note.pvh) - IMAGE_BASE + IMAGE_PHYS) {
		KEEP(*(.note.pvh))
	} :image :note
	.symbols ALIGN(4) : AT(ADDR(.symbols) - IMAGE_BASE + IMAGE_PHYS) {
		KEEP(*(.symbols))
	} :image
	. = ALIGN(4096);
	rodata_end = .;

	.data ALIGN(4096) : AT(ADDR(.data) - IMAGE_BASE + IMAGE_PHYS) {
		data_start = .;
		*(.data.hot)
		*(.data.hot.table)
		*(.data .data.*)
		. = ALIGN(16);
	} :image
	image_file_end = .;

	.bss ALIGN(4096) : AT(ADDR(.bss) - IMAGE_BASE + IMAGE_PHYS) {
		bss_start = .;
		*(.bss .bss.*)
		. = ALIGN(PERCPU_SIZE);
		KEEP(*(.early_block))
		. = ALIGN(4096);
	} :image
	data_end = .;
	image_end = .;

	/DISCARD/ : {
		*(.comment .note.GNU-stack .note.gnu.* .eh_frame* .note)
		*(.init .fini .ctors .dtors .gnu.warning.*)
	}
}

ASSERT(gate_text_end - gate_text_start <= 4096, "entry stubs: one page")
ASSERT(closed_text_end - closed_text_start <= 8192, "closed gate: two pages")
ASSERT(image_end - image_start <= 0x1000000, "fits the boot page tables")
