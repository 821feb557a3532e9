// SPDX-License-Identifier: MIT
//
// The local APIC, through its page of registers (xAPIC) or through MSRs
// (x2APIC), and its timer. All interrupts of the hypervisor are acknowledged
// here, and processors reach each other here. Numbers: Intel SDM vol. 3,
// chapter "Advanced Programmable Interrupt Controller".
#include "boot/boot.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "irq/priv.h"
#include "mm/mm.h"
#include "sched/sched.h"

#define APIC_BASE_ENABLE 0x800
#define APIC_BASE_X2 0x400

#define APIC_ID 0x20
#define APIC_VERSION 0x30
#define APIC_TPR 0x80
#define APIC_EOI 0xb0
#define APIC_SPURIOUS 0xf0
#define APIC_ISR 0x100
#define APIC_ESR 0x280
#define APIC_LVT_CMCI 0x2f0
#define APIC_ICR 0x300
#define APIC_ICR_HIGH 0x310
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_THERMAL 0x330
#define APIC_LVT_PERF 0x340
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_LVT_ERROR 0x370
#define APIC_TIMER_INITIAL 0x380
#define APIC_TIMER_CURRENT 0x390
#define APIC_TIMER_DIVIDE 0x3e0

#define SPURIOUS_ENABLE 0x100
#define LVT_MASKED 0x10000
#define LVT_NMI 0x400
#define LVT_DEADLINE 0x40000
#define ICR_INIT 0x4500 // edge, assert
#define ICR_STARTUP 0x4600
#define ICR_FIXED 0x4000
#define ICR_NMI 0x4400
#define ICR_BUSY 0x1000
#define DIVIDE_BY_8 0x2

#define DEVICE_IDS 255 // the last one of eight bits means all

#define MSR_TSC_DEADLINE 0x6e0
#define CPUID1_C_DEADLINE BIT(24)

static volatile u8 *apic_regs;
static u32 boot_id;
static bool x2apic;
static bool deadline; // the timer takes a TSC value, not a count
static u64 ticks_per_ns; // of the timer, 32.32 fixed point

// --------------------------------------------------------------- registers

static u32 apic_read(u32 reg)
{
	if (x2apic)
		return (u32)rdmsr(MSR_X2APIC + (reg >> 4));
	return mmio_read32(apic_regs + reg);
}

static void apic_write(u32 reg, u32 value)
{
	if (x2apic)
		wrmsr(MSR_X2APIC + (reg >> 4), value);
	else
		mmio_write32(apic_regs + reg, value);
}

static u32 apic_id_this(void)
{
	u32 id = apic_read(APIC_ID);

	return x2apic ? id : id >> 24;
}

u32 apic_boot_id(void)
{
	return boot_id;
}

u32 apic_device_target(u32 cpu)
{
	u32 id = cpu_of(cpu)->apic_id;

	return id < DEVICE_IDS ? id : boot_id;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

// -------------------------------------------------------------------- IPIs

// For the one before. Sending takes well under a microsecond; a local APIC that
// stays busy for longer is broken, and waiting for ever would hide where.
static void icr_wait(void)
{
	for (u32 i = 0; i < 1000000; i++) {
		if (!(apic_read(APIC_ICR) & ICR_BUSY))
			return;
		cpu_pause();
	}
	panic("the local APIC of processor %u does not send its IPI",
	      cpu_this()->id);
}

static void icr_send(u32 apic_id, u32 command)
{
	// Stores must be seen before the interrupt is; WRMSR to an x2APIC
	// register does not wait for them.
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (x2apic) {
		wrmsr(MSR_X2APIC + (APIC_ICR >> 4),
		      (u64)apic_id << 32 | command);
		return;
	}
	icr_wait();
	mmio_write32(apic_regs + APIC_ICR_HIGH, apic_id << 24);
	mmio_write32(apic_regs + APIC_ICR, command);
}

void apic_send_ipi(u32 apic_id, u8 vector)
{
	icr_send(apic_id, ICR_FIXED | vector);
}

void apic_send_init(u32 apic_id)
{
	icr_send(apic_id, ICR_INIT);
}

void apic_send_startup(u32 apic_id, u8 page)
{
	icr_send(apic_id, ICR_STARTUP | page);
}

void apic_send_nmi(u32 apic_id)
{
	icr_send(apic_id, ICR_NMI);
}

// ------------------------------------------------------------------- timer

bool apic_timer_uses_deadline(void)
{
	return deadline;
}

void apic_timer_count_start(void)
{
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_TIMER_INITIAL, 0xffffffff);
}

u64 apic_timer_count(void)
{
	return 0xffffffff - apic_read(APIC_TIMER_CURRENT);
}

static void timer_enable(void)
{
	apic_write(APIC_TIMER_INITIAL, 0);
	apic_write(APIC_LVT_TIMER, VEC_TIMER | (deadline ? LVT_DEADLINE : 0));
	// A deadline written before the mode is set would be lost.
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void apic_timer_set_rate(u64 hz)
{
	ticks_per_ns = (u64)(((unsigned __int128)hz << 32) / 1000000000);
	timer_enable();
}

void apic_timer_set(u64 when_ns)
{
	u64 now = now_ns();
	u64 delta = when_ns > now ? when_ns - now : 0;
	u64 ticks = (u64)((unsigned __int128)delta * ticks_per_ns >> 32) + 1;

	if (deadline)
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + ticks);
	else
		apic_write(APIC_TIMER_INITIAL, (u32)min(ticks, 0xffffffffull));
}

static void timer_interrupt(void *arg)
{
	(void)arg;
	cpu_pend(cpu_this(), PENDING_TIMER);
}

// ------------------------------------------------------------------- start

static void error_interrupt(void *arg)
{
	static u32 seen;
	u32 status;

	(void)arg;
	apic_write(APIC_ESR, 0); // latches the present state
	status = apic_read(APIC_ESR);
	if (status & ~seen)
		log_warn("local APIC of processor %u reports error %#x\n",
			 cpu_this()->id, status);
	seen |= status;
}

// The MSR wants the two steps one after the other.
static void apic_enable(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, base);
	if (x2apic)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2);
}

static void lvt_mask_all(void)
{
	// An entry exists if the version register's count reaches it; x2APIC
	// faults on one that does not.
	static const struct {
		u16 reg;
		u8 last_lvt;
	} lvt[] = {
		{APIC_LVT_TIMER, 0}, {APIC_LVT_LINT0, 0}, {APIC_LVT_LINT1, 0},
		{APIC_LVT_ERROR, 3}, {APIC_LVT_PERF, 4},  {APIC_LVT_THERMAL, 5},
		{APIC_LVT_CMCI, 6},
	};
	u32 last = apic_read(APIC_VERSION) >> 16 & 0xff;

	for (u32 i = 0; i < ARRAY_SIZE(lvt); i++)
		if (lvt[i].last_lvt <= last)
			apic_write(lvt[i].reg, LVT_MASKED);
}

// Interrupts that whoever ran before us (a kexec'ing kernel) left in service
// would block ours of the same priority for ever.
static void drain_in_service(void)
{
	// Each EOI ends the highest.
	for (u32 i = 8; i-- > 0;)
		for (u32 bits = apic_read(APIC_ISR + 16 * i); bits;
		     bits &= bits - 1)
			apic_eoi();
}

void apic_init_this(void)
{
	apic_enable();
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VEC_SPURIOUS);
	apic_write(APIC_TPR, 0);
	lvt_mask_all();
	drain_in_service();
	apic_write(APIC_LVT_LINT1, LVT_NMI);
	apic_write(APIC_ESR, 0);
	apic_write(APIC_LVT_ERROR, VEC_APIC_ERROR);
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_8);
	if (ticks_per_ns)
		timer_enable();
}

void apic_init_boot(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);
	maddr_t addr = base & PTE_ADDR;

	// There is no way back from x2APIC when the firmware has chosen it.
	x2apic = (base & APIC_BASE_X2) ||
		 (cpu_features.x2apic && !boot_options.noapic_x2);
	deadline = cpu_features.leaf1_c & CPUID1_C_DEADLINE;
	if (!x2apic)
		apic_regs = mmio_map(addr, PAGE_SIZE);
	iomem_restrict(maddr_mfn(addr), 1, IOMEM_NEVER);

	pic_mask();
	irq_register(VEC_TIMER, timer_interrupt, NULL);
	irq_register(VEC_APIC_ERROR, error_interrupt, NULL);
	apic_enable();
	boot_id = apic_id_this();
	log_info("local APIC: %s, id %u, %s timer\n",
		 x2apic ? "x2APIC" : "xAPIC", boot_id,
		 deadline ? "TSC-deadline" : "one-shot");
}
