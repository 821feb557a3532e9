// SPDX-License-Identifier: MIT
//
// Multiboot 2: GRUB's `multiboot2`, under BIOS and under EFI. The information
// is a row of tags, each aligned to 8 bytes.
#include "boot/multiboot.h"

#include "boot/priv.h"
#include "lib/string.h"
#include "mm/mm.h"

// The loader's copy of the RSDP goes away with its memory: ours stays.
static u8 rsdp_copy[36] __attribute__((aligned(16)));

static void read_mmap(struct boot_info *bi, const struct mb2_tag *tag)
{
	const struct mb2_mmap *map = (const struct mb2_mmap *)tag;
	const char *at = (const char *)(map + 1);
	const char *end = (const char *)tag + tag->size;

	if (map->entry_size < sizeof(struct mb2_mmap_entry))
		return;
	for (; at + map->entry_size <= end; at += map->entry_size) {
		const struct mb2_mmap_entry *e = (const void *)at;

		e820_add(bi, e->addr, e->length, e->type);
	}
}

static void read_module(struct boot_info *bi, const struct mb2_tag *tag)
{
	const struct mb2_module *m = (const struct mb2_module *)tag;

	if (m->end > m->start)
		loader_module(bi, m->start, m->end - m->start,
			      virt_maddr(m->cmdline), !loader_is_grub2(bi));
}

static void read_rsdp(struct boot_info *bi, const struct mb2_tag *tag)
{
	size_t n = min((size_t)tag->size - sizeof(*tag), sizeof(rsdp_copy));

	if (bi->rsdp && tag->type == MB2_TAG_RSDP_OLD)
		return; // the new one knows more
	memcpy(rsdp_copy, tag + 1, n);
	bi->rsdp = image_maddr(rsdp_copy);
}

static void read_efi(struct boot_info *bi, const struct mb2_tag *tag)
{
	if (tag->size >= sizeof(struct mb2_efi64))
		bi->efi_system_table =
			((const struct mb2_efi64 *)tag)->system_table;
}

static void read_cmdline(struct boot_info *bi, const struct mb2_tag *tag)
{
	loader_text(bi->cmdline, sizeof(bi->cmdline), virt_maddr(tag + 1));
}

static void read_loader(struct boot_info *bi, const struct mb2_tag *tag)
{
	loader_text(bi->loader, sizeof(bi->loader), virt_maddr(tag + 1));
}

// Calls fn for all tags of a type, so that the order of tags does not matter.
static void for_tags(struct boot_info *bi, maddr_t addr, u32 type,
		     void (*fn)(struct boot_info *, const struct mb2_tag *))
{
	const struct mb2_info *info = maddr_virt(addr);
	u64 at = sizeof(*info);

	while (at + sizeof(struct mb2_tag) <= info->total_size) {
		const struct mb2_tag *tag = maddr_virt(addr + at);

		if (tag->type == MB2_TAG_END || tag->size < sizeof(*tag) ||
		    tag->size > info->total_size - at)
			break;
		if (tag->type == type)
			fn(bi, tag);
		at += ALIGN_UP(tag->size, 8);
	}
}

void multiboot2_read(struct boot_info *bi, maddr_t addr)
{
	bi->protocol = "multiboot2";
	for_tags(bi, addr, MB2_TAG_LOADER, read_loader);
	for_tags(bi, addr, MB2_TAG_CMDLINE, read_cmdline);
	if (!loader_is_grub2(bi))
		strip_word(bi->cmdline);
	for_tags(bi, addr, MB2_TAG_MODULE, read_module);
	for_tags(bi, addr, MB2_TAG_MMAP, read_mmap);
	for_tags(bi, addr, MB2_TAG_EFI64, read_efi);
	for_tags(bi, addr, MB2_TAG_RSDP_NEW, read_rsdp);
	for_tags(bi, addr, MB2_TAG_RSDP_OLD, read_rsdp);
}
