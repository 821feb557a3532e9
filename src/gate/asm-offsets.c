// SPDX-License-Identifier: MIT
//
// Structure offsets and sizes for assembly files. Never linked: the compiler's
// output is filtered into build/gen/asm-offsets.h by tools/asm-offsets.
#include "abi/xen.h"
#include "cpu/percpu.h"
#include "cpu/priv.h"
#include "cpu/regs.h"
#include "gate/closed.h"
#include "hw/emit.h"

#define OFFSET(name, type, member) EMIT(name, offsetof(type, member))
#define SIZE(name, type) EMIT(name, sizeof(type))

// Read as one word.
_Static_assert(offsetof(struct vcpu, one_root) ==
		       offsetof(struct vcpu, in_kernel) + 1,
	       "FAST_USER and FAST_KERNEL have both");
_Static_assert(offsetof(struct vcpu, nmi_masked) ==
		       offsetof(struct vcpu, nmi_pending) + 1,
	       "one test");

_Static_assert(SEGBASE_FS == 0 && SEGBASE_GS_USER == 1 &&
		       MSR_KERNEL_GS_BASE == MSR_FS_BASE + 2,
	       "fast_hypercall computes the MSR");

void asm_offsets(void);
void asm_offsets(void)
{
	SIZE(REGS_SIZE, struct regs);
	OFFSET(REGS_RAX, struct regs, rax);
	OFFSET(REGS_RCX, struct regs, rcx);
	OFFSET(REGS_RDX, struct regs, rdx);
	OFFSET(REGS_RSI, struct regs, rsi);
	OFFSET(REGS_RDI, struct regs, rdi);
	OFFSET(REGS_ERROR, struct regs, error);
	OFFSET(REGS_VECTOR, struct regs, vector);
	OFFSET(REGS_RIP, struct regs, rip);
	OFFSET(REGS_CS, struct regs, cs);
	OFFSET(REGS_RFLAGS, struct regs, rflags);
	OFFSET(REGS_RSP, struct regs, rsp);
	OFFSET(REGS_SS, struct regs, ss);

	OFFSET(GATE_RO_FULL_CR3, struct gate_ro, full_cr3);
	OFFSET(GATE_RO_GUEST_CR3, struct gate_ro, guest_cr3);
	OFFSET(GATE_RO_STACK_TOP, struct gate_ro, stack_top);
	OFFSET(GATE_RO_INFO, struct gate_ro, info);
	OFFSET(GATE_RO_SYSCALL_RIP, struct gate_ro, syscall_rip);
	OFFSET(GATE_RO_SYSCALL_MASKS, struct gate_ro, syscall_masks);
	OFFSET(GATE_RO_FAULT_RIP, struct gate_ro, fault_rip);
	OFFSET(GATE_RO_FAULT_MASKS, struct gate_ro, fault_masks);
	OFFSET(GATE_RO_USERS_OK, struct gate_ro, users_ok);
	OFFSET(GATE_RO_IRET_OK, struct gate_ro, iret_ok);
	OFFSET(GATE_RO_TASKS_OK, struct gate_ro, tasks_ok);
	OFFSET(GATE_RO_ENTER, struct gate_ro, enter);
	OFFSET(GATE_RO_WINDOW, struct gate_ro, window);
	OFFSET(GATE_RO_TRAP, struct gate_ro, trap);
	OFFSET(GATE_RO_IRQ, struct gate_ro, irq);
	OFFSET(GATE_RO_IST, struct gate_ro, ist);
	OFFSET(GATE_RW_RSP, struct gate_rw, rsp);
	OFFSET(GATE_RW_RAX, struct gate_rw, rax);
	OFFSET(GATE_RW_RCX, struct gate_rw, rcx);
	OFFSET(GATE_RW_RDX, struct gate_rw, rdx);
	OFFSET(GATE_RW_R11, struct gate_rw, r11);
	OFFSET(GATE_RW_CR2, struct gate_rw, cr2);
	OFFSET(GATE_RW_IN_KERNEL, struct gate_rw, in_kernel);
	OFFSET(GATE_RW_KERNEL_SS, struct gate_rw, kernel_ss);
	OFFSET(GATE_RW_KERNEL_SP, struct gate_rw, kernel_sp);
	OFFSET(GATE_RW_SYSCALLS, struct gate_rw, syscalls);
	OFFSET(GATE_RW_FAULTS, struct gate_rw, faults);
	OFFSET(GATE_RW_IRETS, struct gate_rw, irets);
	OFFSET(GATE_RW_STACK_SWITCHES, struct gate_rw, stack_switches);
	OFFSET(GATE_RW_SEGMENT_BASES, struct gate_rw, segment_bases);
	EMIT(GATE_STACK_BYTES, GATE_STACK_BYTES);

	OFFSET(CPU_GUEST_RSP, struct cpu, guest_rsp);
	OFFSET(CPU_STACK_TOP, struct cpu, stack_top);
	OFFSET(CPU_CURR, struct cpu, curr);
	OFFSET(CPU_FLUSH_OWED, struct cpu, flush_owed);

	OFFSET(VCPU_DOMAIN, struct vcpu, domain);
	OFFSET(VCPU_INFO, struct vcpu, info);
	OFFSET(VCPU_IN_KERNEL, struct vcpu, in_kernel); // and one_root
	OFFSET(VCPU_NMI_PENDING, struct vcpu, nmi_pending); // and nmi_masked
	OFFSET(VCPU_USERS_VERSION, struct vcpu, users_version);
	OFFSET(VCPU_KERNEL_SS, struct vcpu, kernel_ss);
	OFFSET(VCPU_KERNEL_SP, struct vcpu, kernel_sp);
	OFFSET(VCPU_TRAPS, struct vcpu, traps);
	OFFSET(VCPU_SYSCALL_RIP, struct vcpu, syscall.rip);
	OFFSET(VCPU_SYSCALL_MASKS, struct vcpu, syscall.mask_events);
	OFFSET(VCPU_TRAPS_SEEN, struct vcpu, traps_seen);
	OFFSET(VCPU_HYPERCALLS, struct vcpu, hypercalls);
	OFFSET(VCPU_COUNT_SYSCALL, struct vcpu, count[CNT_SYSCALL]);
	OFFSET(VCPU_COUNT_PF, struct vcpu, count[CNT_TRAP + VEC_PF]);
	OFFSET(VCPU_COUNT_IRET, struct vcpu,
	       count[CNT_HYPERCALL + __HYPERVISOR_iret]);
	OFFSET(VCPU_COUNT_STACK_SWITCH, struct vcpu,
	       count[CNT_HYPERCALL + __HYPERVISOR_stack_switch]);
	OFFSET(VCPU_COUNT_SEGMENT_BASE, struct vcpu,
	       count[CNT_HYPERCALL + __HYPERVISOR_set_segment_base]);
	OFFSET(DOMAIN_ROOT_VERSION, struct domain, root_version);

	EMIT(TRAP_PF_ADDRESS, VEC_PF * sizeof(struct trap_info) +
				      offsetof(struct trap_info, address));
	EMIT(TRAP_PF_FLAGS, VEC_PF * sizeof(struct trap_info) +
				    offsetof(struct trap_info, flags));
	EMIT(TRAP_MASKS_EVENTS, TRAP_MASKS_EVENTS);
	OFFSET(INFO_PENDING, struct vcpu_info, evtchn_upcall_pending);
	OFFSET(INFO_MASK, struct vcpu_info, evtchn_upcall_mask);
	OFFSET(INFO_CR2, struct vcpu_info, arch.cr2);
	EMIT(HYPERCALL_IRET, __HYPERVISOR_iret);
	EMIT(HYPERCALL_STACK_SWITCH, __HYPERVISOR_stack_switch);
	EMIT(HYPERCALL_SET_SEGMENT_BASE, __HYPERVISOR_set_segment_base);
	EMIT(SEGBASE_GS_USER, SEGBASE_GS_USER);
	EMIT(SEGBASE_GS_USER_SEL, SEGBASE_GS_USER_SEL);
	EMIT(IRET_IN_SYSCALL, VGCF_in_syscall);
	EMIT(GUEST_RFLAGS, GUEST_RFLAGS);
	EMIT(BOUNCE_CLEARED, BOUNCE_CLEARED);
	EMIT(BOUNCE_CLEARED_DF, BOUNCE_CLEARED | RFLAGS_DF);
}
