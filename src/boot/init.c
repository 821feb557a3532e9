// SPDX-License-Identifier: MIT
//
// Start-up on the boot processor: the ordered list of what is set up when.
// Each line needs what stands above it; the remarks name the need that is not
// obvious.
#include "boot/boot.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "gate/closed.h"
#include "hw/cpu.h"
#include "irq/irq.h"
#include "irq/watchdog.h"
#include "sched/sched.h"
#include "version.h"

static void boot_finish(void);

static void banner(void)
{
	log_info("Ringfort %s, a hypervisor for paravirtual guests\n",
		 RF_VERSION);
	log_info("loaded by %s%s%s, %u module%s, options: %s\n",
		 boot_info.protocol, boot_info.loader[0] ? ", " : "",
		 boot_info.loader, boot_info.module_count,
		 boot_info.module_count == 1 ? "" : "s", boot_info.cmdline);
}

static void report_processor(void)
{
	log_info("processor: %s family %u model %u, %u physical address bits\n",
		 cpu_features.vendor, cpu_features.family, cpu_features.model,
		 cpu_features.phys_bits);
}

// The boot processor's ACPI id, for its APIC id.
static u32 acpi_id_of(u32 apic_id)
{
	for (u32 i = 0; i < machine.cpu_count; i++)
		if (machine.cpu[i].apic_id == apic_id)
			return machine.cpu[i].acpi_id;
	return 0;
}

static u32 initial_apic_id(void)
{
	return cpuid(1, 0).b >> 24;
}

// On the early block's stack. cpu_this() is a dummy of zeros: processor 0.
void boot_start(u32 magic, u32 info)
{
	u32 apic_id = initial_apic_id();

	early_traps_init();
	bootinfo_read(magic, info); // the loader's memory is not kept
	cmdline_parse(boot_info.cmdline);
	console_early_init(); // shows what was logged so far
	banner();
	cpu_identify(); // NX, address width for the page tables
	report_processor();
	firmware_init(&boot_info); // still through the boot page tables
	mm_init(&boot_info); // the identity map is gone from here on
	idt_init();
	percpu_setup(0, apic_id, acpi_id_of(apic_id));
	boot_switch_stack((void *)cpu_of(0)->stack_top, boot_finish);
}

static void report_processors(void)
{
	u32 online = 0;

	for (u32 i = 0; i < cpu_count(); i++)
		online += cpu_of(i)->online;
	log_info("%u of %u processors online\n", online, machine.cpu_count);
}

// On processor 0's main stack.
static void boot_finish(void)
{
	struct cpu *c = cpu_this();

	cpu_init_this(c); // the real IDT
	gate_init(); // before other processors get their blocks
	apic_init_boot();
	apic_init_this();
	cpu_ipi_init();
	ioapic_init();
	pirq_init();
	clocksource_init(); // now_ns() counts
	if (timer_queue_init(c))
		panic("no memory for timers");
	sched_init();
	sched_init_cpu(c);
	c->online = true;
	watchdog_init();
	console_init_input(); // may need a timer to look for input
	lockcheck_init();
	debug_key_register('R', "restart the machine", machine_restart);
	debug_key_register('d', "registers of all processors",
			   watchdog_show_all);
	debug_key_register('c', "counters, sums", counters_print);
	debug_key_register('C', "counters of each vCPU", counters_print_all);
	smp_start(); // the others need all of the above
	report_processors();
	dom0_build(&boot_info);
	console_release_vga(); // the screen is dom0's now
	watchdog_init_cpu(c); // not before: unpacking takes its time
	cpu_enter_guests();
}
