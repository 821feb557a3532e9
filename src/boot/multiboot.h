// SPDX-License-Identifier: MIT
//
// The two Multiboot protocols: numbers for the headers in entry.S, structures
// for the readers. Sources: Multiboot Specification 0.6.96 section 3 and
// Multiboot2 Specification 2.0 section 3.
#pragma once

#define MB1_HEADER_MAGIC 0x1badb002
#define MB1_INFO_MAGIC 0x2badb002
#define MB1_HEADER_PAGE_ALIGN 0x1
#define MB1_HEADER_MEMORY 0x2
#define MB1_HEADER_ADDRESSES 0x10000

#define MB1_INFO_MEMORY 0x1
#define MB1_INFO_CMDLINE 0x4
#define MB1_INFO_MODULES 0x8
#define MB1_INFO_MMAP 0x40
#define MB1_INFO_LOADER 0x200

#define MB2_HEADER_MAGIC 0xe85250d6
#define MB2_INFO_MAGIC 0x36d76289
#define MB2_HEADER_TAG_END 0
#define MB2_HEADER_TAG_REQUEST 1
#define MB2_HEADER_TAG_ADDRESS 2
#define MB2_HEADER_TAG_ENTRY 3
#define MB2_HEADER_TAG_MODULE_ALIGN 6

#define MB2_TAG_END 0
#define MB2_TAG_CMDLINE 1
#define MB2_TAG_LOADER 2
#define MB2_TAG_MODULE 3
#define MB2_TAG_MMAP 6
#define MB2_TAG_EFI64 12
#define MB2_TAG_RSDP_OLD 14
#define MB2_TAG_RSDP_NEW 15

#ifndef __ASSEMBLY__

#include "lib/types.h"

struct mb1_info {
	u32 flags;
	u32 mem_lower, mem_upper; // KiB; the upper part starts at 1 MiB
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr;
	u32 config_table;
	u32 loader_name;
};

struct mb1_module {
	u32 start, end; // end is the first byte behind
	u32 cmdline;
	u32 reserved;
};

struct mb1_mmap {
	u32 size; // of the rest of this entry
	u64 addr, length;
	u32 type;
} __attribute__((packed));

struct mb2_info {
	u32 total_size;
	u32 reserved;
};

struct mb2_tag {
	u32 type;
	u32 size; // without the padding to 8 bytes
};

struct mb2_module {
	struct mb2_tag tag;
	u32 start, end;
	char cmdline[];
};

struct mb2_efi64 {
	struct mb2_tag tag;
	u64 system_table;
};

struct mb2_mmap {
	struct mb2_tag tag;
	u32 entry_size;
	u32 entry_version;
};

struct mb2_mmap_entry {
	u64 addr, length;
	u32 type;
	u32 reserved;
};

#endif
