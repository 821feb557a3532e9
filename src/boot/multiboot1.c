// SPDX-License-Identifier: MIT
//
// Multiboot 1: QEMU's -kernel, GRUB's `multiboot`, iPXE, syslinux.
#include "boot/multiboot.h"

#include "boot/priv.h"
#include "mm/mm.h"

// An entry's size field does not count itself.
static void read_mmap(struct boot_info *bi, u32 addr, u32 length)
{
	for (u64 at = 0; at + sizeof(struct mb1_mmap) <= length;) {
		const struct mb1_mmap *e = maddr_virt(addr + at);

		e820_add(bi, e->addr, e->length, e->type);
		at += (u64)e->size + sizeof(e->size);
	}
}

static void read_modules(struct boot_info *bi, const struct mb1_info *info)
{
	const struct mb1_module *m = maddr_virt(info->mods_addr);

	for (u32 i = 0; i < info->mods_count; i++)
		if (m[i].end > m[i].start)
			loader_module(bi, m[i].start, m[i].end - m[i].start,
				      m[i].cmdline, !loader_is_grub2(bi));
}

void multiboot1_read(struct boot_info *bi, maddr_t addr)
{
	const struct mb1_info *info = maddr_virt(addr);

	bi->protocol = "multiboot";
	if (info->flags & MB1_INFO_LOADER)
		loader_text(bi->loader, sizeof(bi->loader), info->loader_name);
	if (info->flags & MB1_INFO_CMDLINE)
		loader_text(bi->cmdline, sizeof(bi->cmdline), info->cmdline);
	if (!loader_is_grub2(bi))
		strip_word(bi->cmdline);
	if (info->flags & MB1_INFO_MODULES)
		read_modules(bi, info);
	if (info->flags & MB1_INFO_MMAP) {
		read_mmap(bi, info->mmap_addr, info->mmap_length);
	} else if (info->flags & MB1_INFO_MEMORY) {
		e820_add(bi, 0, KIB(info->mem_lower), E820_RAM);
		e820_add(bi, MIB(1), KIB(info->mem_upper), E820_RAM);
	}
}
