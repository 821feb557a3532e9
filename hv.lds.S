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

// What hypercalls and faults of guests go through (HOT in mk/hv.mk), behind the
// hottest of it.
#define HOT(sections) */gate/entry.S.o(sections) */hv/hot.o(sections)

// The hottest come first, function by function, in the order in which the paths
// take them: after a write to CR3 each page that is used is a TLB entry to be
// filled again. FN names all that compilers make of a function.
#define FN(name) *(.text.hot.name .text.hot.name.* .text.name .text.name.*)
#define FN_HOT(name) */hv/hot.o(.text.name .text.name.*)

// Any way in and out: system calls, faults, iret.
#define IN_AND_OUT \
	*(.text.hot.entry .data.rel.ro.hot) FN(guest_exit) FN(syscall_entry) \
	FN(hypercall_entry) FN(guest_read) FN(hc_iret) FN(guest_write) \
	FN(bounce_syscall) FN(enter_callback) FN(bounce) FN(bounce_frame) \
	FN(vcpu_switch_mode) FN(root_switch) FN(root_is_shared) \
	FN(wanted_root) FN(find_pair) FN_HOT(get) FN(mirror_shared) \
	FN(tlb_load_root) FN(tlb_flush_follows) FN(trap_entry) \
	FN(bounce_trap) FN(bounce_page_fault) FN(root_fault) \
	FN(root_fault_again) FN(mirror_give) FN(mirror_given)

// The closed and the adaptive gate.
#define GATE \
	FN(gate_leave) FN(gate_entered) FN(adaptive_learn) \
	FN(adaptive_shares) FN(mirror_shares) FN(mirror_of) FN(mirror_full) \
	FN(mirror_show) FN(root_full) FN(dirty_is_on) FN(vcpu_info_present)

// A write to an entry of a page table, and a hypercall for one.
#define ENTRIES \
	FN(ptwr_fault) FN(walk_l1_table) FN(guest_read_word) \
	FN(guest_read_pair) FN(guest_range_ok) FN(entry_exchange) \
	FN(mmu_update_usual) FN(l1_change) FN(l1_drop) FN(l1_take)

// A task switch.
#define TASKS \
	FN(run_batch) FN_HOT(run) FN(hc_multicall) \
	FN(protect_ahead) FN(hypercall_call) FN(hc_mmuext_op) \
	FN(op_flush) FN(flush_do) FN(tlb_freshen) \
	FN(foreign_resolve) FN(op_new_root) FN(op_new_user_root) \
	FN(take_root) FN(roots_settle) FN(root_next) FN(root_is_alike) \
	FN(root_load) FN(root_changed) \
	FN(hc_set_segment_base) FN(hc_stack_switch) FN(descriptor_load) \
	FN(domain_target)

// Page tables come and go. Those who call each other, entry_change() and on,
// begin a page.
#define TABLES \
	FN(hc_mmu_update) FN(update_entry) FN(hc_update_va_mapping) \
	. = ALIGN(4096); \
	FN(entry_change) FN(entry_check) FN(entry_put) FN(entry_get) \
	FN_HOT(drop) FN_HOT(take) FN(type_get) \
	FN(type_put) FN(type_unlink) FN(validate) FN(table_validate) \
	FN_HOT(drain) FN_HOT(make) FN_HOT(write_entry) FN(for_mirrors_of) \
	FN(decode_write) FN(decode_execute)

// Those that take a page table entry by entry: in one page, so that no round
// leads from one to another.
#define LOOPS \
	. = ALIGN(4096); \
	FN(fill_l1) FN(drain_l1) FN(fill_span) FN(drain_span) \
	. = ALIGN(4096);

#define HOTTEST LOOPS IN_AND_OUT GATE ENTRIES TASKS TABLES

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
		HOTTEST
		*(.text.hot .text.hot.*)
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
