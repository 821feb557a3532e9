// SPDX-License-Identifier: MIT
//
// See guest_cpu.h. All of it is weak: a test may bring its own.
#include "guest_cpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "console/console.h"
#include "domain/rangeset.h"
#include "hypercall/hypercall.h"
#include "irq/irq.h"
#include "mm/mm.h"
#include "sched/sched.h"

#define weak __attribute__((weak))

struct fake_guest guest;
struct cpu_features cpu_features;

void fake_guest_init(void)
{
	struct vcpu *v = &guest.vcpu;

	memset(&guest, 0, sizeof(guest));
	memset(fake_msrs, 0, sizeof(fake_msrs));
	fake_port_accesses = 0;
	fake_cpu = &guest.cpu;
	guest.cpu.curr = guest.cpu.loaded = v;
	v->domain = &guest.domain;
	v->info = &guest.info;
	v->traps = guest.traps;
	v->in_kernel = true;
	v->kernel_sp = (u64)(guest.stack + ARRAY_SIZE(guest.stack));
	v->kernel_root = MFN(0x1000);
	v->user_root = MFN(0x1001);
	for (u32 i = 0; i < GDT_GUEST_PAGES; i++)
		v->gdt[i] = MFN_NONE;
	for (u32 i = 0; i < ARRAY_SIZE(v->ldt); i++)
		v->ldt[i] = MFN_NONE;
}

weak void tlb_flush_local(void)
{
}

weak void domain_crash(struct domain *d, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(guest.crash_text, sizeof(guest.crash_text), format, ap);
	va_end(ap);
	guest.crashes++;
}

weak void log_guest(const struct domain *d, enum log_level level,
		    const char *format, ...)
{
}

weak void vcpu_switch_mode(struct vcpu *v, bool to_kernel)
{
	if (v->in_kernel != to_kernel)
		guest.mode_switches++;
	v->in_kernel = to_kernel;
}

weak void bounce_trap(struct vcpu *v, struct regs *r, u8 vector, u32 error)
{
}

weak bool descriptor_is_code64(const struct vcpu *v, u16 sel)
{
	return sel == SEL_USER_CS64;
}

weak void vcpu_block(struct vcpu *v)
{
	guest.blocked++;
}

weak void root_load(struct vcpu *v)
{
}

weak int root_get(struct domain *d, mfn_t mfn)
{
	return 0;
}

weak void root_put_later(struct vcpu *v, mfn_t root)
{
}

weak int undo_finish(struct vcpu *v)
{
	return 0;
}

weak void fpu_set_ts(struct vcpu *v, bool ts)
{
	v->cr0 = ts ? CR0_TS : 0;
}

weak bool xcr0_set(struct vcpu *v, u64 value)
{
	v->xcr0 = value;
	return value & XCR0_X87;
}

weak int frame_get_type(mfn_t mfn, enum frame_type type, struct domain *d)
{
	return -1;
}

weak void frame_put_type(mfn_t mfn)
{
}

weak void hypercall_page_fill(void *page)
{
}

weak u32 pci_guest_read(struct domain *d, u32 cf8, u32 offset, u32 bytes)
{
	return cf8 + offset;
}

weak void pci_guest_write(struct domain *d, u32 cf8, u32 offset, u32 bytes,
			  u32 value)
{
	fake_port_last = 0xcfc + offset;
	fake_port_written = value;
}

weak bool rangeset_has(const struct rangeset *s, u64 first, u64 last)
{
	return s != NULL;
}

weak struct cpuid policy_cpuid(const struct vcpu *v, u32 leaf, u32 subleaf)
{
	return (struct cpuid){leaf, subleaf, 3, 4};
}

weak void emul_cpuid(struct vcpu *v, struct regs *r)
{
	struct cpuid c = policy_cpuid(v, (u32)r->rax, (u32)r->rcx);

	r->rax = c.a;
	r->rbx = c.b;
	r->rcx = c.c;
	r->rdx = c.d;
}

// ---------------------------------------------------------------- hardware

u64 fake_msrs[16];
u32 fake_port_value, fake_port_last, fake_port_written, fake_port_accesses;

weak u64 *fake_msr(u32 msr)
{
	static const u32 known[16] = {
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
		MSR_PAT,     MSR_EFER,    MSR_TSC_AUX,
	};

	for (u32 i = 0; i < 6; i++)
		if (known[i] == msr)
			return &fake_msrs[i];
	return NULL;
}

u64 fake_rdmsr(u32 msr)
{
	return fake_msr(msr) ? *fake_msr(msr) : 0;
}

void fake_wrmsr(u32 msr, u64 value)
{
	if (fake_msr(msr))
		*fake_msr(msr) = value;
}

static u32 port_in(u32 port)
{
	fake_port_last = port;
	fake_port_accesses++;
	return fake_port_value;
}

static void port_out(u32 port, u32 value)
{
	fake_port_last = port;
	fake_port_written = value;
	fake_port_accesses++;
}

u8 fake_port_inb(u16 port)
{
	return (u8)port_in(port);
}

u16 fake_port_inw(u16 port)
{
	return (u16)port_in(port);
}

u32 fake_port_inl(u16 port)
{
	return port_in(port);
}

void fake_port_outb(u16 port, u8 v)
{
	port_out(port, v);
}

void fake_port_outw(u16 port, u16 v)
{
	port_out(port, v);
}

void fake_port_outl(u16 port, u32 v)
{
	port_out(port, v);
}
