// SPDX-License-Identifier: MIT
//
// xen_version: who we are, in the words of the ABI that we implement. Guests
// and tools read 4.17 and behave as on Debian's Xen; the extra version says
// who answers. Sub-op 0 is also what Linux calls to have pending events
// delivered, 500 times in a boot.
#include "hypercall/hypercall.h"

#include "abi/errno.h"
#include "abi/xen.h"
#include "boot/boot.h"
#include "config.h"
#include "cpu/uaccess.h"
#include "domain/domain.h"
#include "lib/string.h"

#define VERSION_MAJOR 4
#define VERSION_MINOR 17

#define DENIED "<denied>"

#define FEATURES                                                            \
	(BIT(XENFEAT_pae_pgdir_above_4gb) |                                 \
	 BIT(XENFEAT_mmu_pt_update_preserve_ad) |                           \
	 BIT(XENFEAT_highmem_assist) | BIT(XENFEAT_gnttab_map_avail_bits) | \
	 BIT(XENFEAT_memory_op_vnode_supported) | BIT(XENFEAT_direct_mapped))

// Writes text into a field of `size` bytes at the guest's address, padded with
// zeros.
static i64 put_text(gva_t to, const char *text, size_t size)
{
	char field[1024] = "";

	str_copy(field, text, size);
	return guest_write(to, field, size);
}

static i64 version(struct vcpu *v maybe_unused, gva_t arg maybe_unused)
{
	return VERSION_MAJOR << 16 | VERSION_MINOR;
}

static i64 extraversion(struct vcpu *v maybe_unused, gva_t arg)
{
	return put_text(arg, "-ringfort", sizeof(xen_extraversion_t));
}

static i64 compile_info(struct vcpu *v maybe_unused, gva_t arg)
{
	struct xen_compile_info info = {0};

	str_copy(info.compiler, __VERSION__, sizeof(info.compiler));
	str_copy(info.compile_by, "ringfort", sizeof(info.compile_by));
	return guest_write(arg, &info, sizeof(info));
}

static i64 capabilities(struct vcpu *v maybe_unused, gva_t arg)
{
	return put_text(arg, "xen-3.0-x86_64 ",
			sizeof(xen_capabilities_info_t));
}

static i64 changeset(struct vcpu *v maybe_unused, gva_t arg)
{
	return put_text(arg, "unavailable", sizeof(xen_changeset_info_t));
}

static i64 platform_parameters(struct vcpu *v maybe_unused, gva_t arg)
{
	struct xen_platform_parameters p = {.virt_start = HV_START};

	return guest_write(arg, &p, sizeof(p));
}

static i64 get_features(struct vcpu *v, gva_t arg)
{
	struct xen_feature_info info;

	if (guest_read(&info, arg, sizeof(info)))
		return -EFAULT;
	if (info.submap_idx >= XENFEAT_NR_SUBMAPS)
		return -EINVAL;
	info.submap = FEATURES;
	if (v->domain->privileged)
		info.submap |= BIT(XENFEAT_dom0);
	return guest_write(arg, &info, sizeof(info));
}

static i64 pagesize(struct vcpu *v maybe_unused, gva_t arg)
{
	return arg ? -EINVAL : (i64)PAGE_SIZE;
}

static i64 guest_handle(struct vcpu *v, gva_t arg)
{
	return guest_write(arg, v->domain->handle, sizeof(v->domain->handle));
}

static i64 commandline(struct vcpu *v, gva_t arg)
{
	const char *text = v->domain->privileged ? boot_info.cmdline : DENIED;

	return put_text(arg, text, sizeof(xen_commandline_t));
}

// The image is linked without a build id, so that it comes out the same for
// the same sources.
static i64 build_id(struct vcpu *v, gva_t arg maybe_unused)
{
	return v->domain->privileged ? -ENODATA : -EPERM;
}

static i64 (*const sub_op[])(struct vcpu *v, gva_t arg) = {
	[XENVER_version] = version,
	[XENVER_extraversion] = extraversion,
	[XENVER_compile_info] = compile_info,
	[XENVER_capabilities] = capabilities,
	[XENVER_changeset] = changeset,
	[XENVER_platform_parameters] = platform_parameters,
	[XENVER_get_features] = get_features,
	[XENVER_pagesize] = pagesize,
	[XENVER_guest_handle] = guest_handle,
	[XENVER_commandline] = commandline,
	[XENVER_build_id] = build_id,
};

// xen_version(cmd, arg): the version or 0 (4096 for pagesize); -EFAULT arg,
// -EINVAL feature page or pagesize with an argument, -ENODATA, -EPERM build
// id, -ENOSYS cmd.
i64 hc_xen_version(struct vcpu *v, struct hcall *h)
{
	u64 cmd = (u32)h->arg[0];

	if (cmd >= ARRAY_SIZE(sub_op))
		return -ENOSYS;
	return sub_op[cmd](v, h->arg[1]);
}
