// SPDX-License-Identifier: MIT
//
// hello: the console and the version calls.
//
// A PV kernel's first sign of life is console_io(write). The version calls are
// the first that Linux makes, and decide what it does next: features it needs,
// or the 4.17 that the tools expect.
//
// Provoked by: console_io write of 0 bytes, of several lines, from a bad
// address; an unknown sub-op; read with no input; every xen_version sub-op that
// needs no secret. Expected: the text on the serial line; -EFAULT for the bad
// address, -ENOSYS for unknown sub-ops; version 4.17; the feature bits of
// abi.md 5.1; -EINVAL for a feature map that does not exist.

#include "guest.h"

static void console(void)
{
	static const char lines[] = "hello: line one\nhello: line two\n";
	char buf[16];

	expect_rc("write",
		  console_io(CONSOLEIO_write, sizeof(lines) - 1, lines), 0);
	expect_rc("write of nothing", console_io(CONSOLEIO_write, 0, lines), 0);
	expect_rc("write from a bad address",
		  console_io(CONSOLEIO_write, 8, (void *)0x1000), -XEN_EFAULT);
	expect_rc("read without input",
		  console_io(CONSOLEIO_read, sizeof(buf), buf), 0);
	expect_rc("unknown console op", console_io(77, 0, buf), -XEN_ENOSYS);
}

static u32 features(u32 index)
{
	struct xen_feature_info info = {.submap_idx = index};
	long rc = xen_version(XENVER_get_features, &info);

	expect_rc("get_features", rc, 0);
	return info.submap;
}

static void feature_bits(void)
{
	static const struct {
		u32 bit;
		bool want;
	} table[] = {
		{XENFEAT_mmu_pt_update_preserve_ad, true},
		{XENFEAT_gnttab_map_avail_bits, true},
		{XENFEAT_dom0, true},
		{XENFEAT_writable_page_tables, false},
		{XENFEAT_writable_descriptor_tables, false},
		{XENFEAT_auto_translated_physmap, false},
		{XENFEAT_supervisor_mode_kernel, false},
	};
	u32 map = features(0);
	struct xen_feature_info info = {.submap_idx = 1};

	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		check((map >> table[i].bit & 1) == table[i].want,
		      "feature bit %u should be %u", table[i].bit,
		      table[i].want);
	expect_rc("feature map 1", xen_version(XENVER_get_features, &info),
		  -XEN_EINVAL);
}

static void versions(void)
{
	char text[1024] = "";
	struct xen_platform_parameters platform;

	expect_eq("version", (u64)xen_version(XENVER_version, NULL),
		  4 << 16 | 17);
	expect_rc("extraversion", xen_version(XENVER_extraversion, text), 0);
	expect_rc("capabilities", xen_version(XENVER_capabilities, text), 0);
	check(!memcmp(text, "xen-3.0-x86_64", 14), "capabilities: %s", text);
	expect_rc("changeset", xen_version(XENVER_changeset, text), 0);
	expect_eq("page size", (u64)xen_version(XENVER_pagesize, NULL), 4096);
	expect_rc("platform",
		  xen_version(XENVER_platform_parameters, &platform), 0);
	expect_eq("virt_start", platform.virt_start, __HYPERVISOR_VIRT_START);
	expect_rc("command line", xen_version(XENVER_commandline, text), 0);
	check(!memcmp(text, "console=", 8) || text[0], "empty command line");
	expect_rc("version to a bad address",
		  xen_version(XENVER_extraversion, (void *)0x1000),
		  -XEN_EFAULT);
	expect_rc("unknown version op", xen_version(99, NULL), -XEN_ENOSYS);
}

TEST("hello")
{
	console();
	feature_bits();
	versions();
}
