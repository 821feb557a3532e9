// SPDX-License-Identifier: MIT
//
// The closed gate: a guest's kernel in ring 1, the hypervisor's memory not
// mapped while it runs. What stays mapped are the pages named here, at their
// place in the processor's block. docs/gate.md tells the whole story.
#pragma once

#include "config.h"
#include "cpu/percpu.h"
#include "lib/types.h"

// Read-only for the guest. What decides where ring 0 goes and what it loads is
// here and nowhere else (gate.md A2).
struct gate_ro {
	u64 full_cr3; // root_full(): all is mapped
	u64 guest_cr3; // mirror_of(): of ours the gate only; 0: none yet
	u64 stack_top; // of the main stack
	u64 info; // address of the vcpu_info
	// Its kernel's handlers that need no help, 0: go to the hypervisor.
	u64 syscall_rip;
	u64 fault_rip; // of page faults of programs
	u8 syscall_masks, fault_masks; // 1: the handler starts with events off
	u8 users_ok; // programs may run on this root
	u8 iret_ok; // the iret hypercall needs no help
	u8 tasks_ok; // nor do those of a task switch
	// In the image, out of reach of a direct jump.
	u64 enter, window, trap, irq, ist;
	struct tss tss __attribute__((aligned(16)));
};

// The guest's kernel can write this at any time but while ring 0 runs here:
// nothing read from it is believed that was there when the guest ran, except
// for what concerns the guest alone.
struct gate_rw {
	u64 rsp, rax, rcx, rdx, r11, cr2; // parked for some instructions
	u64 in_kernel; // 0: a program runs
	u64 kernel_ss, kernel_sp; // as of the last stack_switch
	// Done without the hypervisor:
	u64 syscalls, faults, irets, stack_switches, segment_bases;
};

#define GATE_STACK_BYTES 512
#define GATE_STACKS 5 // the first for TSS.RSP0, then one for each IST
// End of stack n in the page.
#define GATE_STACK_END(n) (PAGE_SIZE - (n)*GATE_STACK_BYTES)

_Static_assert(sizeof(struct gate_ro) <= PAGE_SIZE, "one page");
_Static_assert(sizeof(struct gate_rw) <=
		       PAGE_SIZE - GATE_STACKS * GATE_STACK_BYTES,
	       "below the stacks");

static inline struct gate_ro *gate_ro(u32 cpu)
{
	return (struct gate_ro *)(percpu_base(cpu) + PERCPU_CLOSED_RO);
}

static inline struct gate_rw *gate_rw(u32 cpu)
{
	return (struct gate_rw *)(percpu_base(cpu) + PERCPU_CLOSED_RW);
}

struct domain;
struct vcpu;

// What a domain's vCPUs do about the closed gate; the kernel's own habits may
// make single entries classic whatever is said here.
enum gate_policy {
	GATE_CLASSIC, // never
	GATE_ADAPTIVE, // programs; their kernel until it needs the hypervisor
	GATE_ALWAYS,
	GATE_FLIP, // change with every exit, for tests
};

// What gate= says.
struct gate_wish {
	enum gate_policy policy;
	bool force; // also where ring 1 does not hold
};
// False when the text is none of its words.
bool gate_parse(const char *text, struct gate_wish *wish);

// True when an option asks for a closed gate, whatever comes of it.
bool gate_asked_for(void);
bool gate_dom0_asked_for(void); // dom0-gate= does
// Finds out whether ring 1 holds if anything depends on that, decides, and
// says so where it is not what was asked for. On the boot processor, once.
void gate_init(void);
// Makes processor c's gate pages, if they were asked for. Panics without
// memory.
void gate_init_cpu(struct cpu *c);
// What was decided, for guests and for dom0.
enum gate_policy gate_policy_guests(void);
enum gate_policy gate_policy_dom0(void);

// A program of v's goes on, by C: looks at what its kernel needed each time that
// it was entered since that was so last.
void adaptive_learn(struct vcpu *v);
// It had better go on in classic mode, on a root that it shares with its kernel.
bool adaptive_shares(const struct vcpu *v);

// On the way out to v, which runs next with r: if that is through the closed
// gate, does not return. Else the processor is ready for classic mode.
void gate_leave(struct vcpu *v, struct regs *r);
// From closed.S: a guest entered through the closed gate.
void gate_entered(struct regs *r);
// From closed.S: NMI, #MC, #DF or #DB hit the gate's own instructions.
void gate_interrupted(struct regs *r);

// Does ring 1 keep its rank when it loads a null stack selector? Runs a few
// instructions there. Interrupts are off, no guest is there yet.
bool ring1_holds(void);
