// SPDX-License-Identifier: MIT
//
// PVH: QEMU's -kernel for ELF files with the note, Xen, Cloud Hypervisor,
// Firecracker. Command lines carry no file names.
#include "abi/xen.h"
#include "boot/priv.h"
#include "mm/mm.h"

#include <xen/arch-x86/hvm/start_info.h>

static void read_memmap(struct boot_info *bi, const struct hvm_start_info *info)
{
	const struct hvm_memmap_table_entry *e = maddr_virt(info->memmap_paddr);

	for (u32 i = 0; i < info->memmap_entries; i++)
		e820_add(bi, e[i].addr, e[i].size, e[i].type);
}

void pvh_read(struct boot_info *bi, maddr_t addr)
{
	const struct hvm_start_info *info = maddr_virt(addr);
	const struct hvm_modlist_entry *m = maddr_virt(info->modlist_paddr);

	bi->protocol = "PVH";
	loader_text(bi->cmdline, sizeof(bi->cmdline), info->cmdline_paddr);
	for (u32 i = 0; i < info->nr_modules; i++)
		loader_module(bi, m[i].paddr, m[i].size, m[i].cmdline_paddr,
			      false);
	bi->rsdp = info->rsdp_paddr;
	if (info->version >= 1)
		read_memmap(bi, info);
}
