// SPDX-License-Identifier: MIT
//
// The exceptions that may come at any instruction and so have stacks of their
// own: NMI, machine check, double fault, and debug exceptions. When one comes
// in ring 0 nothing here may fault, wait or wake anybody: it may be in the
// middle of a lock, or of the entry stubs.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "console/console.h"
#include "hw/cpu.h"
#include "irq/watchdog.h"
#include "lib/string.h"

#define PORT_NMI_REASON 0x61
#define REASON_PARITY 0x80
#define REASON_IOCHECK 0x40

#define MSR_MCG_CAP 0x179
#define MSR_MCG_STATUS 0x17a
#define MSR_MC0_STATUS 0x401
#define MSR_MC0_ADDR 0x402
#define MSRS_PER_BANK 4
#define MC_VALID BIT(63)
#define MC_ADDR_VALID BIT(58)

// NMIs belong to dom0, as the ABI has it: the reason goes into shared_info
// and vCPU 0 sees it on the next way out.
static void nmi(void)
{
	u8 reason = port_inb(PORT_NMI_REASON);
	struct vcpu *v = dom0 ? dom0->vcpu[0] : NULL;
	u64 bits = 0;

	if (!v || !v->traps[VEC_NMI].address)
		return;
	if (reason & REASON_PARITY)
		bits |= XEN_NMIREASON_pci_serr;
	if (reason & REASON_IOCHECK)
		bits |= XEN_NMIREASON_io_error;
	if (!bits)
		bits = XEN_NMIREASON_unknown;
	__atomic_or_fetch(&dom0->shared->arch.nmi_reason, bits,
			  __ATOMIC_SEQ_CST);
	WRITE_ONCE(v->nmi_pending, true);
	cpu_pend(cpu_this(), PENDING_NMI);
}

static no_return void machine_check(const struct regs *r)
{
	u32 banks = (u32)rdmsr(MSR_MCG_CAP) & 0xff;

	console_force();
	log_error("machine check: the hardware reports an error (MCG_STATUS "
		  "%016lx)\n",
		  rdmsr(MSR_MCG_STATUS));
	for (u32 i = 0; i < banks; i++) {
		u64 status = rdmsr(MSR_MC0_STATUS + i * MSRS_PER_BANK);

		if (!(status & MC_VALID))
			continue;
		log_error("  bank %u: status %016lx address %016lx\n", i,
			  status,
			  status & MC_ADDR_VALID
				  ? rdmsr(MSR_MC0_ADDR + i * MSRS_PER_BANK)
				  : 0);
	}
	panic_regs(r, "machine check: check the memory and the processor's "
		      "cooling");
}

static no_return void double_fault(const struct regs *r)
{
	panic_regs(r, "double fault in the hypervisor (a stack overflow if "
		      "cr2 is just below rsp)");
}

// Is TF, with which a process came by SYSENTER, in no frame yet? Both gates'
// entries begin alike.
static bool sysenter_unsaved(const struct regs *r)
{
	return r->rip - rdmsr(MSR_SYSENTER_EIP) <
	       (u64)(gate_sysenter_saved - gate_sysenter);
}

// In ring 0 it comes from the guest all the same: a breakpoint on memory that
// we read or wrote for it, a MOV SS before its SYSCALL, or a single step that
// went over SYSENTER. It sees a breakpoint in its DR6, but no step of ours.
static void debug(struct regs *r)
{
	struct vcpu *v = vcpu_this();
	bool from_guest = regs_from_guest(r);

	debugreg_note(v, from_guest);
	if (from_guest)
		bounce_trap(v, r, VEC_DB, 0);
	else if (!sysenter_unsaved(r))
		r->rflags &= ~(u64)RFLAGS_TF;
}

void nmi_entry(struct regs *r)
{
	switch (r->vector) {
	case VEC_NMI:
		if (!watchdog_nmi(r))
			nmi();
		break;
	case VEC_MC:
		machine_check(r);
	case VEC_DF:
		double_fault(r);
	default:
		debug(r);
	}
}
