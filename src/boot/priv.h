// SPDX-License-Identifier: MIT
//
// Between the files that read what the loader left.
#pragma once

#include "boot/boot.h"

// Readers, one a protocol. info is where the loader put its structure. They
// add raw memory map entries; bootinfo_read() puts them in order afterwards.
void multiboot1_read(struct boot_info *bi, maddr_t info);
void multiboot2_read(struct boot_info *bi, maddr_t info);
void pvh_read(struct boot_info *bi, maddr_t info);

// Copies a text of the loader's: at most size-1 bytes, the end cut off.
void loader_text(char *dst, size_t size, maddr_t text);
// Appends a module; what does not fit is reported. name_first: the first word
// of its command line is a file name (or the like) to be taken off.
void loader_module(struct boot_info *bi, maddr_t start, u64 size,
		   maddr_t cmdline, bool name_first);
// True for loaders that put no file name in front of command lines.
bool loader_is_grub2(const struct boot_info *bi);
// Takes the first word and the blanks behind it off.
void strip_word(char *text);

// e820.c. Adds an entry as the firmware told it; entries beyond the table's
// size are dropped.
void e820_add(struct boot_info *bi, u64 addr, u64 size, u32 type);
// Sorts the entries, resolves overlaps (RAM loses), and joins neighbours.
void e820_normalise(struct boot_info *bi);
