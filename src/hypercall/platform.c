// SPDX-License-Identifier: MIT
//
// platform_op: what the control domain tells us of the machine's firmware, and
// asks of its processors. One line of the table for each sub-operation.
#include "abi/errno.h"
#include "abi/xen.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/uaccess.h"
#include "hypercall/hypercall.h"
#include "hypercall/platform.h"
#include "irq/irq.h"
#include "lib/string.h"
#include "sched/sched.h"

#define NS_PER_S 1000000000u
#define S5_WAIT_NS 100000000

// ---------------------------------------------------------------- the clock

static int set_wall_clock(u64 secs, u32 nsecs, u64 system_ns)
{
	if (nsecs >= NS_PER_S)
		return -EINVAL;
	clock_set_wall(secs, nsecs, system_ns);
	return 0;
}

static int op_settime32(struct xen_platform_op *op)
{
	const struct xenpf_settime32 *t = &op->u.settime32;

	return set_wall_clock(t->secs, t->nsecs, t->system_time);
}

static int op_settime64(struct xen_platform_op *op)
{
	const struct xenpf_settime64 *t = &op->u.settime64;

	if (t->mbz)
		return -EINVAL;
	return set_wall_clock(t->secs, t->nsecs, t->system_time);
}

// --------------------------------------------------------------- processors

static int op_get_cpuinfo(struct xen_platform_op *op)
{
	struct xenpf_pcpuinfo *info = &op->u.pcpu_info;
	u32 id = info->xen_cpuid;

	info->max_present = cpu_count() - 1;
	if (id >= cpu_count()) {
		info->flags = XEN_PCPU_FLAGS_INVALID;
		return 0;
	}
	info->flags = cpu_of(id)->online ? XEN_PCPU_FLAGS_ONLINE : 0;
	info->apic_id = cpu_of(id)->apic_id;
	info->acpi_id = cpu_of(id)->acpi_id;
	return 0;
}

// All processors are of one kind, or the machine would not have started.
static int op_get_cpu_version(struct xen_platform_op *op)
{
	struct xenpf_pcpu_version *version = &op->u.pcpu_version;
	u32 id = version->xen_cpuid;

	version->max_present = cpu_count() - 1;
	memset(version->vendor_id, 0, sizeof(version->vendor_id));
	version->family = version->model = version->stepping = 0;
	if (id >= cpu_count())
		return 0;
	memcpy(version->vendor_id, cpu_features.vendor,
	       sizeof(version->vendor_id));
	version->family = cpu_features.family;
	version->model = cpu_features.model;
	version->stepping = cpu_features.stepping;
	return 0;
}

// dom0 shows the features that it would tell the firmware of (_PDC: revision,
// count, bits), and we may take some away. Those are about C and P states,
// which we do not drive, so all stay.
static int set_pdc(const struct xenpf_set_processor_pminfo *info)
{
	u32 header[2];

	if (guest_read(header, GUEST_HANDLE_GVA(info->u.pdc), sizeof(header)))
		return -EFAULT;
	return header[0] == 1 && header[1] >= 1 ? 0 : -EINVAL;
}

static int op_set_processor_pminfo(struct xen_platform_op *op)
{
	const struct xenpf_set_processor_pminfo *info = &op->u.set_pminfo;

	return info->type == XEN_PM_PDC ? set_pdc(info) : -ENOSYS;
}

// -------------------------------------------------------------------- power

// The sleep type in a value for a PM1 control register.
static u8 sleep_type(u16 value)
{
	return value >> 10 & 7;
}

static void wait_ns(u64 ns)
{
	u64 end = now_ns() + ns;

	while (now_ns() < end)
		cpu_pause();
}

// Linux shuts down by SCHEDOP_shutdown when this fails.
static int op_enter_acpi_sleep(struct xen_platform_op *op)
{
	const struct xenpf_enter_acpi_sleep *sleep = &op->u.enter_acpi_sleep;

	if (sleep->flags & ~XENPF_ACPI_SLEEP_EXTENDED)
		return -EINVAL;
	if (sleep->flags || sleep->sleep_state != 5)
		return -EOPNOTSUPP;
	counters_print(); // for bench/
	log_info("dom0 powers the machine off\n");
	acpi_enter_s5(sleep_type(sleep->val_a), sleep_type(sleep->val_b));
	wait_ns(S5_WAIT_NS);
	log_warn("ACPI did not power the machine off\n");
	return -EIO;
}

// ----------------------------------------------------------------- dispatch

struct platform_sub_op {
	int (*fn)(struct xen_platform_op *op);
	bool copy_back;
};

static const struct platform_sub_op sub_ops[] = {
	[XENPF_settime32] = {op_settime32, false},
	[XENPF_settime64] = {op_settime64, false},
	[XENPF_get_cpuinfo] = {op_get_cpuinfo, true},
	[XENPF_get_cpu_version] = {op_get_cpu_version, true},
	[XENPF_set_processor_pminfo] = {op_set_processor_pminfo, false},
	[XENPF_firmware_info] = {platform_firmware, true},
	[XENPF_enter_acpi_sleep] = {op_enter_acpi_sleep, false},
	[XENPF_resource_op] = {platform_resource, false},
};

i64 hc_platform_op(struct vcpu *v, struct hcall *h)
{
	struct xen_platform_op op;
	int err;

	if (!v->domain->privileged)
		return -EPERM;
	if (guest_read(&op, h->arg[0], sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XENPF_INTERFACE_VERSION)
		return -EACCES;
	if (op.cmd >= ARRAY_SIZE(sub_ops) || !sub_ops[op.cmd].fn)
		return -ENOSYS;
	err = sub_ops[op.cmd].fn(&op);
	if (!err && sub_ops[op.cmd].copy_back &&
	    guest_write(h->arg[0], &op, sizeof(op)))
		err = -EFAULT;
	return err;
}
