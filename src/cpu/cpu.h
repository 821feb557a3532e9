// SPDX-License-Identifier: MIT
//
// From guest to hypervisor and back: traps, frames bounced to guest kernels,
// emulated instructions, CPUID policy, FPU, descriptor tables, vCPU state.
#pragma once

#include "cpu/percpu.h"
#include "cpu/policy.h"
#include "cpu/regs.h"
#include "domain/domain.h"
#include "lib/types.h"

// Feature facts of the boot processor, and what all processors have.
struct cpu_features {
	char vendor[13];
	u32 family, model, stepping;
	u32 max_leaf, max_ext_leaf;
	u32 phys_bits, virt_bits;
	u32 leaf1_c, leaf1_d, leaf7_b, leaf7_c, leaf7_d, ext1_c, ext1_d;
	bool xsave, fsgsbase, smep, smap, umip, nx, x2apic, tsc_stable;
	bool syscall32; // SYSCALL from compat mode (AMD)
	bool meltdown; // user mode may read what is mapped for the kernel
	u64 xcr0_mask; // state components we enable
	u32 xsave_size; // bytes for xcr0_mask
	u32 xsave_leaf1; // EAX of leaf 0xd, subleaf 1
};
extern struct cpu_features cpu_features;

// Reads CPUID; panics with advice on a processor that cannot do.
void cpu_identify(void);
// Per-processor: control registers, PAT, EFER, SYSCALL MSRs, GDT, IDT, TSS.
void cpu_init_this(struct cpu *c);
// Builds the shared IDT (once).
void idt_init(void);
// Maps and fills cpu c's block (stacks, GDT page, stub). Panics without memory.
void percpu_setup(u32 cpu, u32 apic_id, u32 acpi_id);

// ------------------------------------------------ entry points from entry.S
// Each runs with IF=0 on the main stack; the frame is r. After they return,
// entry.S calls guest_exit(r) if the frame is a guest's, then restores r.
void trap_entry(struct regs *r); // exceptions 0..31
void irq_entry(struct regs *r); // vectors 32..255
void syscall_entry(struct regs *r); // SYSCALL, 64 and 32 bit, SYSENTER
void nmi_entry(struct regs *r); // NMI, #MC, #DF, #DB on their IST stacks
// The way out: pending work, scheduling, event delivery, idle. When it returns
// the frame on the stack is the one to run.
void guest_exit(struct regs *r);
// Leaves the boot stack for good and runs guests.
no_return void cpu_enter_guests(void);

// ------------------------------------------------------ bouncing to guests
// Puts an exception frame on the guest kernel's stack and points r at the
// guest's handler. Crashes the domain when there is no handler or no stack.
void bounce_trap(struct vcpu *v, struct regs *r, u8 vector, u32 error);
// addr goes to the guest's CR2; the error code's user bit means guest user
// mode.
void bounce_page_fault(struct vcpu *v, struct regs *r, u64 addr, u32 error);
// A system call of the guest's user mode, or one that its kernel made in the
// 32-bit forms. Without a callback: #UD, for SYSENTER #GP.
void bounce_syscall(struct vcpu *v, struct regs *r);
// Delivers a pending event or NMI if the guest takes it now.
void bounce_pending(struct vcpu *v, struct regs *r);
// The failsafe callback after segment registers failed to load: sel[] is the
// intended ds, es, fs, gs.
void bounce_failsafe(struct vcpu *v, struct regs *r, const u16 sel[4]);

// Switches v, which is loaded, between guest user and kernel mode: SWAPGS and
// root. Nothing when it is in that mode. To user: it has a user root, which is
// left to the way out where there may be a closed gate.
void vcpu_switch_mode(struct vcpu *v, bool to_kernel);

// ---------------------------------------------------------- vCPU switching
// Saves the loaded vCPU's state into it; r is its frame. It stays loaded.
void vcpu_save(struct vcpu *v, const struct regs *r);
// Loads v's state; r becomes the frame to run. When a segment selector does not
// load, that is the guest's failsafe callback.
void vcpu_load(struct vcpu *v, struct regs *r);
// Puts this processor on hv_root() with no vCPU's state loaded.
void vcpu_unload(void);
// v was saved, and nothing else was loaded since: it goes on.
void vcpu_resume(struct vcpu *v);

// The image of v's FPU state. alloc: 0 or -ENOMEM.
int must_check fpu_alloc(struct vcpu *v);
void fpu_free(struct vcpu *v);
// #NM from the guest: bounced if it set CR0.TS itself, which is cleared.
void fpu_nm_fault(struct vcpu *v, struct regs *r);
// Writes v's registers to its image if they are in the processor and changed.
void fpu_save(struct vcpu *v);
// Back to the state after a reset; or x87 and SSE registers from an FXSAVE area
// of 512 bytes, while the others and XCR0 stay. v is not running.
void fpu_reset(struct vcpu *v);
void fpu_import(struct vcpu *v, const void *fxsave_image);
// The other way round; v's state must have been saved.
void fpu_export(const struct vcpu *v, void *fxsave_image);

// The whole state in the standard form of XSAVE, fpu_state_bytes() long; 0:
// this processor has no XSAVE. v's state must have been saved.
u32 fpu_state_bytes(void);
void fpu_state_get(const struct vcpu *v, void *image);
// -EINVAL when it or XCR0 is not what the domain may have.
int must_check fpu_state_set(struct vcpu *v, u64 xcr0, const void *image);

// Puts a guest's value for debug register 0..3, 6 or 7 in the form in which it
// may be loaded. False: refused.
bool debugreg_check(u64 index, u64 *value, bool io_breakpoints);

// ---------------------------------------------------------------- emulation
// #GP or #UD in a guest kernel: true when the instruction was emulated (and
// RIP advanced) or a fault for it has been bounced already.
bool emulate_privileged(struct vcpu *v, struct regs *r);
// The forced-emulation CPUID prefix at #UD: true when that was it, and done.
bool emulate_forced_cpuid(struct vcpu *v, struct regs *r);

// See cpu/policy.h.
struct cpuid policy_cpuid(const struct vcpu *v, u32 leaf, u32 subleaf);

// -------------------------------------------------------------- descriptors
// Makes *desc safe for a guest (code/data only, DPL 3, A set), or false.
bool descriptor_fix(u64 *desc);
// Points the window of this processor at v's GDT and LDT.
void descriptor_load(struct vcpu *v);
// Empties it, when nobody's state is loaded any more.
void descriptor_unload(void);
// Fills the windows of the block at base with empty pages, before first use.
void descriptor_init_windows(u64 base);
// Drop v's references to its descriptor pages.
void descriptor_clear_gdt(struct vcpu *v);
void descriptor_clear_ldt(struct vcpu *v);
// Replace v's tables by entries of 8 bytes: in the given frames, or at address
// base of the guest's kernel. v runs here or nowhere. On failure nothing has
// changed. gdt: -EINVAL too many entries, or a frame in another use; -EPERM not
// the domain's. ldt: -EINVAL too many, not page-aligned, or addresses of ours.
int must_check descriptor_set_gdt(struct vcpu *v, const mfn_t *frames,
				  u32 entries);
int must_check descriptor_set_ldt(struct vcpu *v, gva_t base, u32 entries);

// ---------------------------------------------------------------- exceptions
// Prints registers, code, stack and, for a frame of ours, a symbolized back
// trace; or the trace alone. Never fault.
void dump_regs(const struct regs *r);
void dump_backtrace(const struct regs *r);
// "symbol+0x12/0x34" of a hypervisor address into buf.
void symbol_name(u64 addr, char *buf, size_t size);
// Looks up the exception table: 0, or the address to continue at.
u64 extable_fixup(u64 rip);

// Has all other processors stand still on their way out to guests, where they
// hold nothing and have nothing half done, until cpus_release(). The caller
// holds no lock. False: another processor is doing that; come back later.
bool must_check cpus_park(void);
void cpus_release(void);
// For the way out: stands still as long as somebody wants that.
void cpu_park_here(void);
// One turn of waiting until another processor has been on its way out to a
// guest: answers flushes, and stands still if somebody wants that. The caller
// has nothing half done, and no lock that one on its way out may wait for.
void cpu_wait(void);

// Handlers of the messages between processors (irq/irq.h's VEC_IPI_*). Once.
void cpu_ipi_init(void);
