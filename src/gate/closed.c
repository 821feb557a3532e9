// SPDX-License-Identifier: MIT
//
// The closed gate's C half: its pages and entry points, what each way out tells
// the instructions in closed.S, and when it is used (docs/gate.md). A vCPU may
// change between it and classic mode whenever it leaves the hypervisor: tables
// and descriptors are the same, only CR3, the entry points and the ring of the
// kernel's selectors differ.
#include "gate/closed.h"

#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/priv.h"
#include "cpu/uaccess.h"
#include "events/events.h"
#include "hw/cpu.h"
#include "irq/irq.h"
#include "mm/dirty.h"
#include "mm/priv.h"

// closed.S
extern const char closed_text_start[];
extern const char closed_leave[], closed_enter[];
extern const char closed_syscall[], closed_syscall32[], closed_sysenter[];
extern const char closed_trap_stubs[], closed_irq_stubs[];
extern const char closed_nmi[], closed_machine_check[], closed_double_fault[],
	closed_debug[];
no_return void closed_go(struct regs *r, u64 leave);
// entry.S
extern const char trap_common[], irq_common[], ist_common[];

#define TEXT_PAGES 2
#define TRAP_MASKS(t) (((t)->flags & TRAP_MASKS_EVENTS) != 0)

// -------------------------------------------------------------------- pages

// What the guest's root shows of the block. The vcpu_info comes with the vCPU.
static const struct {
	u32 at, pages;
	u64 flags;
} shown[] = {
	{PERCPU_CLOSED_TEXT, TEXT_PAGES, HV_TEXT},
	{PERCPU_CLOSED_RO, 1, HV_RODATA},
	{PERCPU_CLOSED_RW, 1, HV_DATA},
	{PERCPU_CLOSED_IDT, 1, HV_RODATA},
	{PERCPU_GDT, GDT_GUEST_PAGES + 1, HV_RODATA},
	{PERCPU_LDT, 16, HV_RODATA},
};

static void show_pages(struct cpu *c)
{
	u64 base = percpu_base(c->id);

	for (u32 i = 0; i < ARRAY_SIZE(shown); i++) {
		for (u32 n = 0; n < shown[i].pages; n++) {
			u64 va = base + shown[i].at + n * PAGE_SIZE;

			mirror_show(c, va,
				    (*percpu_pte(va) & PTE_ADDR) |
					    shown[i].flags);
		}
	}
}

static bool map_data(u64 va)
{
	void *page = page_alloc();

	if (page)
		percpu_map(va, virt_mfn(page), HV_DATA);
	return page;
}

static void map_text(u64 va)
{
	for (u64 at = 0; at < TEXT_PAGES * PAGE_SIZE; at += PAGE_SIZE)
		percpu_map(va + at,
			   maddr_mfn(image_maddr(closed_text_start + at)),
			   HV_TEXT);
}

// Where an entry of closed.S lies for processor `cpu`.
static u64 entry(u32 cpu, const char *name)
{
	return percpu_base(cpu) + PERCPU_CLOSED_TEXT +
	       (u64)(name - closed_text_start);
}

static void fill_idt(u32 cpu)
{
	struct idt_gate *table =
		(struct idt_gate *)(percpu_base(cpu) + PERCPU_CLOSED_IDT);
	const struct idt_entries e = {
		.traps = entry(cpu, closed_trap_stubs),
		.irqs = entry(cpu, closed_irq_stubs),
		.nmi = entry(cpu, closed_nmi),
		.machine_check = entry(cpu, closed_machine_check),
		.double_fault = entry(cpu, closed_double_fault),
		.debug = entry(cpu, closed_debug),
	};

	idt_fill(table, &e);
}

static void fill_ro(struct cpu *c)
{
	struct gate_ro *g = gate_ro(c->id);

	g->stack_top = c->stack_top;
	g->enter = (u64)closed_enter;
	g->window = (u64)gate_interrupted;
	g->trap = (u64)trap_common;
	g->irq = (u64)irq_common;
	g->ist = (u64)ist_common;
}

void gate_init_cpu(struct cpu *c)
{
	u64 base = percpu_base(c->id);

	if (!gate_asked_for())
		return;
	if (!map_data(base + PERCPU_CLOSED_RW) ||
	    !map_data(base + PERCPU_CLOSED_IDT) || !mirror_init(c, MIRROR_GATE))
		panic("no memory for the closed gate of a processor");
	map_text(base + PERCPU_CLOSED_TEXT);
	fill_idt(c->id);
	fill_ro(c);
	show_pages(c);
}

// ------------------------------------------------------------- entry points

static u64 stack_end(u32 cpu, u32 n)
{
	return (u64)gate_rw(cpu) + GATE_STACK_END(n);
}

static void load_entries(struct cpu *c)
{
	struct tss *t = &gate_ro(c->id)->tss;
	const struct syscall_entries e = {
		.syscall = entry(c->id, closed_syscall),
		.syscall32 = entry(c->id, closed_syscall32),
		.sysenter = entry(c->id, closed_sysenter),
		.sysenter_rsp = stack_end(c->id, 0),
	};
	const struct table_register idtr = {
		256 * sizeof(struct idt_gate) - 1,
		percpu_base(c->id) + PERCPU_CLOSED_IDT,
	};

	t->rsp[0] = stack_end(c->id, 0);
	for (u32 n = 1; n < GATE_STACKS; n++)
		t->ist[n - 1] = stack_end(c->id, n);
	syscall_entries_load(&e);
	lidt(&idtr);
}

static void use_entries(struct cpu *c, bool closed)
{
	if (c->closed == closed)
		return;
	c->closed = closed;
	if (closed)
		load_entries(c);
	else
		entries_load(c);
}

// ------------------------------------------------------------------- when

// A kernel that came by the gate and needs us is on the full root, and adaptive
// lets it stay there, in classic mode: so no further call costs any, and the way
// back to the program one. When it switches to another program that way is near:
// what the kernel still does for that one it had better do where the program
// will run, or both fill the TLB, and the rest of the switch needs no help
// there.
static bool stays(const struct vcpu *v)
{
	if (v->domain->gate != GATE_ADAPTIVE)
		return false;
	return (v->in_kernel && !v->task_switch) || adaptive_shares(v);
}

static bool wanted(const struct vcpu *v)
{
	if (dirty_is_on(v->domain))
		return false; // all must go by the shadows of its tables
	switch ((enum gate_policy)v->domain->gate) {
	case GATE_CLASSIC:
		return false;
	case GATE_ADAPTIVE:
		return !stays(v);
	case GATE_ALWAYS:
		return true;
	case GATE_FLIP:
		return !v->closed;
	}
	return false;
}

// ------------------------------------------------------- when it is possible

static void tell(struct vcpu *v, const char *why)
{
	if (v->domain->gate_told)
		return;
	v->domain->gate_told = true;
	log_info("%s: classic instead of the closed gate where %s\n",
		 v->domain->name, why);
}

static bool is_low(u64 va)
{
	return (i64)va >= 0;
}

// 0, or what about v keeps it from the gate now (gate.md E1, E4).
static const char *obstacle(struct vcpu *v, const struct regs *r)
{
	if (v->in_kernel && is_low(r->rip))
		return "its kernel runs at low addresses, as programs do";
	if (!vcpu_info_present(v))
		return "a vCPU has not registered its vcpu_info";
	if (!mfn_is_none(v->user_root) && !root_is_shared(v))
		return "programs have other tables than their kernel";
	return NULL;
}

static mfn_t usable_mirror(struct vcpu *v, const struct regs *r)
{
	const char *why = obstacle(v, r);
	mfn_t m = why ? MFN_NONE : mirror_of(v);

	if (!why && mfn_is_none(m))
		why = "a page table of level 4 maps itself";
	if (why)
		tell(v, why);
	return m;
}

// ---------------------------------------------------------------- the way out

static bool handler_ok(u64 rip)
{
	return rip && is_canonical(rip) && !is_low(rip);
}

static void fill_handlers(struct gate_ro *g, const struct vcpu *v)
{
	const struct trap_info *pf = &v->traps[VEC_PF];

	g->syscall_rip = handler_ok(v->syscall.rip) ? v->syscall.rip : 0;
	g->syscall_masks = v->syscall.mask_events;
	g->fault_rip = handler_ok(pf->address) ? pf->address : 0;
	g->fault_masks = TRAP_MASKS(pf);
}

// What concerns the guest alone.
static void fill_rw(struct gate_rw *w, const struct vcpu *v)
{
	w->in_kernel = v->in_kernel;
	w->kernel_ss = v->kernel_ss;
	w->kernel_sp = v->kernel_sp;
}

static void show_info(struct cpu *c, struct gate_ro *g, const struct vcpu *v)
{
	u64 va = percpu_base(c->id) + PERCPU_CLOSED_INFO;
	u64 offset = (u64)v->info % PAGE_SIZE;
	mfn_t page = virt_mfn((const char *)v->info - offset);

	mirror_show(c, va, mfn_maddr(page) | HV_DATA);
	g->info = va + offset;
}

static void fill(struct cpu *c, struct vcpu *v, mfn_t mirror)
{
	struct gate_ro *g = gate_ro(c->id);

	g->full_cr3 = mfn_maddr(root_full(v));
	g->guest_cr3 = mfn_maddr(mirror);
	g->users_ok = !mfn_is_none(v->user_root);
	g->iret_ok = !v->nmi_masked;
	g->tasks_ok = true;
	fill_handlers(g, v);
	show_info(c, g, v);
	fill_rw(gate_rw(c->id), v);
}

static no_return void go(struct cpu *c, struct regs *r)
{
	c->cr3 = gate_ro(c->id)->full_cr3; // from the next entry on
	count(CNT_CR3_GATE);
	tlb_flush_follows();
	closed_go(r, entry(c->id, closed_leave));
}

// What ring 1 may do behind a closed gate it may not do anywhere else: nothing
// but ring 3 leaves here for classic mode.
static void classic_selectors(struct vcpu *v, struct regs *r)
{
	if ((r->cs & 3) == 3 && (r->ss & 3) == 3)
		return;
	if (v->in_kernel) {
		kernel_selectors(v, r);
		return;
	}
	r->cs |= 3;
	r->ss |= 3;
}

static void leave_classic(struct vcpu *v, struct regs *r)
{
	v->closed = false;
	if (!v->domain->gate)
		return;
	classic_selectors(v, r);
	root_switch(v);
}

// The gate's entries work on the full root as well. The iret must come to C,
// for the program's way is by the mirror.
static void fill_full(struct cpu *c, const struct vcpu *v)
{
	struct gate_ro *g = gate_ro(c->id);

	g->full_cr3 = c->cr3; // with a log of written pages, a shadow
	g->iret_ok = false;
	g->tasks_ok = false;
	fill_rw(gate_rw(c->id), v);
}

// The commonest way out: a kernel that was let stay, in classic mode, which it
// does again. It is where it has to be, but for what the gate's entries see.
static bool stayed(struct cpu *c, struct vcpu *v)
{
	if (!v->in_kernel || v->closed || !stays(v))
		return false;
	v->task_switch = false;
	if (c->closed)
		fill_full(c, v);
	return true;
}

hot_code void gate_leave(struct vcpu *v, struct regs *r)
{
	struct cpu *c = cpu_this();
	mfn_t mirror;

	if (stayed(c, v))
		return;
	if (!v->in_kernel)
		adaptive_learn(v);
	mirror = wanted(v) ? usable_mirror(v, r) : MFN_NONE;
	v->task_switch = false;
	if (mfn_is_none(mirror)) {
		leave_classic(v, r);
		if (c->closed && v->in_kernel && stays(v))
			fill_full(c, v);
		else
			use_entries(c, false);
		return;
	}
	if (!v->closed) {
		v->closed = true;
		if (v->in_kernel)
			kernel_selectors(v, r);
	}
	use_entries(c, true);
	fill(c, v, mirror);
	go(c, r);
}

// ----------------------------------------------------------------- the way in

// What was done without us, as if we had done it. Each word is read once.
static void add_up(struct vcpu *v, struct gate_rw *w)
{
	const struct gate_rw did = *(volatile struct gate_rw *)w;

	v->in_kernel = (u8)did.in_kernel != 0;
	v->kernel_ss = did.kernel_ss;
	v->kernel_sp = did.kernel_sp;
	v->count[CNT_SYSCALL] += did.syscalls;
	v->count[CNT_TRAP + VEC_PF] += did.faults;
	v->count[CNT_HYPERCALL + __HYPERVISOR_iret] += did.irets;
	v->count[CNT_HYPERCALL + __HYPERVISOR_stack_switch] +=
		did.stack_switches;
	v->count[CNT_HYPERCALL + __HYPERVISOR_set_segment_base] +=
		did.segment_bases;
	v->traps_seen += did.syscalls + did.faults;
	v->hypercalls += did.irets + did.stack_switches + did.segment_bases;
	w->syscalls = w->faults = w->irets = 0;
	w->stack_switches = w->segment_bases = 0;
}

static void handle(struct vcpu *v, struct regs *r)
{
	u32 vector = r->vector;

	if (vector & VEC_REFUSED) {
		r->vector = vector & ~VEC_REFUSED;
		bounce_trap(v, r, (u8)r->vector, r->error);
	} else if (vector == VEC_NMI || vector == VEC_MC || vector == VEC_DF ||
		   vector == VEC_DB) {
		nmi_entry(r);
	} else if (vector < 32) {
		trap_entry(r);
	} else if (vector < 256) {
		irq_entry(r);
	} else {
		syscall_entry(r);
	}
}

void gate_entered(struct regs *r)
{
	struct cpu *c = cpu_this();
	struct vcpu *v = c->curr;

	if (v->closed) { // else it was on the full root
		count(CNT_CR3);
		count(CNT_CR3_GATE);
		WRITE_ONCE(c->left_root, 0);
	}
	add_up(v, gate_rw(c->id));
	handle(v, r);
}

// Nobody looks at what is pending on the way back from here.
void gate_interrupted(struct regs *r)
{
	struct cpu *c = cpu_this();

	nmi_entry(r);
	if (READ_ONCE(c->pending))
		apic_send_ipi(c->apic_id, VEC_IPI_KICK);
}
