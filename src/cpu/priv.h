// SPDX-License-Identifier: MIT
//
// Between the files of this folder.
#pragma once

#include "cpu/cpu.h"
#include "cpu/uaccess.h"
#include "domain/domain.h"

// ---------------------------------------------------------- gate/entry.S
extern const char gate_text_start[]; // the page of entry stubs, in the image
extern const char gate_syscall[], gate_syscall32[], gate_sysenter[];
extern const char gate_sysenter_saved[]; // from here on TF may be cleared
extern const char gate_trap_stubs[]; // 32 of 16 bytes
extern const char gate_irq_stubs[]; // 224 of 8 bytes, from vector 32
extern const char gate_nmi[], gate_machine_check[], gate_double_fault[],
	gate_debug[];
// Leaves what is on the stack for an empty frame at `frame`, the top of the
// main stack, and goes the way out (guest_exit) to whatever guest runs next.
no_return void gate_enter(struct regs *frame);
// IRET refused r, the guest's frame: the guest gets the exception.
void iret_fault(struct regs *r);

// Loads the shared IDT on this processor.
void idt_load(void);
struct idt_gate {
	u16 offset_low, selector, type, offset_mid;
	u32 offset_high, reserved;
};
// Where the gates of an IDT lead.
struct idt_entries {
	u64 traps; // 32 stubs of 16 bytes
	u64 irqs; // 224 of 8 bytes
	u64 nmi, machine_check, double_fault, debug;
};
#define IDT_DPL3 0x6000u // INT n may use it
// One interrupt gate; flags: IST, IDT_DPL3.
void idt_set(struct idt_gate *table, u8 vector, u64 at, u32 flags);
// Fills 256 gates.
void idt_fill(struct idt_gate *table, const struct idt_entries *e);
// LSTAR and its like: where SYSCALL and SYSENTER lead, and the latter's stack.
struct syscall_entries {
	u64 syscall, syscall32, sysenter, sysenter_rsp;
};
void syscall_entries_load(const struct syscall_entries *e);
// Those of every mode but the closed gate: MSRs, IDT, stacks in the TSS.
void entries_load(struct cpu *c);
// Waits for something to do: a bit in c->pending, or an interrupt.
void cpu_idle(struct cpu *c);

// Where an object of the image lies in memory.
static inline maddr_t image_maddr(const void *p)
{
	return (u64)p - IMAGE_BASE + IMAGE_PHYS;
}

// Processor `cpu` exists from now on.
void cpu_count_add(u32 cpu);

// True when sel, a selector that v runs on, names 64-bit code.
bool descriptor_is_code64(const struct vcpu *v, u16 sel);

// --------------------------------------------------------------- selectors
// Guest kernels always run on these (gate.md D2).
static inline void kernel_selectors(const struct vcpu *v, struct regs *r)
{
	bool ring1 = v->domain->open_gate || v->closed;

	r->cs = ring1 ? SEL_RING1_CS : SEL_USER_CS64;
	r->ss = ring1 ? SEL_RING1_SS : SEL_USER_SS;
}

// What is shown of them to guests is the same whatever the ring (D3).
static inline u64 shown_cs(u64 cs)
{
	return cs == SEL_RING1_CS ? SEL_USER_CS64 : cs;
}

static inline u64 shown_ss(u64 ss)
{
	return ss == SEL_RING1_SS ? SEL_USER_SS : ss;
}

// ------------------------------------------------------------- guest flags
// What a guest may have in RFLAGS; IF is always on, IOPL, VM and VIF never.
#define GUEST_RFLAGS 0x254dd5u
static inline u64 guest_rflags(u64 wanted)
{
	return (wanted & GUEST_RFLAGS) | RFLAGS_IF | RFLAGS_MBS;
}

// ------------------------------------------------------------ bounce frame
#define TRAP_MASKS_EVENTS 4 // trap_info.flags
#define BOUNCE_WORDS 11 // the longest, failsafe
// Flags with which no handler starts.
#define BOUNCE_CLEARED \
	(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | RFLAGS_AC)

// What the frame is made from, besides the registers.
struct bounce_source {
	bool from_kernel; // RPL of the saved CS is cleared
	u8 saved_mask; // the upcall mask before
	bool has_error;
	u32 error;
	const u16 *selectors; // ds, es, fs, gs for failsafe, else 0
};
// Writes the words of the frame (abi.md 3.1), lowest address first; how many.
u32 bounce_frame(u64 words[BOUNCE_WORDS], const struct regs *r,
		 const struct bounce_source *s);

// ------------------------------------------------------------------- state
#define CR0_OURS (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG)
// Bits of CR4 that a guest may change and then sees.
#define CR4_GUEST (CR4_TSD | CR4_DE)
u64 cr4_ours(void); // CR4 of this machine while no guest has a say
// CR4 of this processor := ours and what v asks for.
void cr4_load(const struct vcpu *v);
// What the guest reads from CR0 and CR4.
u64 cr0_guest_view(const struct vcpu *v);
u64 cr4_guest_view(const struct vcpu *v);
// MSR_STAR of this processor := as v's domain needs it.
void star_load(const struct vcpu *v);
// Is there RDTSCP? v's value of the MSR that it reads := into this processor.
bool has_tsc_aux(void);
void tsc_aux_load(const struct vcpu *v);
// The guest's CR0.TS became `ts`.
void fpu_set_ts(struct vcpu *v, bool ts);
// Makes v's registers the processor's, or leaves that to its CLTS or #NM.
void fpu_load(struct vcpu *v);
// XCR0 := value, if the guest may have that; false: #GP. valid: as the manual
// wants it, out of the bits allowed.
bool xcr0_set(struct vcpu *v, u64 value);
bool xcr0_valid(u64 value, u64 allowed);

// --------------------------------------------------------- debug registers
// Errors of the hypercalls: -EINVAL no such register, -EPERM bad value.
int must_check debugreg_set(struct vcpu *v, u64 index, u64 value);
int must_check debugreg_get(const struct vcpu *v, u64 index, u64 *value);
// Arms v's breakpoints on this processor; nobody's.
void debugreg_load(struct vcpu *v);
void debugreg_unload(void);
// #DB came: keeps what DR6 says for v (0: nobody) and resets it. Was the guest
// stepped, if anybody?
void debugreg_note(struct vcpu *v, bool stepped);
// Notes a single step in v's DR6.
void debugreg_single_step(struct vcpu *v);

// --------------------------------------------------------------- emulation
enum emul_result {
	EMUL_DONE, // RIP moves on
	EMUL_AGAIN, // the instruction is not finished: RIP stays
	EMUL_GP, // #GP(0) for the guest
	EMUL_BOUNCED, // the guest's frame has been changed already
	EMUL_UNKNOWN, // not ours
};

enum emul_op {
	OP_NONE,
	OP_IN, // port in DX or imm, value in rAX
	OP_OUT,
	OP_INS,
	OP_OUTS,
	OP_CLI,
	OP_STI,
	OP_HLT,
	OP_CLTS,
	OP_WBINVD, // and INVD
	OP_READ_CR, // reg = number of the CR, rm = general register
	OP_WRITE_CR,
	OP_READ_DR,
	OP_WRITE_DR,
	OP_RDMSR,
	OP_WRMSR,
	OP_RDTSC,
	OP_RDTSCP,
	OP_XSETBV,
	OP_CPUID,
	OP_MAX,
};

#define INSN_MAX 15

struct emul_insn {
	enum emul_op op;
	u8 bytes; // length
	u8 size; // operand: 1, 2 or 4 bytes
	u8 reg, rm; // 0..15
	bool has_imm;
	u8 imm;
	bool rep;
	bool addr32; // addresses are 32 bits wide
	u8 segment; // prefix: 0x64, 0x65, or 0
};
// Decodes one privileged instruction of 64-bit code. False: not one of them.
bool emul_decode(const u8 *code, u32 length, struct emul_insn *insn);
// General register n as the instruction set counts them.
u64 *emul_gpr(struct regs *r, u32 n);

// What cpu/emulate.c calls for each kind; insn was decoded at r's RIP.
enum emul_result emul_port(struct vcpu *v, struct regs *r,
			   const struct emul_insn *insn);
enum emul_result emul_string(struct vcpu *v, struct regs *r,
			     const struct emul_insn *insn);
enum emul_result emul_cr(struct vcpu *v, struct regs *r,
			 const struct emul_insn *insn);
enum emul_result emul_dr(struct vcpu *v, struct regs *r,
			 const struct emul_insn *insn);
enum emul_result emul_msr(struct vcpu *v, struct regs *r,
			  const struct emul_insn *insn);
// CPUID by the domain's policy into r.
void emul_cpuid(struct vcpu *v, struct regs *r);

// One access to a port as the domain sees it; bytes is 1, 2 or 4.
u32 port_read(struct domain *d, u16 port, u32 bytes);
void port_write(struct domain *d, u16 port, u32 bytes, u32 value);
