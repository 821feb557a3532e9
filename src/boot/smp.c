// SPDX-License-Identifier: MIT
//
// Starts the other processors, one after the other, by INIT and STARTUP
// interrupts (Intel SDM vol. 3, 9.4). trampoline.S has their first steps. One
// that does not answer is reported and stays offline.
#include "boot/boot.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "hw/cpu.h"
#include "irq/irq.h"
#include "irq/watchdog.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "sched/sched.h"

#define LOWEST_PAGE 0x8000 // below are the BIOS's data and habits
#define REAL_MODE_END 0xa0000

#define INIT_WAIT_NS 10000000ull
#define STARTUP_WAIT_NS 1000000ull
#define ANSWER_WAIT_NS 500000000ull

extern const char ap_trampoline[], ap_trampoline_end[];

// Read by trampoline.S. The number is the id of the processor being started
// until that takes it, 0 afterwards.
u32 ap_number;
u64 ap_root, ap_stack;
no_return void ap_start(void);

// Says that the processor being started has come all the way.
static bool ap_ready;

// On the new processor's own main stack.
void ap_start(void)
{
	struct cpu *c = cpu_this();

	early_traps_init();
	cpu_init_this(c);
	apic_init_this();
	sched_init_cpu(c);
	tsc_step_measure(2);
	__atomic_store_n(&c->online, true, __ATOMIC_RELEASE);
	watchdog_init_cpu(c);
	__atomic_store_n(&ap_ready, true, __ATOMIC_RELEASE);
	cpu_enter_guests();
}

static bool is_ram_page(maddr_t page)
{
	for (u32 i = 0; i < boot_info.e820_count; i++) {
		const struct e820_entry *e = &boot_info.e820[i];

		if (e->type == E820_RAM && e->addr <= page &&
		    e->addr + e->size >= page + PAGE_SIZE)
			return true;
	}
	return false;
}

// A page that real mode can reach with the trampoline in it, or 0.
static maddr_t place_trampoline(void)
{
	size_t bytes = (size_t)(ap_trampoline_end - ap_trampoline);

	for (maddr_t page = LOWEST_PAGE; page < REAL_MODE_END;
	     page += PAGE_SIZE) {
		if (!is_ram_page(page))
			continue;
		memcpy(maddr_virt(page), ap_trampoline, bytes);
		return page;
	}
	return 0;
}

static void wait_ns(u64 ns)
{
	u64 end = now_ns() + ns;

	while (now_ns() < end)
		cpu_pause();
}

// True when the processor took its number within ns.
static bool wait_taken(u64 ns)
{
	u64 end = now_ns() + ns;

	while (__atomic_load_n(&ap_number, __ATOMIC_ACQUIRE)) {
		if (now_ns() >= end)
			return false;
		cpu_pause();
	}
	return true;
}

static void wait_ready(void)
{
	u64 end = now_ns() + ANSWER_WAIT_NS;

	while (!__atomic_load_n(&ap_ready, __ATOMIC_ACQUIRE) && now_ns() < end)
		cpu_pause();
}

static void kick(u32 apic_id, maddr_t page)
{
	apic_send_init(apic_id);
	wait_ns(INIT_WAIT_NS);
	apic_send_startup(apic_id, (u8)(page >> PAGE_SHIFT));
	if (!wait_taken(STARTUP_WAIT_NS))
		apic_send_startup(apic_id, (u8)(page >> PAGE_SHIFT));
	wait_taken(ANSWER_WAIT_NS);
}

static void start_one(u32 id, const struct acpi_cpu *a, maddr_t page)
{
	struct cpu *c = cpu_of(id);

	percpu_setup(id, a->apic_id, a->acpi_id);
	if (timer_queue_init(c))
		panic("no memory for the timers of processor %u", id);
	ap_root = mfn_maddr(hv_root());
	ap_stack = c->stack_top;
	ap_ready = false;
	tsc_step_prepare();
	__atomic_store_n(&ap_number, id, __ATOMIC_RELEASE);
	kick(a->apic_id, page);
	// Either it has taken the number by now, or it never will.
	if (!__atomic_exchange_n(&ap_number, 0, __ATOMIC_ACQ_REL)) {
		tsc_step_measure(1);
		wait_ready();
	}
	if (ap_ready)
		tsc_step_judge(id);
	else
		log_warn("processor %u (APIC id %u) does not answer\n", id,
			 a->apic_id);
}

static u32 wanted_cpus(void)
{
	u32 n = min(machine.cpu_count, (u32)MAX_CPUS);

	if (boot_options.nosmp)
		return 1;
	return boot_options.maxcpus ? min(n, boot_options.maxcpus) : n;
}

void smp_start(void)
{
	u32 wanted = wanted_cpus(), id = 1;
	maddr_t page = wanted > 1 ? place_trampoline() : 0;

	if (wanted > 1 && !page)
		log_warn("no memory below 640 KiB: one processor only\n");
	for (u32 i = 0; page && i < machine.cpu_count && id < wanted; i++)
		if (machine.cpu[i].apic_id != cpu_this()->apic_id)
			start_one(id++, &machine.cpu[i], page);
}
