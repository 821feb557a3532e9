// SPDX-License-Identifier: MIT
//
// The parts of the dom0 builder, from the outside in: build.c tells the story;
// build_kernel.c unpacks the kernel; build_memory.c says how much memory dom0
// gets; build_layout.c where things go in it; build_load.c takes the frames and
// fills them; build_gate.c which ring it starts in; build_frames.c knows which
// they are; build_tables.c makes page tables and lists; build_info.c the
// start-of-day page. Memory, layout, frames and info are pure arithmetic.
#pragma once

#include "domain/elf.h"
#include "lib/types.h"

struct boot_module;
struct boot_options;
struct domain;
struct start_info;

// ---------------------------------------------------------------- kernel

struct kernel {
	struct elf_image image;
	void *unpacked; // scratch block, 0 when the module itself is the ELF
	// Segments whose frames became dom0's as they were
	bool given[ELF_MAX_SEGMENTS];
};

// Unpacks and parses the module. Panics with the reason when it cannot be done.
void kernel_open(struct kernel *k, const struct boot_module *module);

// ---------------------------------------------------------------- memory

struct memory_ask {
	u64 given, least, most; // bytes; 0: not asked for
	u64 less; // bytes; all but this; 0: not asked for
	u64 free_pages; // what the machine has to give
	u64 total_pages; // its whole RAM
};

// Pages that dom0 gets, or 0 when it asks for more than there is.
u64 memory_pages(const struct memory_ask *ask);

// ------------------------------------------------------------------- mode

struct gate_ask {
	const char *option; // dom0-gate=
	bool closed; // it is a word of the closed gate's
	u64 entry; // where the kernel starts
	bool meltdown; // the processor has that fault
};

// True for an open gate, which is the usual case. Else *why says why not.
bool gate_open(const struct gate_ask *ask, const char **why);

// ---------------------------------------------------------------- layout

struct layout_ask {
	u64 base; // guest address of PFN 0
	u64 kernel_end; // guest address behind the kernel
	u64 initrd_pages;
	bool initrd_mapped;
	u64 init_p2m; // guest address wanted for the list of frames, or 0
	u64 nr_pages;
};

// A run of page tables that map [start, end).
struct tables {
	u64 start, end;
	u64 count[3]; // of level 1, 2, 3
};

struct layout {
	u64 base, end; // guest addresses of the mapped area
	u64 mapped_pages; // PFNs 0.. are mapped from base on
	u64 initrd_pfn, initrd_pages;
	u64 initrd_va; // 0: not mapped
	u64 p2m_va, p2m_pfn, p2m_pages; // the list of frames
	u64 info_va; // start_info
	u64 tables_va, tables_pfn, tables_pages; // L4 first
	u64 stack_va; // the page below the first stack pointer
	struct tables tables;
	// With init_p2m: PFNs of the list and the tables that map it
	struct tables p2m_tables;
	u64 p2m_tables_pfn, p2m_tables_pages;
	u64 used_pages; // all of the above; the rest is the guest's
};

// Lays out dom0. Returns 0 or what is wrong with the kernel's wishes. Compare
// used_pages with nr_pages afterwards.
const char *must_check layout_compute(struct layout *l,
				      const struct layout_ask *ask);

// ---------------------------------------------------------------- frames

// PFN to MFN while building: runs of frames, dense from PFN 0.
struct extent {
	u64 pfn, mfn, count;
};

struct frame_map {
	struct extent *extent;
	u32 count, room;
	u64 pages;
};

// Appends count frames from mfn on. False: no memory for the map.
bool must_check frame_map_add(struct frame_map *m, mfn_t mfn, u64 count);
// The run from pfn on: its first frame; *count is how many follow in a row.
mfn_t frame_map_run(const struct frame_map *m, u64 pfn, u64 *count);
// The frame of pfn, which is in the map.
mfn_t frame_map_mfn(const struct frame_map *m, u64 pfn);
void frame_map_free(struct frame_map *m);

// ------------------------------------------------------ tables and lists

// Make the page tables in the frames that l has for them; write the list of
// frames, and fill M2P. Plain writes: nothing is typed yet.
void build_page_tables(const struct layout *l, const struct frame_map *m);
void build_frame_lists(const struct layout *l, const struct frame_map *m,
		       u64 nr_pages);

// ---------------------------------------------------------------- info

struct info_ask {
	u64 nr_pages;
	maddr_t shared_info;
	u64 initrd_bytes;
	const char *cmdline;
};

// Fills the start-of-day page, which is cleared.
void build_start_info(struct start_info *si, const struct layout *l,
		      const struct info_ask *ask);

// ---------------------------------------------------------------- loading

struct build {
	const struct boot_module *kernel_module;
	const struct boot_module *initrd; // 0: none
	struct kernel kernel;
	struct domain *d;
	struct layout layout;
	struct frame_map frames;
	u64 nr_pages;
};

// Whole pages that a module takes; 0 for no module (0).
u64 module_pages(const struct boot_module *module);
// Loaders put modules on page borders; then the module's frames are its own.
bool module_owns_frames(const struct boot_module *module);
// Gives a module's frames to the heap, if it owns them.
void module_free(const struct boot_module *module);

// Takes all of dom0's frames, with kernel and initrd in their places. What held
// the unpacked kernel (or the module, if it is a plain ELF file) is used up.
void build_load(struct build *b);
// A page of dom0's mapped area, by its guest address.
void *build_page(const struct build *b, u64 va);
