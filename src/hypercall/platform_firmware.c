// SPDX-License-Identifier: MIT
//
// platform_op's firmware_info. Of a BIOS nothing was asked before we started.
// Of EFI there is what it left in memory: by its configuration tables a control
// domain finds those of ACPI. Its run-time services are not called.
#include "abi/errno.h"
#include "boot/boot.h"
#include "cpu/uaccess.h"
#include "hypercall/platform.h"

// Of EFI's types of memory (UEFI 7.2), those that a loader's map still tells.
enum efi_memory {
	EFI_RESERVED = 0,
	EFI_CONVENTIONAL = 7,
	EFI_UNUSABLE = 8,
	EFI_ACPI_RECLAIM = 9,
	EFI_ACPI_NVS = 10,
};

static int efi_version(union xenpf_efi_info *info)
{
	info->version = efi_info.revision;
	return 0;
}

static int efi_config_table(union xenpf_efi_info *info)
{
	info->cfg.addr = efi_info.tables;
	info->cfg.nent = efi_info.nr_tables;
	return 0;
}

// As much of the name as there is room for, and a 0.
static int efi_vendor(union xenpf_efi_info *info)
{
	gva_t name = GUEST_HANDLE_GVA(info->vendor.name);
	size_t room = info->vendor.bufsz / sizeof(u16);
	u16 text[EFI_VENDOR_MAX] = {0};

	info->vendor.revision = efi_info.vendor_revision;
	room = min(room, (size_t)EFI_VENDOR_MAX);
	for (size_t i = 0; i + 1 < room; i++)
		text[i] = efi_info.vendor[i];
	return guest_write(name, text, room * sizeof(u16));
}

static u32 memory_type(u32 e820)
{
	static const u8 by_type[] = {
		[E820_RAM] = EFI_CONVENTIONAL,  [E820_RESERVED] = EFI_RESERVED,
		[E820_ACPI] = EFI_ACPI_RECLAIM, [E820_NVS] = EFI_ACPI_NVS,
		[E820_UNUSABLE] = EFI_UNUSABLE,
	};

	return by_type[e820];
}

// What kind of memory is at mem.addr; as much of mem.size as is of that kind.
static int efi_mem_info(union xenpf_efi_info *info)
{
	for (u32 i = 0; i < boot_info.e820_count; i++) {
		const struct e820_entry *e = &boot_info.e820[i];
		u64 into = info->mem.addr - e->addr;

		if (info->mem.addr < e->addr || into >= e->size)
			continue;
		info->mem.size = min(info->mem.size, e->size - into);
		info->mem.attr = 0;
		info->mem.type = memory_type(e->type);
		return 0;
	}
	return -ESRCH;
}

static int efi_no_services(union xenpf_efi_info *info)
{
	(void)info;
	return -EOPNOTSUPP;
}

static int efi_no_rom(union xenpf_efi_info *info)
{
	(void)info;
	return -ESRCH;
}

static int (*const efi_ops[])(union xenpf_efi_info *info) = {
	[XEN_FW_EFI_VERSION] = efi_version,
	[XEN_FW_EFI_CONFIG_TABLE] = efi_config_table,
	[XEN_FW_EFI_VENDOR] = efi_vendor,
	[XEN_FW_EFI_MEM_INFO] = efi_mem_info,
	[XEN_FW_EFI_RT_VERSION] = efi_no_services,
	[XEN_FW_EFI_PCI_ROM] = efi_no_rom,
};

static int efi_tells(struct xenpf_firmware_info *info)
{
	if (!efi_info.revision)
		return -ENOSYS;
	if (info->index >= ARRAY_SIZE(efi_ops))
		return -EINVAL;
	return efi_ops[info->index](&info->u.efi_info);
}

int platform_firmware(struct xen_platform_op *op)
{
	struct xenpf_firmware_info *info = &op->u.firmware_info;

	switch (info->type) {
	case XEN_FW_DISK_INFO:
	case XEN_FW_DISK_MBR_SIGNATURE:
		return -ESRCH; // no disk of this number
	case XEN_FW_KBD_SHIFT_FLAGS:
		if (info->index)
			return -ESRCH;
		info->u.kbd_shift_flags = 0;
		return 0;
	case XEN_FW_EFI_INFO:
		return efi_tells(info);
	default:
		return -ENOSYS;
	}
}
