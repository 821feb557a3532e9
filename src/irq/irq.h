// SPDX-License-Identifier: MIT
//
// Interrupts of the machine: local APIC, IO-APIC, MSI; vectors; and pirqs, the
// form in which dom0's drivers get them. Also the sources of time, and the PCI
// configuration space that MSI lives in.
#pragma once

#include "cpu/percpu.h"
#include "domain/domain.h"
#include "lib/types.h"

#define VEC_FIRST_PIC 0x20 // where the 8259s would deliver, were they not off
#define VEC_LAST_PIC 0x2f
#define VEC_FIRST_DEVICE 0x30
#define VEC_LAST_DEVICE 0xdf
#define VEC_UART 0xe0
#define VEC_TIMER 0xf0 // local APIC timer
#define VEC_IPI_FLUSH 0xf8
#define VEC_IPI_KICK 0xf9 // look at cpu->pending
#define VEC_IPI_STOP 0xfa
#define VEC_APIC_ERROR 0xfe
#define VEC_SPURIOUS 0xff

// Local APIC, xAPIC or x2APIC.
void apic_init_boot(void); // finds it, maps it, masks the old PICs
void apic_init_this(void); // enables it on this processor
// Ends the interrupt in service. For irq_dispatch.
void apic_eoi(void);
// Returns when the local APIC has sent it (not: when it was taken).
void apic_send_ipi(u32 apic_id, u8 vector);
// INIT and STARTUP; a started processor begins at page << 12 in real mode.
void apic_send_init(u32 apic_id);
void apic_send_startup(u32 apic_id, u8 page);
void apic_send_nmi(u32 apic_id);
// One-shot timer: fires VEC_TIMER at now_ns() == when (soon if past). It may
// fire early when that is far away.
void apic_timer_set(u64 when_ns);

// Finds the rate of TSC and APIC timer from HPET, PIT, ACPI PM timer, CPUID or
// the RTC, whichever is there, and fills tsc_scale. Needs apic_init_this().
void clocksource_init(void);
// Whether a starting processor's TSC is in step with the boot processor's:
// before it starts; on both at the same time, with numbers 1 and 2; on the boot
// processor, when the other one is ready.
void tsc_step_prepare(void);
void tsc_step_measure(u32 self);
void tsc_step_judge(u32 cpu);
u64 wall_clock_read(void); // seconds since 1970 from the RTC, 0 if none

// The debug key for interrupts of devices.
void pirq_init(void);

// IO-APIC. Needs apic_init_boot(). All lines are masked at first.
void ioapic_init(void);
// One more than the highest GSI.
u32 ioapic_gsi_count(void);

// Vector table. fn runs with IF=0 and must not need more than its arg.
void irq_register(u8 vector, void (*fn)(void *arg), void *arg);
// Allocates a device vector, or 0 when all are in use. irq_lock is held.
u8 irq_alloc_vector(void);
void irq_free_vector(u8 vector);
// Runs what is registered for the vector, then acknowledges it at the local
// APIC. For irq_entry; nobody else sends EOIs.
void irq_dispatch(u8 vector);

// Routes a GSI to a handler of the hypervisor's own (the serial line), and
// unmasks it. -EINVAL: there is no such GSI. -EBUSY: in use.
int must_check irq_route_gsi_hv(u32 gsi, u8 vector);

// pirqs (dom0). Errors as the physdev ops of the ABI want them: pirq_bind gives
// -EINVAL when the pirq is not mapped, -EBUSY when it has a port or its line is
// the hypervisor's or another domain's, -EPERM when d may not have the line,
// -ENOSPC without a vector. Lock order: an event_lock may be
// held. Events for a bound pirq come by port_raise(d, port).
int must_check pirq_bind(struct domain *d, u32 pirq, u32 port, bool share);
void pirq_unbind(struct domain *d, u32 pirq); // harmless when not bound
// The port of a bound pirq tells another vCPU from now on: it interrupts the
// processor of that one. Harmless when not bound.
void pirq_follow(struct domain *d, u32 pirq);
// The guest has served the device: a level line may ring again.
void pirq_eoi(struct domain *d, u32 pirq);
// Lets d bind the line that is this pirq of giver's, once it is mapped for d,
// or forbids it: then a port that it has of it gets no more interrupts. dom0
// needs nobody's leave. -EINVAL no such pirq, or d ends; -EPERM no line that
// giver has mapped; -ENOMEM.
int must_check pirq_allow(const struct domain *giver, struct domain *d,
			  u32 pirq, bool allow);
// Unmaps all that d has.
void pirqs_domain_destroy(struct domain *d);

// Powers off through ACPI S5, with the sleep types (0 to 7) of the firmware's
// _S5 object for the two PM1 control registers. It takes effect within a moment
// if at all: the caller waits.
void acpi_enter_s5(u8 type_a, u8 type_b);

// PCI configuration space of segment 0. bdf is bus << 8 | device << 3 |
// function; bytes 1, 2 or 4; reg below 256, aligned to bytes. Absent devices
// read all ones.
u32 pci_conf_read(u16 bdf, u32 reg, u32 bytes);
void pci_conf_write(u16 bdf, u32 reg, u32 bytes, u32 value);
// The same as done by a guest through ports: cf8 is what it wrote to 0xcf8,
// port 0xcfc to 0xcff, an access of `bytes` that stays within them. Writes
// to MSI addresses, data and masks that we own are dropped.
u32 pci_guest_read(struct domain *d, u32 cf8, u32 offset, u32 bytes);
void pci_guest_write(struct domain *d, u32 cf8, u32 offset, u32 bytes,
		     u32 value);
