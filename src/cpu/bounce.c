// SPDX-License-Identifier: MIT
//
// Entering a guest kernel: an exception, a system call, an event or an NMI is
// pushed on its stack as a frame that looks like the hardware's, with RCX and
// R11 below, and RIP is set to the handler that it registered. abi.md 3.1 has
// the layout. A kernel whose stack cannot take the frame, or that has no
// handler, is beyond help: its domain crashes.
//
// Selectors (gate.md D2, D3): kernel code always runs on the hypervisor's flat
// ones, whatever the guest's tables say, and sees them in frames.
//
// gate/fast.inc does the commonest of this behind an open gate: keep the two
// alike.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "cpu/uaccess.h"
#include "events/events.h"
#include "lib/string.h"

#define SAVED_FLAGS_OFF (RFLAGS_IF | RFLAGS_IOPL)
#define SAVED_MASK_SHIFT 32 // of the upcall mask in the CS word

// Where to enter, and what with.
struct bounce {
	u64 rip;
	bool mask_events;
	bool has_error;
	u32 error;
	const u16 *selectors; // failsafe only
	u64 clear_flags; // in addition to BOUNCE_CLEARED
};

u32 bounce_frame(u64 words[BOUNCE_WORDS], const struct regs *r,
		 const struct bounce_source *s)
{
	u64 cs = s->from_kernel ? shown_cs(r->cs) & ~3ull : r->cs;
	u64 flags = r->rflags & ~(u64)SAVED_FLAGS_OFF;
	u64 *w = words;

	*w++ = r->rcx;
	*w++ = r->r11;
	for (u32 i = 0; s->selectors && i < 4; i++)
		*w++ = s->selectors[i];
	if (s->has_error)
		*w++ = s->error;
	*w++ = r->rip;
	*w++ = (cs & 0xffff) | (u64)s->saved_mask << SAVED_MASK_SHIFT;
	*w++ = flags | (s->saved_mask ? 0 : RFLAGS_IF);
	*w++ = r->rsp;
	*w++ = shown_ss(r->ss) & 0xffff;
	return (u32)(w - words);
}

// An IRET to a handler that is not canonical would fault, which would bounce
// to a handler, without end. So bad addresses do not get that far.
static bool handler_usable(struct vcpu *v, u64 rip, const char *what, u32 which)
{
	if (rip && is_canonical(rip))
		return true;
	domain_crash(v->domain, "vCPU %u: %s %u has no handler (address %lx)",
		     v->id, what, which, rip);
	return false;
}

static void bounce(struct vcpu *v, struct regs *r, const struct bounce *b)
{
	struct bounce_source source = {
		.from_kernel = v->in_kernel,
		.saved_mask = READ_ONCE(v->info->evtchn_upcall_mask) & 1,
		.has_error = b->has_error,
		.error = b->error,
		.selectors = b->selectors,
	};
	u64 words[BOUNCE_WORDS];
	u64 bytes = bounce_frame(words, r, &source) * sizeof(words[0]);
	u64 sp = r->rsp;

	if (!v->in_kernel) {
		vcpu_switch_mode(v, true);
		sp = v->kernel_sp;
		v->traps_seen++;
	}
	sp = (sp & ~15ull) - bytes;
	if (guest_write(sp, words, bytes)) {
		domain_crash(v->domain,
			     "vCPU %u: kernel stack at %lx takes no frame",
			     v->id, sp);
		return;
	}
	if (b->mask_events)
		WRITE_ONCE(v->info->evtchn_upcall_mask, 1);
	r->rip = b->rip;
	kernel_selectors(v, r);
	r->rflags &= ~(BOUNCE_CLEARED | b->clear_flags);
	r->rsp = sp;
}

void bounce_trap(struct vcpu *v, struct regs *r, u8 vector, u32 error)
{
	const struct trap_info *t = &v->traps[vector];
	struct bounce b = {
		.rip = t->address,
		.mask_events = t->flags & TRAP_MASKS_EVENTS,
		.has_error = vector < 32 && (VEC_HAS_ERROR >> vector & 1),
		.error = error,
	};

	if (vector < COUNTER_TRAPS)
		count_nth(CNT_TRAP, vector);
	else
		count(CNT_SOFT_INT);
	if (handler_usable(v, b.rip, "exception", vector))
		bounce(v, r, &b);
}

// The guest's kernel is not user mode to itself, though in classic mode it is
// to the hardware.
void bounce_page_fault(struct vcpu *v, struct regs *r, u64 addr, u32 error)
{
	if (v->in_kernel)
		error &= ~(u32)PFEC_U;
	WRITE_ONCE(v->info->arch.cr2, addr);
	bounce_trap(v, r, VEC_PF, error);
}

static void enter_callback(struct vcpu *v, struct regs *r,
			   const struct callback *c, struct bounce *b,
			   const char *name)
{
	b->rip = c->rip;
	b->mask_events |= c->mask_events;
	if (handler_usable(v, b->rip, name, 0))
		bounce(v, r, b);
}

void bounce_failsafe(struct vcpu *v, struct regs *r, const u16 sel[4])
{
	struct bounce b = {.selectors = sel};

	enter_callback(v, r, &v->failsafe, &b, "failsafe callback");
}

// A kernel without an entry for the instruction: as if the processor did not
// have it (SYSCALL), or had not been set up for it (SYSENTER).
static void refuse_syscall(struct vcpu *v, struct regs *r)
{
	if (r->vector == VEC_SYSENTER) {
		bounce_trap(v, r, VEC_GP, 0);
		return;
	}
	r->rip -= 2;
	bounce_trap(v, r, VEC_UD, 0);
}

static const struct callback *syscall_callback(const struct vcpu *v, u32 vector)
{
	switch (vector) {
	case VEC_SYSCALL32:
		return &v->syscall32;
	case VEC_SYSENTER:
		return &v->sysenter;
	default:
		return &v->syscall;
	}
}

void bounce_syscall(struct vcpu *v, struct regs *r)
{
	const struct callback *c = syscall_callback(v, r->vector);
	struct bounce b = {.clear_flags = RFLAGS_DF};

	count(CNT_SYSCALL);
	if (c->rip)
		enter_callback(v, r, c, &b, "system call");
	else
		refuse_syscall(v, r);
}

void bounce_pending(struct vcpu *v, struct regs *r)
{
	struct bounce b = {.mask_events = true};

	if (unlikely(v->nmi_pending) && !v->nmi_masked &&
	    v->traps[VEC_NMI].address) {
		v->nmi_pending = false;
		v->nmi_masked = true;
		count(CNT_NMI);
		bounce_trap(v, r, VEC_NMI, 0);
	} else if (event_deliverable(v)) {
		count(CNT_EVENT);
		enter_callback(v, r, &v->event, &b, "event callback");
	}
}
