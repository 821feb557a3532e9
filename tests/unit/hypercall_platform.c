// SPDX-License-Identifier: MIT
// uses: src/hypercall/platform.c src/hypercall/platform_msr.c
// uses: src/hypercall/platform_firmware.c tests/fake/core.c
//
// platform_op: what dom0 may ask and tell, what comes back, and the errno of
// everything else.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "abi/xen.h"
#include "boot/boot.h"
#include "core.h"
#include "cpu/cpu.h"
#include "hw/x86.h"
#include "hypercall/hypercall.h"
#include "irq/irq.h"
#include "sched/sched.h"

struct cpu_features cpu_features = {
	.vendor = "GenuineFake",
	.family = 6,
	.model = 42,
	.stepping = 3,
};

struct boot_info boot_info = {
	.e820_count = 3,
	.e820 = {{0, 0x9f000, E820_RAM},
		 {0xf0000, 0x10000, E820_RESERVED},
		 {0x100000, 0x1000, E820_ACPI}},
};
struct efi_info efi_info;

static struct domain control = {.privileged = true};
static struct domain other;
static struct vcpu vcpu = {.domain = &control};
static struct vcpu other_vcpu = {.domain = &other};
static struct xen_platform_op op;

static u64 wall_s, wall_at_ns;
static u32 wall_ns, wall_sets;
static u32 s5_a, s5_b;

void clock_set_wall(u64 secs, u32 nsecs, u64 system_ns)
{
	wall_s = secs;
	wall_ns = nsecs;
	wall_at_ns = system_ns;
	wall_sets++;
}

void acpi_enter_s5(u8 type_a, u8 type_b)
{
	s5_a = type_a;
	s5_b = type_b;
}

void counters_print(void)
{
}

u64 now_ns(void)
{
	return fake_now += 1000;
}

static int call_as(struct vcpu *v)
{
	struct hcall h = {.arg = {gva_of(&op)}};

	return (int)hc_platform_op(v, &h);
}

static int call(u32 cmd)
{
	op.cmd = cmd;
	op.interface_version = XENPF_INTERFACE_VERSION;
	return call_as(&vcpu);
}

static void wall_clock_is_set(void **state)
{
	op.u.settime64 = (struct xenpf_settime64){
		.secs = 5000000000, .nsecs = 999999999, .system_time = 77};
	assert_int_equal(call(XENPF_settime64), 0);
	assert_int_equal(wall_s, 5000000000);
	assert_int_equal(wall_ns, 999999999);
	assert_int_equal(wall_at_ns, 77);

	op.u.settime64.mbz = 1;
	assert_int_equal(call(XENPF_settime64), -EINVAL);
	op.u.settime64.mbz = 0;
	op.u.settime64.nsecs = 1000000000;
	assert_int_equal(call(XENPF_settime64), -EINVAL);

	op.u.settime32 = (struct xenpf_settime32){
		.secs = 4000000000, .nsecs = 1, .system_time = 78};
	assert_int_equal(call(XENPF_settime32), 0);
	assert_int_equal(wall_s, 4000000000);
	assert_int_equal(wall_sets, 2);
}

static void processors_are_described(void **state)
{
	op.u.pcpu_info.xen_cpuid = 1;
	assert_int_equal(call(XENPF_get_cpuinfo), 0);
	assert_int_equal(op.u.pcpu_info.max_present, 1);
	assert_int_equal(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_ONLINE);
	assert_int_equal(op.u.pcpu_info.apic_id, 1);
	assert_int_equal(op.u.pcpu_info.acpi_id, 17);
	op.u.pcpu_info.xen_cpuid = 2;
	assert_int_equal(call(XENPF_get_cpuinfo), 0);
	assert_int_equal(op.u.pcpu_info.max_present, 1);
	assert_int_equal(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);

	op.u.pcpu_version.xen_cpuid = 0;
	assert_int_equal(call(XENPF_get_cpu_version), 0);
	assert_memory_equal(op.u.pcpu_version.vendor_id, "GenuineFake", 12);
	assert_int_equal(op.u.pcpu_version.model, 42);
	op.u.pcpu_version.xen_cpuid = 2;
	assert_int_equal(call(XENPF_get_cpu_version), 0);
	assert_int_equal(op.u.pcpu_version.model, 0);
}

static void firmware_has_little_to_say(void **state)
{
	memset(&op.u, 0xff, sizeof(op.u));
	op.u.firmware_info.type = XEN_FW_KBD_SHIFT_FLAGS;
	op.u.firmware_info.index = 0;
	assert_int_equal(call(XENPF_firmware_info), 0);
	assert_int_equal(op.u.firmware_info.u.kbd_shift_flags, 0);
	op.u.firmware_info.index = 1;
	assert_int_equal(call(XENPF_firmware_info), -ESRCH);
	op.u.firmware_info.type = XEN_FW_DISK_INFO;
	assert_int_equal(call(XENPF_firmware_info), -ESRCH);
	op.u.firmware_info.type = XEN_FW_DISK_MBR_SIGNATURE;
	assert_int_equal(call(XENPF_firmware_info), -ESRCH);
	op.u.firmware_info.type = XEN_FW_EFI_INFO;
	assert_int_equal(call(XENPF_firmware_info), -ENOSYS);
}

static int ask_efi(u32 index)
{
	op.u.firmware_info.type = XEN_FW_EFI_INFO;
	op.u.firmware_info.index = index;
	return call(XENPF_firmware_info);
}

static void efi_tells_what_it_left(void **state)
{
	union xenpf_efi_info *info = &op.u.firmware_info.u.efi_info;

	assert_int_equal(ask_efi(XEN_FW_EFI_CONFIG_TABLE), -ENOSYS);
	efi_info = (struct efi_info){
		.revision = 0x20046, .tables = 0x7f000018, .nr_tables = 11};
	assert_int_equal(ask_efi(XEN_FW_EFI_VERSION), 0);
	assert_int_equal(info->version, 0x20046);
	assert_int_equal(ask_efi(XEN_FW_EFI_CONFIG_TABLE), 0);
	assert_int_equal(info->cfg.addr, 0x7f000018);
	assert_int_equal(info->cfg.nent, 11);
	assert_int_equal(ask_efi(XEN_FW_EFI_RT_VERSION), -EOPNOTSUPP);
	assert_int_equal(ask_efi(XEN_FW_EFI_PCI_ROM), -ESRCH);
	assert_int_equal(ask_efi(XEN_FW_EFI_APPLE_PROPERTIES), -EINVAL);
	assert_int_equal(ask_efi(~0u), -EINVAL);
}

// The name ends with 0, whatever room there is, and nothing behind is touched.
static void efi_has_a_vendor(void **state)
{
	union xenpf_efi_info *info = &op.u.firmware_info.u.efi_info;
	u16 name[EFI_VENDOR_MAX + 1];

	efi_info.vendor_revision = 9;
	for (u32 i = 0; i < EFI_VENDOR_MAX - 1; i++)
		efi_info.vendor[i] = (u16)('a' + i % 26);
	for (u32 bytes = 0; bytes <= sizeof(name); bytes++) {
		u32 room = min(bytes / 2, (u32)EFI_VENDOR_MAX);

		memset(name, 0xff, sizeof(name));
		info->vendor.bufsz = bytes;
		set_xen_guest_handle(info->vendor.name, name);
		assert_int_equal(ask_efi(XEN_FW_EFI_VENDOR), 0);
		assert_int_equal(info->vendor.revision, 9);
		for (u32 i = 0; i + 1 < room; i++)
			assert_int_equal(name[i], efi_info.vendor[i]);
		if (room)
			assert_int_equal(name[room - 1], 0);
		for (u32 i = room; i < ARRAY_SIZE(name); i++)
			assert_int_equal(name[i], 0xffff);
	}
	fake_fault_at = name;
	fake_fault_bytes = 1;
	assert_int_equal(ask_efi(XEN_FW_EFI_VENDOR), -EFAULT);
	fake_fault_bytes = 0;
}

static int memory_at(u64 addr, u64 size)
{
	op.u.firmware_info.u.efi_info.mem.addr = addr;
	op.u.firmware_info.u.efi_info.mem.size = size;
	return ask_efi(XEN_FW_EFI_MEM_INFO);
}

static void efi_knows_kinds_of_memory(void **state)
{
	union xenpf_efi_info *info = &op.u.firmware_info.u.efi_info;

	assert_int_equal(memory_at(0x1000, 0x100000), 0);
	assert_int_equal(info->mem.size, 0x9e000);
	assert_int_equal(info->mem.type, 7);
	assert_int_equal(memory_at(0xfffff, ~0ull), 0);
	assert_int_equal(info->mem.size, 1);
	assert_int_equal(info->mem.type, 0);
	assert_int_equal(memory_at(0x100010, 8), 0);
	assert_int_equal(info->mem.size, 8);
	assert_int_equal(info->mem.type, 9);
	assert_int_equal(memory_at(0x9f000, 8), -ESRCH);
	assert_int_equal(memory_at(~0ull, 8), -ESRCH);
}

static void processor_features_are_left_as_shown(void **state)
{
	u32 pdc[3] = {1, 1, 0x1234};

	op.u.set_pminfo.id = ~0u;
	op.u.set_pminfo.type = XEN_PM_PDC;
	set_xen_guest_handle(op.u.set_pminfo.u.pdc, pdc);
	assert_int_equal(call(XENPF_set_processor_pminfo), 0);
	assert_int_equal(pdc[2], 0x1234);
	pdc[0] = 2;
	assert_int_equal(call(XENPF_set_processor_pminfo), -EINVAL);
	fake_fault_at = pdc;
	fake_fault_bytes = 1;
	assert_int_equal(call(XENPF_set_processor_pminfo), -EFAULT);
	fake_fault_bytes = 0;
	op.u.set_pminfo.type = XEN_PM_PX;
	assert_int_equal(call(XENPF_set_processor_pminfo), -ENOSYS);
}

static void only_s5_is_a_sleep(void **state)
{
	op.u.enter_acpi_sleep = (struct xenpf_enter_acpi_sleep){
		.val_a = 0x3401, .val_b = 0x3802, .sleep_state = 5};
	assert_int_equal(call(XENPF_enter_acpi_sleep), -EIO); // it came back
	assert_int_equal(s5_a, 5);
	assert_int_equal(s5_b, 6);
	s5_a = 0;
	op.u.enter_acpi_sleep.sleep_state = 3;
	assert_int_equal(call(XENPF_enter_acpi_sleep), -EOPNOTSUPP);
	op.u.enter_acpi_sleep.sleep_state = 5;
	op.u.enter_acpi_sleep.flags = XENPF_ACPI_SLEEP_EXTENDED;
	assert_int_equal(call(XENPF_enter_acpi_sleep), -EOPNOTSUPP);
	op.u.enter_acpi_sleep.flags = 2;
	assert_int_equal(call(XENPF_enter_acpi_sleep), -EINVAL);
	assert_int_equal(s5_a, 0);
}

static void registers_are_read(void **state)
{
	struct xenpf_resource_entry e[3] = {
		{.idx = MSR_TSC}, {.idx = MSR_TSX_CTRL}, {.idx = MSR_TSC}};

	op.u.resource_op = (struct xenpf_resource_op){.nr_entries = 3};
	set_xen_guest_handle(op.u.resource_op.entries, e);
	assert_int_equal(call(XENPF_resource_op), 1);
	assert_int_equal(e[1].u.ret, -EPERM); // there is none
	e[0].u.cmd = XEN_RESOURCE_OP_MSR_WRITE;
	assert_int_equal(call(XENPF_resource_op), 0);
	assert_int_equal(e[0].u.ret, -EPERM);
	e[0] = (struct xenpf_resource_entry){.idx = MSR_TSC, .rsvd = 1};
	assert_int_equal(call(XENPF_resource_op), 0);
	assert_int_equal(e[0].u.ret, -EINVAL);

	op.u.resource_op.nr_entries = 4;
	assert_int_equal(call(XENPF_resource_op), -EINVAL);
	op.u.resource_op.nr_entries = 0;
	assert_int_equal(call(XENPF_resource_op), -EINVAL);
	op.u.resource_op.nr_entries = 1;
	op.u.resource_op.cpu = 2;
	assert_int_equal(call(XENPF_resource_op), -ENODEV);
	op.u.resource_op.cpu = 0;
	fake_fault_at = e;
	fake_fault_bytes = sizeof(e);
	assert_int_equal(call(XENPF_resource_op), -EFAULT);
	fake_fault_on_write = true;
	assert_int_equal(call(XENPF_resource_op), -EFAULT);
	fake_fault_at = &op; // what is answered in the argument itself
	op.u.pcpu_info.xen_cpuid = 1;
	assert_int_equal(call(XENPF_get_cpuinfo), -EFAULT);
	fake_fault_on_write = false;
	fake_fault_bytes = 0;
}

static void all_else_is_refused(void **state)
{
	static const u32 absent[] = {0,
				     XENPF_add_memtype,
				     XENPF_microcode_update,
				     XENPF_efi_runtime_call,
				     XENPF_change_freq,
				     XENPF_getidletime,
				     XENPF_cpu_online,
				     XENPF_cpu_offline,
				     XENPF_core_parking,
				     XENPF_get_symbol,
				     ~0u};

	for (u32 i = 0; i < ARRAY_SIZE(absent); i++)
		assert_int_equal(call(absent[i]), -ENOSYS);
	op.cmd = XENPF_get_cpuinfo;
	op.interface_version++;
	assert_int_equal(call_as(&vcpu), -EACCES);
	op.interface_version--;
	assert_int_equal(call_as(&other_vcpu), -EPERM);
	fake_fault_at = &op;
	fake_fault_bytes = 1;
	assert_int_equal(call_as(&vcpu), -EFAULT);
	fake_fault_bytes = 0;
}

static int set_up(void **state)
{
	fake_cpus_init(2);
	cpu_of(1)->acpi_id = 17;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wall_clock_is_set),
		cmocka_unit_test(processors_are_described),
		cmocka_unit_test(firmware_has_little_to_say),
		cmocka_unit_test(efi_tells_what_it_left),
		cmocka_unit_test(efi_has_a_vendor),
		cmocka_unit_test(efi_knows_kinds_of_memory),
		cmocka_unit_test(processor_features_are_left_as_shown),
		cmocka_unit_test(only_s5_is_a_sleep),
		cmocka_unit_test(registers_are_read),
		cmocka_unit_test(all_else_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
