// SPDX-License-Identifier: MIT
//
// What the loader told us, brought into one form. Everything small is copied
// at once, so that the loader's own memory is free afterwards; the modules stay
// where they are and bootinfo_free_ram() leaves them out.
#include "boot/boot.h"

#include "abi/xen.h"
#include "boot/multiboot.h"
#include "boot/priv.h"
#include "console/console.h"
#include "domain/domain.h"
#include "lib/string.h"

#include <xen/arch-x86/hvm/start_info.h>

struct boot_info boot_info;

void loader_text(char *dst, size_t size, maddr_t text)
{
	const char *s = maddr_virt(text);
	size_t n = text ? strnlen(s, size - 1) : 0;

	memcpy(dst, s, n);
	dst[n] = 0;
}

void strip_word(char *text)
{
	const char *rest = text;

	while (*rest && *rest != ' ')
		rest++;
	while (*rest == ' ')
		rest++;
	memmove(text, rest, strlen(rest) + 1);
}

bool loader_is_grub2(const struct boot_info *bi)
{
	return !strncmp(bi->loader, "GRUB 2", 6) ||
	       !strncmp(bi->loader, "GRUB 1.9", 8);
}

void loader_module(struct boot_info *bi, maddr_t start, u64 size,
		   maddr_t cmdline, bool name_first)
{
	struct boot_module *m = &bi->module[bi->module_count];

	if (bi->module_count == BOOT_MAX_MODULES) {
		log_warn("more than %u modules, the rest is ignored\n",
			 BOOT_MAX_MODULES);
		return;
	}
	m->start = start;
	m->size = size;
	loader_text(m->cmdline, sizeof(m->cmdline), cmdline);
	if (name_first)
		strip_word(m->cmdline);
	bi->module_count++;
}

// Xen's way to give dom0 more options where a loader has none for modules (PVH
// in QEMU): what stands behind " -- " on our command line is dom0's.
static void split_dom0_options(struct boot_info *bi)
{
	char *dom0_line = bi->module[0].cmdline;
	size_t used = strlen(dom0_line);
	char *at = bi->cmdline;

	while ((at = strchr(at, ' ')) && strncmp(at, " -- ", 4) != 0)
		at++;
	if (!at)
		return;
	*at = 0;
	if (used && used + 1 < sizeof(bi->module[0].cmdline))
		dom0_line[used++] = ' ';
	str_copy(dom0_line + used, at + 4,
		 sizeof(bi->module[0].cmdline) - used);
}

// Where everybody else is told to keep off.
static void note_image(struct boot_info *bi)
{
	bi->image_start = image_maddr(image_start);
	bi->image_end = image_maddr(image_end);
}

void bootinfo_read(u32 magic, u64 info)
{
	static const struct {
		u32 magic;
		void (*read)(struct boot_info *bi, maddr_t info);
	} readers[] = {
		{MB1_INFO_MAGIC, multiboot1_read},
		{MB2_INFO_MAGIC, multiboot2_read},
		{XEN_HVM_START_MAGIC_VALUE, pvh_read},
	};

	note_image(&boot_info);
	for (u32 i = 0; i < ARRAY_SIZE(readers); i++) {
		if (readers[i].magic != magic)
			continue;
		readers[i].read(&boot_info, info);
		e820_normalise(&boot_info);
		split_dom0_options(&boot_info);
		str_make_printable(boot_info.cmdline);
		str_make_printable(boot_info.loader);
		return;
	}
	give_up("unknown loader (magic 0x%x): start me by Multiboot, "
		"Multiboot2 or PVH",
		magic);
}
