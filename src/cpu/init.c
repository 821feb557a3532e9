// SPDX-License-Identifier: MIT
//
// Makes a processor ours: its block of addresses (config.h) with stacks, GDT
// and TSS, then its control registers and MSRs.
//
// What is off and why (gate.md A1, A7): SMAP, because guests' kernels are not
// ring 0 and QEMU's IRET would trip over it; PGE and PCID, so that a CR3 write
// flushes everything, as guests rely on; FSGSBASE, which guests are told not to
// have; UMIP, so that SGDT and the like need no emulation.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "gate/closed.h"
#include "hw/cpu.h"
#include "lib/string.h"
#include "mm/mm.h"

// What a guest kernel may not arrive with in our ring 0 (gate.md S2).
#define FMASK_VALUE                                                    \
	(RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | \
	 RFLAGS_RF | RFLAGS_VM | RFLAGS_AC | RFLAGS_VIF | RFLAGS_VIP)

#define DATA_FLAGS (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)
#define TEXT_FLAGS (PTE_P | PTE_A)

// The reserved page of the GDT. Accessed bits are set beforehand.
#define DESC_CODE64(dpl) (0x00af9b000000ffffull | (u64)(dpl) << 45)
#define DESC_CODE32(dpl) (0x00cf9b000000ffffull | (u64)(dpl) << 45)
#define DESC_DATA(dpl) (0x00cf93000000ffffull | (u64)(dpl) << 45)
#define GDT_PAGE_AT (GDT_GUEST_PAGES * PAGE_SIZE)
#define GDT_INDEX(sel) (((sel)-GDT_PAGE_AT) / 8)
#define GDT_BYTES (GDT_PAGE_AT + PAGE_SIZE)

static const u64 gdt_template[] = {
	[GDT_INDEX(SEL_HV_CS)] = DESC_CODE64(0),
	[GDT_INDEX(SEL_HV_DS)] = DESC_DATA(0),
	[GDT_INDEX(SEL_RING1_CS)] = DESC_CODE64(1),
	[GDT_INDEX(SEL_USER_CS32)] = DESC_CODE32(3),
	[GDT_INDEX(SEL_USER_SS)] = DESC_DATA(3),
	[GDT_INDEX(SEL_USER_CS64)] = DESC_CODE64(3),
	[GDT_INDEX(SEL_RING1_SS)] = DESC_DATA(1),
};

static void map_page(u64 va)
{
	void *page = page_alloc();

	if (!page)
		panic("no memory for a processor's stacks\n");
	percpu_map(va, virt_mfn(page), DATA_FLAGS);
}

static void map_pages(u64 va, u64 bytes)
{
	for (u64 at = 0; at < bytes; at += PAGE_SIZE)
		map_page(va + at);
}

// The windows show guests' descriptor pages; empty places show zeros, so that
// a bad selector is a #GP for the guest as on bare hardware.
static void map_block(u64 base)
{
	maddr_t stub = image_maddr(gate_text_start);

	percpu_map(base + PERCPU_STUB, maddr_mfn(stub), TEXT_FLAGS);
	map_page(base + PERCPU_IST_NMI);
	map_page(base + PERCPU_IST_MC);
	map_page(base + PERCPU_IST_DF);
	map_page(base + PERCPU_IST_DB);
	map_pages(base + PERCPU_STACK, PERCPU_STACK_SIZE + PERCPU_DATA_SIZE);
	map_page(base + PERCPU_GDT + GDT_PAGE_AT);
	map_page(base + PERCPU_CLOSED_RO); // the TSS is there
	descriptor_init_windows(base);
}

static void tss_fill(struct tss *t, u64 base)
{
	t->rsp[0] = base + PERCPU_STACK + PERCPU_STACK_SIZE;
	t->ist[IST_NMI - 1] = base + PERCPU_IST_NMI + PAGE_SIZE;
	t->ist[IST_MC - 1] = base + PERCPU_IST_MC + PAGE_SIZE;
	t->ist[IST_DF - 1] = base + PERCPU_IST_DF + PAGE_SIZE;
	t->ist[IST_DB - 1] = base + PERCPU_IST_DB + PAGE_SIZE;
}

static void gdt_fill(u64 *gdt, const struct tss *t)
{
	u64 at = (u64)t;

	memcpy(gdt, gdt_template, sizeof(gdt_template));
	gdt[GDT_INDEX(SEL_TSS)] = (sizeof(*t) - 1) | (at & 0xffffff) << 16 |
				  0x89ull << 40 | (at >> 24 & 0xff) << 56;
	gdt[GDT_INDEX(SEL_TSS) + 1] = at >> 32;
}

void percpu_setup(u32 cpu, u32 apic_id, u32 acpi_id)
{
	u64 base = percpu_base(cpu);
	struct cpu *c = cpu_of(cpu);
	struct tss *tss = &gate_ro(cpu)->tss;

	map_block(base);
	c->self = c;
	c->stack_top = base + PERCPU_STACK + PERCPU_STACK_SIZE;
	c->id = cpu;
	c->apic_id = apic_id;
	c->acpi_id = acpi_id;
	tss->iomap_base = sizeof(*tss); // behind the limit: no port is open
	gdt_fill((u64 *)(base + PERCPU_GDT + GDT_PAGE_AT), tss);
	root_init_cpu(c);
	gate_init_cpu(c);
	cpu_count_add(cpu);
}

static void load_tables(struct cpu *c)
{
	struct table_register gdtr = {GDT_BYTES - 1,
				      percpu_base(c->id) + PERCPU_GDT};

	lgdt(&gdtr);
	load_hv_segments(SEL_HV_CS, SEL_HV_DS);
	ltr(SEL_TSS);
	lldt(0);
}

void syscall_entries_load(const struct syscall_entries *e)
{
	wrmsr(MSR_LSTAR, e->syscall);
	wrmsr(MSR_CSTAR, e->syscall32);
	if (!(cpu_features.leaf1_d >> 11 & 1)) // SEP
		return;
	wrmsr(MSR_SYSENTER_ESP, e->sysenter_rsp);
	wrmsr(MSR_SYSENTER_EIP, e->sysenter);
}

void entries_load(struct cpu *c)
{
	u64 stub = percpu_base(c->id) + PERCPU_STUB - (u64)gate_text_start;
	const struct syscall_entries e = {
		.syscall = stub + (u64)gate_syscall,
		.syscall32 = stub + (u64)gate_syscall32,
		.sysenter = stub + (u64)gate_sysenter,
		.sysenter_rsp = c->stack_top,
	};

	tss_fill(&gate_ro(c->id)->tss, percpu_base(c->id));
	syscall_entries_load(&e);
	idt_load();
}

static void star_write(struct cpu *c, u16 user)
{
	c->star_user = user;
	wrmsr(MSR_STAR, (u64)user << 48 | (u64)SEL_HV_CS << 32);
}

// SYSRET serves two: programs behind an open gate (entry.S, if_sysret_does),
// and guest kernels in ring 3.
void star_load(const struct vcpu *v)
{
	struct cpu *c = cpu_this();
	u16 user = v->domain->open_gate ? SEL_SYSRET_CS32 : SEL_USER_CS32;

	if (c->star_user != user)
		star_write(c, user);
}

static void load_syscall_msrs(struct cpu *c)
{
	star_write(c, SEL_USER_CS32);
	wrmsr(MSR_FMASK, FMASK_VALUE);
	if (cpu_features.leaf1_d >> 11 & 1) // SEP
		wrmsr(MSR_SYSENTER_CS, SEL_HV_CS);
}

void cpu_init_this(struct cpu *c)
{
	write_cr0(CR0_OURS);
	c->ts = false;
	c->cr4 = cr4_ours();
	write_cr4(c->cr4);
	wrmsr(MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
	wrmsr(MSR_PAT, PAT_VALUE);
	if (cpu_features.xsave) {
		c->xcr0 = cpu_features.xcr0_mask;
		xsetbv(0, c->xcr0);
	}
	if (has_tsc_aux())
		wrmsr(MSR_TSC_AUX, 0);
	write_dr7(DR7_DEFAULT);
	load_tables(c);
	load_syscall_msrs(c);
	entries_load(c);
	c->online = true;
}
