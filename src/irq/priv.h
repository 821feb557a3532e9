// SPDX-License-Identifier: MIT
//
// What the files of this folder share and nobody else needs.
#pragma once

#include "irq/irq.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "lib/types.h"

// Guards the vector table, IO-APIC entries, pirqs and PCI devices. Taken inside
// an event_lock; inside it only pci's own lock.
extern struct lock irq_lock;

// ------------------------------------------------------------ local APIC

// The timer as a free-running counter, for calibration: starts it masked, and
// reads the ticks since then (32 bits).
void apic_timer_count_start(void);
u64 apic_timer_count(void);
// True when the timer goes by the TSC instead, and needs no such count.
bool apic_timer_uses_deadline(void);
// Tells the rate of its ticks, and makes it ready for use.
void apic_timer_set_rate(u64 hz);
// The boot processor's id.
u32 apic_boot_id(void);
// The id by which devices reach processor `cpu`. They have eight bits for it: a
// processor whose id is longer is not reached, and the first takes its place.
u32 apic_device_target(u32 cpu);
// Address of a message that arrives at processor `apic_id`; its data is the
// vector.
static inline u32 msi_address(u32 apic_id)
{
	return 0xfee00000 | apic_id << 12;
}

// Moves the 8259s off the exception vectors and masks them, if there are any.
void pic_mask(void);

// ------------------------------------------------------------------ time

// Makes tsc_scale say: now is `now_ns` == 0 at TSC `base`, hz ticks a second.
void tsc_scale_set(u64 hz, u64 base);

// A counter of known rate that time can be told by.
struct reference {
	const char *name; // as `clocksource=` has it
	// Starts it and fills hz and mask. False: not there.
	bool (*start)(struct reference *r);
	// Present count, or REFERENCE_LOST when it wrapped unnoticed.
	u64 (*read)(void);
	u64 hz;
	u64 mask; // width of the counter
};
#define REFERENCE_LOST (~0ull)
extern struct reference references[]; // best first, ends with name == NULL

// The RTC's registers as read in one piece.
struct rtc_raw {
	u8 sec, min, hour, day, month, year;
	u8 status_b;
};
// Seconds since 1970, or 0 when it is no date.
u64 rtc_decode(struct rtc_raw raw);
// TSC ticks in one second by the RTC; takes up to two seconds. 0: no RTC.
u64 rtc_measure_second(void);

// --------------------------------------------------------------- IO-APIC

struct gsi_mode {
	bool level; // else edge
	bool low; // active low, else high
};

// True when some IO-APIC has that line.
bool gsi_exists(u32 gsi);
// How ISA, PCI and ACPI's overrides say that it is wired.
struct gsi_mode gsi_default_mode(u32 gsi);
// A redirection table entry as the chip has it, fixed delivery.
u64 rte_compose(u8 vector, struct gsi_mode mode, u32 apic_id, bool masked);
// From here on, with irq_lock held, for a GSI that exists.
bool gsi_is_level(u32 gsi);
// Sets how the line is wired. -EEXIST: that was said before, or it is in use.
int must_check gsi_setup(u32 gsi, struct gsi_mode mode);
// Takes the line for one user: points it at a vector of a processor, unmasked.
// -EBUSY: it has one.
int must_check gsi_take(u32 gsi, u8 vector, u32 apic_id);
// Another processor gets it from now on, by the same vector.
void gsi_aim(u32 gsi, u32 apic_id);
void gsi_release(u32 gsi); // masks it
void gsi_mask(u32 gsi);
void gsi_unmask(u32 gsi);
// A guest's view of an IO-APIC register. -EINVAL: no such chip or register;
// write: also -EPERM, it is not the guest's to change.
int must_check ioapic_guest_read(maddr_t chip, u32 reg, u32 *value);
int must_check ioapic_guest_write(maddr_t chip, u32 reg, u32 value);

// ------------------------------------------------------------------- PCI

#define PCI_CAP_MSI 0x05
#define PCI_CAP_MSIX 0x11

struct msix_table;

// A PCI function that dom0 told us of.
struct pci_device {
	struct list link;
	u16 seg, bdf;
	bool is_virtfn;
	u8 msi_pos, msix_pos; // capabilities in config space, 0: none
	u32 irqs; // MSIs and MSI-Xs mapped
	bool msi_used;
	struct msix_table *msix; // 0 before the first use
};

// Position of a capability in the config space of bdf, or 0.
u8 pci_find_capability(u16 bdf, u8 id);
// The list of devices; with irq_lock held.
struct pci_device *pci_device_find(u16 seg, u16 bdf);
// 0 also when it is there already. -ENOSPC, -ENOMEM.
int must_check pci_device_add(u16 seg, u16 bdf, bool is_virtfn);
// -ENODEV. -EBUSY: interrupts of it are mapped.
int must_check pci_device_remove(u16 seg, u16 bdf);

// ------------------------------------------------------------------- MSI

// Where one message-signalled interrupt is programmed.
struct msi {
	struct pci_device *dev;
	bool is_x;
	u32 entry; // of the MSI-X table
	u8 vector;
	u32 apic_id; // of the processor that it goes to
};

// All with irq_lock held. Programs address and data, masked where the device
// can. table_base is where dom0 says the BAR of the MSI-X table lies, used when
// the device itself does not tell (virtual functions).
// -ENODEV: no such capability, or out of reach. -EINVAL: no such entry, or a
// table that is no device memory. -EBUSY: in use. -ENXIO: the device's memory
// is switched off. -ENOSPC, -ENOMEM.
int must_check msi_program(struct msi *m, u64 table_base);
void msi_release(struct msi *m);
void msi_set_mask(const struct msi *m, bool masked);
// Another processor gets it from now on, by the same vector. masked: as it is,
// and stays.
void msi_aim(struct msi *m, u32 apic_id, bool masked);
// Writes address and data again, after a reset of the device.
void msi_restore(const struct msi *m, bool masked);
// Finds and maps dev's MSI-X table ahead of use. Errors as above.
int must_check msix_prepare(struct pci_device *dev);
// Looks at a guest's write to dev's config space: false when it is to MSI
// state that is ours and must be dropped; else *value is what to write.
bool msi_filter_write(const struct pci_device *dev, u32 reg, u32 bytes,
		      u32 *value);

// ----------------------------------------------------------------- pirqs

#define PIRQS_MAX 512u

struct msi_request {
	u16 seg, bdf;
	bool is_x;
	u32 entry;
	u64 table_base;
};

// Each takes irq_lock. *pirq < 0: any; in the end it is the pirq's number.
// -EINVAL: no such GSI or pirq. -EBUSY: pirq or interrupt is taken. -ENOSPC:
// no pirq or vector left. -ENOMEM. msi: also -ENODEV and msi_program's.
int must_check pirq_map_gsi(struct domain *d, int gsi, int *pirq);
int must_check pirq_map_msi(struct domain *d, const struct msi_request *m,
			    int *pirq);
int must_check pirq_unmap(struct domain *d, int pirq); // -EINVAL
// Sets a free number aside for a later pirq_map. -ENOSPC, -ENOMEM.
int must_check pirq_reserve(struct domain *d, int *pirq);
u32 pirq_status(struct domain *d, u32 pirq); // XENIRQSTAT_*
u8 pirq_vector(struct domain *d, u32 pirq); // 0: none
// Ends the interrupts in service whose ports the guest has unmasked.
void pirq_eoi_unmasked(struct domain *d);
// Writes the messages of all interrupts of a device again. -ENODEV.
int must_check pirq_restore_device(struct domain *d, u16 seg, u16 bdf);
