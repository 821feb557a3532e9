// SPDX-License-Identifier: MIT
//
// The ends of a run: panic, stop, restart, power off.
#include "boot/boot.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "hw/cpu.h"
#include "irq/irq.h"
#include "irq/watchdog.h"
#include "lib/bug.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "sched/sched.h"

#define RESTART_DELAY_S 3
#define ASSUMED_TSC_HZ 2000000000ull // until the clock is calibrated

#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO 1

#define PORT_RESET_CONTROL 0xcf9
#define RESET_CONTROL_FULL 0x0e
#define PORT_KEYBOARD 0x64
#define KEYBOARD_RESET 0xfe

static void delay(u64 ms)
{
	u64 hz = tsc_scale.hz ? tsc_scale.hz : ASSUMED_TSC_HZ;
	u64 end = rdtsc() + hz / 1000 * ms;

	while (rdtsc() < end)
		cpu_pause();
}

static void stop_others(void)
{
	watchdog_off();
	for (u32 i = 0; i < cpu_count(); i++)
		if (i != cpu_this()->id && cpu_of(i)->online)
			apic_send_ipi(cpu_of(i)->apic_id, VEC_IPI_STOP);
}

// A register in memory can be reached only once there are page tables of ours.
static void reset_by_acpi(void)
{
	if (machine.reset_space == ACPI_SPACE_IO)
		port_outb((u16)machine.reset_addr, machine.reset_value);
	else if (machine.reset_space == ACPI_SPACE_MEMORY && frame_limit())
		*(volatile u8 *)mmio_map(machine.reset_addr, 1) =
			machine.reset_value;
}

// Each way gets some time to work before the next is tried.
void machine_restart(void)
{
	static const struct table_register no_idt;

	stop_others();
	reset_by_acpi();
	delay(100);
	port_outb(PORT_RESET_CONTROL, RESET_CONTROL_FULL & ~4);
	port_outb(PORT_RESET_CONTROL, RESET_CONTROL_FULL);
	delay(100);
	port_outb(PORT_KEYBOARD, KEYBOARD_RESET);
	delay(100);
	lidt(&no_idt);
	__builtin_trap(); // no IDT: a triple fault
}

void machine_poweroff(void)
{
	if (machine.has_s5) {
		acpi_enter_s5(machine.s5_a, machine.s5_b);
		delay(1000);
		log_error("power off did not work\n");
	} else {
		log_error("the firmware tells no way to power off\n");
	}
	log_error("it is safe to switch the machine off\n");
	stop_others();
	cpu_halt_forever();
}

void machine_stop(void)
{
	watchdog_off();
	if (boot_options.noreboot) {
		log_error("stopped (noreboot is set)\n");
		stop_others();
		cpu_halt_forever();
	}
	log_error("restarting in %d s ('noreboot' would stop here)\n",
		  RESTART_DELAY_S);
	delay(RESTART_DELAY_S * 1000);
	machine_restart();
}

// Back trace of the caller of the function whose frame this is.
static void trace_from(const u64 *frame)
{
	struct regs r = {
		.rip = frame[1],
		.rbp = frame[0],
		.rsp = (u64)frame,
	};

	dump_backtrace(&r);
}

// A fault on the way out must not start the whole thing over.
static void enter_panic(void)
{
	static bool entered;

	if (__atomic_exchange_n(&entered, true, __ATOMIC_ACQ_REL)) {
		log_error("another error while stopping: halted\n");
		cpu_halt_forever();
	}
	console_force();
}

// The last words, as one line however they end.
static void say_last(const char *prefix, const char *format, va_list ap)
{
	char line[256];

	fmt_vprint(line, sizeof(line), format, ap);
	enter_panic();
	log_error("%s%s%s", prefix, line, strchr(line, '\n') ? "" : "\n");
}

void panic(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say_last("panic: ", format, ap);
	va_end(ap);
	trace_from(__builtin_frame_address(0));
	machine_stop();
}

void give_up(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say_last("", format, ap);
	va_end(ap);
	machine_stop();
}

void panic_regs(const struct regs *r, const char *what)
{
	enter_panic();
	log_error("panic: %s\n", what);
	dump_regs(r);
	machine_stop();
}

void bug_at(const char *file, int line, const char *what)
{
	enter_panic();
	log_error("bug at %s:%d: %s\n", file, line, what);
	trace_from(__builtin_frame_address(0));
	machine_stop();
}
