// SPDX-License-Identifier: MIT
//
// Reading a kernel's ELF file: where its segments go and what its Xen notes
// say. Pure: nothing is copied, and every offset is checked against the file
// before it is used, since the file may be damaged or hostile.
#pragma once

#include "lib/types.h"

#define ELF_MAX_SEGMENTS 32

// One loadable segment, in file order. Checked: offset + file_bytes lies in
// the file, file_bytes <= mem_bytes, paddr + mem_bytes does not wrap.
struct elf_segment {
	u64 offset, file_bytes;
	u64 paddr, mem_bytes;
};

// What the kernel asks of us. Addresses are virtual ones of the guest.
struct xen_notes {
	u32 present; // bit per XEN_ELFNOTE_* number seen
	u64 entry;
	u64 hypercall_page; // 0: none wanted
	u64 virt_base, paddr_offset;
	u64 init_p2m; // 0: list of frames goes into the kernel's own area
	bool initrd_unmapped; // MOD_START_PFN
	u32 features; // SUPPORTED_FEATURES; bit per XENFEAT_* number
	char guest_os[16], guest_version[16], xen_version[16], loader[16];
};

struct elf_image {
	const u8 *file;
	u64 file_bytes;
	u32 segment_count;
	struct elf_segment segment[ELF_MAX_SEGMENTS];
	u64 paddr_start, paddr_end; // all segments lie in here
	struct xen_notes notes;
};

// Parses a 64-bit kernel with Xen PV notes that can be dom0. Returns 0, or a
// sentence saying what is wrong with the file and what to do about it.
const char *must_check elf_parse(struct elf_image *image, const void *file,
				 u64 bytes);

// Where a physical address of the image lies in the guest's address space.
static inline u64 elf_va(const struct elf_image *image, u64 paddr)
{
	return paddr - image->notes.paddr_offset + image->notes.virt_base;
}
