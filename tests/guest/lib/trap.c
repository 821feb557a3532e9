// SPDX-License-Identifier: MIT
//
// Trap dispatch; see trap.h for the order in which an entry is offered.

#include "guest.h"

#define STUB_SIZE 16

extern char trap_stubs[], entry_event[], entry_syscall[], entry_syscall32[],
	entry_sysenter[], entry_failsafe[], entry_nmi[], guard_resume[];
extern u64 guard_rsp;
long guarded_enter(void (*fn)(u64), u64 arg);
void trap_dispatch(struct regs *regs);

struct fault fault = {.vector = TRAP_NONE};
u64 failsafe_selectors[4];
u64 entry_rflags, entry_cs, entry_ss;
bool (*trap_hook)(struct regs *regs);

struct ex_entry {
	u64 at, fix;
};
extern const struct ex_entry ex_table_start[], ex_table_end[];

u64 trap_stub(u32 vector)
{
	return (u64)trap_stubs + vector * STUB_SIZE;
}

long trap_set(u8 vector, u8 flags, u64 address)
{
	struct trap_info table[2] = {
		{vector, flags, FLAT_KERNEL_CS, address},
		{0},
	};

	return set_trap_table(table);
}

static void set_callback(u16 type, u16 flags, const char *entry)
{
	struct callback_register reg = {
		.type = type,
		.flags = flags,
		.address = (u64)entry,
	};
	long rc = callback_op(CALLBACKOP_register, &reg);

	require(rc == 0, "callback %u: error %ld", type, rc);
}

/* The exceptions, with #BP and #OF open to user mode, and int 0x80. */
void trap_init(void)
{
	static struct trap_info table[34];
	long rc;

	for (u8 v = 0; v < 32; v++) {
		u8 dpl = v == X86_BP || v == X86_OF ? 3 : 0;
		table[v] = (struct trap_info){
			v,
			dpl,
			FLAT_KERNEL_CS,
			trap_stub(v),
		};
	}
	table[32] = (struct trap_info){
		0x80,
		3,
		FLAT_KERNEL_CS,
		trap_stub(0x80),
	};
	rc = set_trap_table(table);
	require(rc == 0, "set_trap_table: error %ld", rc);
	set_callback(CALLBACKTYPE_event, 0, entry_event);
	set_callback(CALLBACKTYPE_failsafe, CALLBACKF_mask_events,
		     entry_failsafe);
	set_callback(CALLBACKTYPE_syscall, 0, entry_syscall);
}

static bool has_error_code(u64 vector)
{
	return vector == X86_DF || vector == X86_AC ||
	       (vector >= X86_TS && vector <= X86_PF);
}

u64 trap_frame(const struct regs *regs)
{
	return (u64)(has_error_code(regs->vector) ? &regs->error : &regs->rip) -
	       16;
}

void fault_record(const struct regs *regs)
{
	fault = (struct fault){
		.vector = regs->vector,
		.error = regs->error,
		.cr2 = regs->vector == X86_PF ? vcpu_info->arch.cr2 : 0,
		.regs = *regs,
		.frame = trap_frame(regs),
		.rflags = entry_rflags,
		.cs = entry_cs,
		.ss = entry_ss,
		.mask = vcpu_info->evtchn_upcall_mask,
	};
}

/* Reserved for the hypervisor in the GDT, so it may choose; see config.h. */
#define RING1_CS 0xe019
#define RING1_SS 0xe039

static bool in_mode(u64 sel, u16 ring1, u16 ring3)
{
	bool gate = behind_open_gate() || behind_closed_gate();

	sel &= 0xffff;
	return sel == (gate ? ring1 : ring3) || (gate_flips() && sel == ring3);
}

bool is_kernel_cs(u64 cs)
{
	return in_mode(cs, RING1_CS, FLAT_KERNEL_CS);
}

bool is_kernel_ss(u64 ss)
{
	return in_mode(ss, RING1_SS, FLAT_KERNEL_SS);
}

const char *trap_name(u64 vector)
{
	static const char *const names[] = {
		"#DE", "#DB",       "NMI",      "#BP", "#OF", "#BR", "#UD",
		"#NM", "#DF",       "vector 9", "#TS", "#NP", "#SS", "#GP",
		"#PF", "vector 15", "#MF",      "#AC", "#MC", "#XM",
	};

	if (vector < ARRAY_SIZE(names))
		return names[vector];
	switch (vector) {
	case TRAP_EVENT:
		return "event";
	case TRAP_FAILSAFE:
		return "failsafe";
	case TRAP_SYSCALL:
		return "syscall";
	case TRAP_NONE:
		return "none";
	default:
		return "other";
	}
}

static const struct ex_entry *ex_find(u64 rip)
{
	for (const struct ex_entry *e = ex_table_start; e < ex_table_end; e++)
		if (e->at == rip)
			return e;
	return NULL;
}

static bool fault_was_expected(struct regs *regs)
{
	const struct ex_entry *e = ex_find(regs->rip);

	if (e)
		regs->rip = e->fix;
	else if (guard_rsp)
		regs->rip = (u64)guard_resume;
	else
		return false;
	regs->rflags &= ~(FL_TF | FL_RF | FL_NT | FL_AC);
	return true;
}

static void unexpected(const struct regs *r)
{
	check_failed("unexpected %s (vector %lu) error 0x%lx cr2 0x%lx at "
		     "rip 0x%lx cs 0x%lx",
		     trap_name(r->vector), r->vector, r->error,
		     vcpu_info->arch.cr2, r->rip, r->cs);
	say("rsp 0x%lx ss 0x%lx rflags 0x%lx rax 0x%lx rcx 0x%lx rdi 0x%lx",
	    r->rsp, r->ss, r->rflags, r->rax, r->rcx, r->rdi);
	test_end();
}

void trap_dispatch(struct regs *regs)
{
	if (trap_hook && trap_hook(regs))
		return;
	if ((regs->cs & 3) || kernel_running())
		user_exit(regs);
	if (regs->vector == TRAP_EVENT) {
		event_handle();
		return;
	}
	u64 old_vector = fault.vector;
	fault_record(regs);
	if (old_vector != TRAP_NONE || !fault_was_expected(regs))
		unexpected(regs);
}

bool guarded_call(void (*fn)(u64), u64 arg)
{
	fault.vector = TRAP_NONE;
	return guarded_enter(fn, arg);
}

bool try_read(const volatile void *va, u64 *val)
{
	TRY("mov %1, %0", : "+r"(*val) : "m"(*(const volatile u64 *)va));
	return fault.vector == TRAP_NONE;
}

bool try_write(volatile void *va, u64 val)
{
	TRY("mov %1, %0", : "=m"(*(volatile u64 *)va) : "r"(val) : "memory");
	return fault.vector == TRAP_NONE;
}

bool try_write8(volatile void *va, u8 val)
{
	TRY("movb %1, %0", : "=m"(*(volatile u8 *)va) : "q"(val) : "memory");
	return fault.vector == TRAP_NONE;
}

bool expect_fault(const char *what, u64 vector, u64 error)
{
	return check(fault.vector == vector && fault.error == error,
		     "%s: got %s error 0x%lx, want %s error 0x%lx", what,
		     trap_name(fault.vector), fault.error, trap_name(vector),
		     error);
}

bool expect_page_fault(const char *what, u64 error, const volatile void *cr2)
{
	return expect_fault(what, X86_PF, error) &&
	       check(fault.cr2 == (u64)cr2, "%s: cr2 0x%lx, want %p", what,
		     fault.cr2, (const void *)cr2);
}

bool expect_no_fault(const char *what)
{
	return check(fault.vector == TRAP_NONE,
		     "%s: got %s error 0x%lx "
		     "cr2 0x%lx",
		     what, trap_name(fault.vector), fault.error, fault.cr2);
}
