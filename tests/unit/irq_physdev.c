// SPDX-License-Identifier: MIT
// uses: src/irq/physdev.c src/irq/pirq.c src/irq/irq.c src/irq/ioapic.c src/irq/device.c tests/fake/core.c
//
// From physdev_op to the event: a line and a message are mapped, bound, ring,
// and are let go; and every way to ask for what there is not has its errno.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "abi/xen.h"
#include "boot/boot.h"
#include "core.h"
#include "cpu/percpu.h"
#include "events/events.h"
#include "hypercall/hypercall.h"
#include "irq/priv.h"
#include "mm/mm.h"

#define LINES 24
#define CHIP 0xfec00000ull
#define PCI_LINE 16 // level
#define ISA_LINE 4 // edge
#define BDF 0x0018

struct machine machine = {
	.ioapic_count = 1,
	.ioapic = {{.addr = CHIP}},
	.sci = 9,
};

static struct vcpu vcpu, second;
static struct shared_info shared;
static struct domain control = {
	.privileged = true, .shared = &shared, .vcpu = {&vcpu, &second}};
static struct vcpu other_vcpu;
static struct domain other = {.id = 1, .vcpu = {&other_vcpu}};
static struct vcpu vcpu = {.domain = &control};
static struct vcpu second = {.domain = &control, .id = 1, .cpu = 1};
static struct vcpu other_vcpu = {.domain = &other};
static u32 told; // the vCPU that all ports tell

static u32 chip[8];
static struct domain *expected = &control; // to be told of interrupts
static u32 raised, eois;
static void (*dump)(void); // the debug key
static int msi_error, msi_masked, msi_programmed, msi_restored;
static u32 msi_target;

volatile void *mmio_map(maddr_t addr, size_t bytes)
{
	return chip;
}

void iomem_restrict(mfn_t first, u64 frames, enum iomem_rule rule)
{
}

u32 apic_boot_id(void)
{
	return 0;
}

u32 apic_device_target(u32 cpu)
{
	return 10 + cpu;
}

struct vcpu *port_vcpu(const struct domain *d, u32 port)
{
	return d->vcpu[told];
}

void debug_key_register(char key, const char *what, void (*fn)(void))
{
	dump = fn;
}

void apic_eoi(void)
{
	eois++;
}

void port_raise(struct domain *d, u32 port)
{
	assert_ptr_equal(d, expected);
	assert_int_equal(irq_lock.held, 0);
	raised = port;
}

struct domain *domain_find(domid_t id)
{
	return id == 0 ? &control : id == 1 ? &other : NULL;
}

u32 pci_conf_read(u16 bdf, u32 reg, u32 bytes)
{
	return 0;
}

int msi_program(struct msi *m, u64 table_base)
{
	if (msi_error)
		return msi_error;
	m->dev->irqs++;
	msi_programmed++;
	msi_masked = 1;
	return 0;
}

void msi_release(struct msi *m)
{
	m->dev->irqs--;
	msi_programmed--;
}

void msi_set_mask(const struct msi *m, bool masked)
{
	msi_masked = masked;
}

void msi_aim(struct msi *m, u32 apic_id, bool masked)
{
	m->apic_id = apic_id;
	msi_target = apic_id;
	msi_masked = masked;
}

void msi_restore(const struct msi *m, bool masked)
{
	msi_restored++;
	msi_masked = masked;
}

int msix_prepare(struct pci_device *dev)
{
	return 0;
}

static int call_as(struct vcpu *v, u32 cmd, void *arg)
{
	struct hcall h = {.arg = {cmd, (u64)arg}};

	return (int)hc_physdev_op(v, &h);
}

static int call(u32 cmd, void *arg)
{
	return call_as(&vcpu, cmd, arg);
}

static int map_gsi(int gsi, int pirq)
{
	struct physdev_map_pirq m = {.domid = DOMID_SELF,
				     .type = MAP_PIRQ_TYPE_GSI,
				     .index = gsi,
				     .pirq = pirq};
	int err = call(PHYSDEVOP_map_pirq, &m);

	return err ? err : m.pirq;
}

static struct physdev_map_pirq msi_request(void)
{
	return (struct physdev_map_pirq){.domid = DOMID_SELF,
					 .type = MAP_PIRQ_TYPE_MSI_SEG,
					 .index = -1,
					 .pirq = -1,
					 .bus = BDF >> 8,
					 .devfn = BDF & 0xff};
}

static int unmap(int pirq)
{
	struct physdev_unmap_pirq u = {.domid = 0, .pirq = pirq};

	return call(PHYSDEVOP_unmap_pirq, &u);
}

static int eoi(u32 pirq)
{
	struct physdev_eoi e = {.irq = pirq};

	return call(PHYSDEVOP_eoi, &e);
}

static u32 needs_eoi(u32 pirq)
{
	struct physdev_irq_status_query q = {.irq = pirq};

	assert_int_equal(call(PHYSDEVOP_irq_status_query, &q), 0);
	return q.flags;
}

static bool line_masked(u32 gsi)
{
	u32 low;

	assert_int_equal(ioapic_guest_read(CHIP, 0x10 + 2 * gsi, &low), 0);
	return low & 0x10000;
}

static void level_line_is_masked_until_the_guest_is_done(void **state)
{
	assert_int_equal(map_gsi(PCI_LINE, -1), PCI_LINE);
	assert_int_equal(pirq_bind(&control, PCI_LINE, 77, true), 0);
	assert_false(line_masked(PCI_LINE));
	assert_int_equal(needs_eoi(PCI_LINE), XENIRQSTAT_needs_eoi);

	u8 vector = pirq_vector(&control, PCI_LINE);

	raised = eois = 0;
	irq_dispatch(vector);
	assert_int_equal(raised, 77);
	assert_int_equal(eois, 1);
	assert_true(line_masked(PCI_LINE));
	assert_int_equal(eoi(PCI_LINE), 0);
	assert_false(line_masked(PCI_LINE));
	assert_int_equal(eoi(PCI_LINE), 0); // once more: nothing

	pirq_unbind(&control, PCI_LINE);
	assert_true(line_masked(PCI_LINE));
	assert_int_equal(eoi(PCI_LINE), 0);
	assert_true(line_masked(PCI_LINE));
	assert_int_equal(unmap(PCI_LINE), 0);
}

static u32 target(u32 gsi)
{
	u32 high;

	assert_int_equal(ioapic_guest_read(CHIP, 0x11 + 2 * gsi, &high), 0);
	return high >> 24;
}

static void a_line_goes_where_its_vcpu_runs(void **state)
{
	told = 1;
	assert_int_equal(map_gsi(PCI_LINE, -1), PCI_LINE);
	assert_int_equal(pirq_bind(&control, PCI_LINE, 77, true), 0);
	assert_int_equal(target(PCI_LINE), 11);

	// The port moves while one is in service: it stays masked.
	irq_dispatch(pirq_vector(&control, PCI_LINE));
	told = 0;
	cpu_this()->work = 0;
	pirq_follow(&control, PCI_LINE);
	assert_int_equal(target(PCI_LINE), 10);
	assert_true(line_masked(PCI_LINE));
	assert_in_range(cpu_this()->work, 100, PREEMPT_BUDGET);
	cpu_this()->work = 0;
	pirq_follow(&control, PCI_LINE); // is there: costs nothing
	assert_int_equal(cpu_this()->work, 0);
	raised = 0;
	irq_dispatch(pirq_vector(&control, PCI_LINE)); // was under way
	assert_int_equal(raised, 77);
	assert_int_equal(eoi(PCI_LINE), 0);
	assert_false(line_masked(PCI_LINE));

	pirq_unbind(&control, PCI_LINE);
	pirq_follow(&control, PCI_LINE);
	pirq_follow(&control, PCI_LINE + 1);
	pirq_follow(&control, PIRQS_MAX);
	pirq_follow(&other, PCI_LINE);
	assert_int_equal(target(PCI_LINE), 10);
	assert_int_equal(unmap(PCI_LINE), 0);
}

static void a_line_follows_a_vcpu_that_stays_elsewhere(void **state)
{
	u8 vector;

	assert_int_equal(map_gsi(ISA_LINE, -1), ISA_LINE);
	assert_int_equal(pirq_bind(&control, ISA_LINE, 5, false), 0);
	assert_int_equal(target(ISA_LINE), 10);
	vector = pirq_vector(&control, ISA_LINE);
	for (u32 i = 0; i < 100; i++) {
		vcpu.cpu = i % 7 ? 3 : 0; // it comes back in time
		irq_dispatch(vector);
		assert_int_equal(target(ISA_LINE), 10);
	}
	vcpu.cpu = 3;
	for (u32 i = 0; i < 8; i++)
		irq_dispatch(vector);
	assert_int_equal(target(ISA_LINE), 13);
	assert_int_equal(pirq_vector(&control, ISA_LINE), vector);
	assert_false(line_masked(ISA_LINE));
	vcpu.cpu = 0;
	dump();
	assert_int_equal(unmap(ISA_LINE), 0);
}

static void unmask_notify_ends_what_is_unmasked(void **state)
{
	assert_int_equal(map_gsi(PCI_LINE, PCI_LINE), PCI_LINE);
	assert_int_equal(pirq_bind(&control, PCI_LINE, 70, false), 0);
	irq_dispatch(pirq_vector(&control, PCI_LINE));
	shared.evtchn_mask[1] = BIT(70 - 64);
	assert_int_equal(call(PHYSDEVOP_IRQ_UNMASK_NOTIFY, NULL), 0);
	assert_true(line_masked(PCI_LINE));
	shared.evtchn_mask[1] = 0;
	assert_int_equal(call(PHYSDEVOP_IRQ_UNMASK_NOTIFY, NULL), 0);
	assert_false(line_masked(PCI_LINE));
	assert_int_equal(unmap(PCI_LINE), 0); // bound: is unbound by force
	assert_true(line_masked(PCI_LINE));
	pirq_unbind(&control, PCI_LINE);
}

static void edge_line_goes_on(void **state)
{
	assert_int_equal(map_gsi(ISA_LINE, -1), ISA_LINE);
	assert_int_equal(pirq_bind(&control, ISA_LINE, 5, false), 0);
	assert_int_equal(pirq_bind(&control, ISA_LINE, 6, false), -EBUSY);
	assert_int_equal(needs_eoi(ISA_LINE), 0);
	raised = 0;
	irq_dispatch(pirq_vector(&control, ISA_LINE));
	assert_int_equal(raised, 5);
	assert_false(line_masked(ISA_LINE));
	assert_int_equal(unmap(ISA_LINE), 0);
}

static void lines_have_one_pirq_and_one_user(void **state)
{
	pirqs_domain_destroy(&control);
	fake_alloc_fails = 1;
	assert_int_equal(map_gsi(ISA_LINE, -1), -ENOMEM);
	assert_int_equal(map_gsi(ISA_LINE, -1), ISA_LINE);
	assert_int_equal(map_gsi(ISA_LINE, -1), ISA_LINE);
	assert_int_equal(map_gsi(ISA_LINE, 40), -EBUSY);
	assert_int_equal(map_gsi(5, ISA_LINE), -EBUSY);
	assert_int_equal(map_gsi(LINES, -1), -EINVAL);
	assert_int_equal(map_gsi(-1, -1), -EINVAL);
	assert_int_equal(map_gsi(6, PIRQS_MAX), -EINVAL);
	assert_int_equal(irq_route_gsi_hv(ISA_LINE, 0xe0), 0);
	assert_int_equal(pirq_bind(&control, ISA_LINE, 5, false), -EBUSY);
	gsi_release(ISA_LINE);
	assert_int_equal(pirq_bind(&control, 7, 5, false), -EINVAL);
	assert_int_equal(unmap(7), -EINVAL);
	assert_int_equal(unmap(-1), -EINVAL);
	assert_int_equal(unmap(ISA_LINE), 0);
	assert_int_equal(eoi(PIRQS_MAX), -EINVAL);
}

static int map_for_other(int gsi)
{
	struct physdev_map_pirq m = {.domid = 1,
				     .type = MAP_PIRQ_TYPE_GSI,
				     .index = gsi,
				     .pirq = gsi};

	return call(PHYSDEVOP_map_pirq, &m);
}

static void a_guest_binds_only_lines_that_it_was_given(void **state)
{
	assert_int_equal(map_for_other(ISA_LINE), 0);
	assert_int_equal(pirq_bind(&other, ISA_LINE, 8, false), -EPERM);
	assert_int_equal(pirq_allow(&control, &other, PIRQS_MAX, true),
			 -EINVAL);
	assert_int_equal(pirq_allow(&control, &other, ISA_LINE, true), -EPERM);
	assert_int_equal(map_gsi(ISA_LINE, -1), ISA_LINE);
	assert_int_equal(pirq_allow(&control, &other, ISA_LINE, true), 0);

	expected = &other;
	assert_int_equal(pirq_bind(&other, ISA_LINE, 8, false), 0);
	assert_int_equal(pirq_bind(&control, ISA_LINE, 5, false), -EBUSY);
	raised = 0;
	irq_dispatch(pirq_vector(&other, ISA_LINE));
	assert_int_equal(raised, 8);

	// Taken back, it is silent, and dom0's to bind.
	assert_int_equal(pirq_allow(&control, &other, ISA_LINE, false), 0);
	assert_true(line_masked(ISA_LINE));
	assert_int_equal(pirq_bind(&other, ISA_LINE, 8, false), -EPERM);
	assert_int_equal(pirq_bind(&control, ISA_LINE, 5, false), 0);
	expected = &control;
	pirqs_domain_destroy(&other);
	assert_null(other.pirqs);
	pirqs_domain_destroy(&control);
}

static void leave_may_come_before_the_mapping(void **state)
{
	assert_int_equal(map_gsi(PCI_LINE, -1), PCI_LINE);
	fake_alloc_fails = 1;
	assert_int_equal(pirq_allow(&control, &other, PCI_LINE, true), -ENOMEM);
	assert_int_equal(pirq_allow(&control, &other, PCI_LINE, true), 0);
	assert_int_equal(pirq_bind(&other, PCI_LINE, 8, false), -EINVAL);
	assert_int_equal(map_for_other(PCI_LINE), 0);
	assert_int_equal(pirq_bind(&other, PCI_LINE, 8, false), 0);
	pirqs_domain_destroy(&other);
	assert_true(line_masked(PCI_LINE));
	pirqs_domain_destroy(&control);
}

static void wiring_is_told_once(void **state)
{
	struct physdev_setup_gsi s = {.gsi = 20, .triggering = 1};

	assert_int_equal(call(PHYSDEVOP_setup_gsi, &s), 0);
	assert_int_equal(call(PHYSDEVOP_setup_gsi, &s), -EEXIST);
	s.gsi = LINES;
	assert_int_equal(call(PHYSDEVOP_setup_gsi, &s), -EINVAL);
}

static void message_is_masked_until_bound(void **state)
{
	// As long as the longest operation on it reads.
	union {
		struct physdev_pci_device dev;
		struct physdev_pci_device_add add;
	} dev = {.add = {.devfn = BDF}};
	struct physdev_map_pirq m = msi_request();

	assert_int_equal(call(PHYSDEVOP_map_pirq, &m), -ENODEV);
	assert_int_equal(call(PHYSDEVOP_restore_msi_ext, &dev), -ENODEV);
	assert_int_equal(call(PHYSDEVOP_pci_device_add, &dev), 0);
	assert_int_equal(call(PHYSDEVOP_map_pirq, &m), 0);
	assert_int_equal(m.pirq, PIRQS_MAX - 1);
	assert_int_equal(msi_masked, 1);
	assert_int_equal(needs_eoi((u32)m.pirq), 0);
	assert_int_equal(pirq_bind(&control, (u32)m.pirq, 9, false), 0);
	assert_int_equal(msi_masked, 0);
	assert_int_equal(msi_target, 10);
	told = 1;
	pirq_follow(&control, (u32)m.pirq);
	assert_int_equal(msi_target, 11);
	assert_int_equal(msi_masked, 0);
	told = 0;
	raised = 0;
	irq_dispatch(pirq_vector(&control, (u32)m.pirq));
	assert_int_equal(raised, 9);

	msi_restored = 0;
	assert_int_equal(call(PHYSDEVOP_restore_msi_ext, &dev), 0);
	assert_int_equal(msi_restored, 1);
	assert_int_equal(msi_masked, 0);
	assert_int_equal(call(PHYSDEVOP_pci_device_remove, &dev), -EBUSY);
	assert_int_equal(call(PHYSDEVOP_release_msix, &dev), -EBUSY);
	pirq_unbind(&control, (u32)m.pirq);
	assert_int_equal(msi_masked, 1);
	assert_int_equal(unmap(m.pirq), 0);
	assert_int_equal(msi_programmed, 0);
	assert_int_equal(call(PHYSDEVOP_pci_device_remove, &dev), 0);
	assert_int_equal(call(PHYSDEVOP_pci_device_remove, &dev), -ENODEV);
}

static void several_messages_for_one_device_are_refused(void **state)
{
	struct physdev_map_pirq m = msi_request();

	m.type = MAP_PIRQ_TYPE_MULTI_MSI;
	m.entry_nr = 2;
	assert_int_equal(call(PHYSDEVOP_map_pirq, &m), -EOPNOTSUPP);
	m.entry_nr = 33;
	assert_int_equal(call(PHYSDEVOP_map_pirq, &m), -EDOM);
	m.entry_nr = 1;
	assert_int_equal(call(PHYSDEVOP_map_pirq, &m), -ENODEV);
	m.type = MAP_PIRQ_TYPE_UNKNOWN;
	assert_int_equal(call(PHYSDEVOP_map_pirq, &m), -EINVAL);
	m.domid = 5;
	assert_int_equal(call(PHYSDEVOP_map_pirq, &m), -ESRCH);
}

// Each class of sixteen is used before any has two. 0x80 is not for devices.
static void vectors_run_out_cleanly(void **state)
{
	struct physdev_pci_device_add dev = {.devfn = BDF};
	struct physdev_map_pirq m;
	u32 n, seen = 0;

	assert_int_equal(call(PHYSDEVOP_pci_device_add, &dev), 0);
	for (n = 0; m = msi_request(), !call(PHYSDEVOP_map_pirq, &m); n++)
		if (n < 10)
			seen |= 1u << (pirq_vector(&control, (u32)m.pirq) >> 4);
	assert_int_equal(n, VEC_LAST_DEVICE + 1 - VEC_FIRST_DEVICE - 1);
	assert_int_equal(seen, 0x3ef8);
	assert_int_equal(call(PHYSDEVOP_map_pirq, &m), -ENOSPC);
	assert_int_equal(map_gsi(ISA_LINE, -1), ISA_LINE);
	assert_int_equal(pirq_bind(&control, ISA_LINE, 5, false), -ENOSPC);
	pirqs_domain_destroy(&control);
	assert_null(control.pirqs);
	assert_int_equal(msi_programmed, 0);
	assert_int_equal(call(PHYSDEVOP_pci_device_remove, &dev), 0);
}

static void numbers_run_out_cleanly(void **state)
{
	struct physdev_get_free_pirq f = {.type = MAP_PIRQ_TYPE_MSI};
	int last;

	assert_int_equal(call(PHYSDEVOP_get_free_pirq, &f), 0);
	assert_int_equal(f.pirq, PIRQS_MAX - 1);
	for (u32 n = 1; n < PIRQS_MAX; n++)
		assert_int_equal(call(PHYSDEVOP_get_free_pirq, &f), 0);
	assert_int_equal(call(PHYSDEVOP_get_free_pirq, &f), -ENOSPC);
	assert_int_equal(map_gsi(3, -1), -ENOSPC);
	last = map_gsi(3, 200); // a number that was set aside
	assert_int_equal(last, 200);
	f.type = 9;
	assert_int_equal(call(PHYSDEVOP_get_free_pirq, &f), -EINVAL);
	pirqs_domain_destroy(&control);
}

static void a_dying_domain_gets_none(void **state)
{
	struct physdev_map_pirq m = msi_request();

	other.dying = DOMAIN_DYING;
	m.domid = other.id;
	m.type = MAP_PIRQ_TYPE_GSI;
	m.index = PCI_LINE;
	m.pirq = -1;
	assert_int_equal(call(PHYSDEVOP_map_pirq, &m), -EINVAL);
	assert_null(other.pirqs);
	other.dying = DOMAIN_ALIVE;
}

static void a_failing_device_leaves_nothing_behind(void **state)
{
	struct physdev_pci_device_add dev = {.devfn = BDF};
	struct physdev_map_pirq m = msi_request();

	assert_int_equal(call(PHYSDEVOP_pci_device_add, &dev), 0);
	msi_error = -ENXIO;
	for (u32 i = 0; i < 1000; i++)
		assert_int_equal(call(PHYSDEVOP_map_pirq, &m), -ENXIO);
	msi_error = 0;
	assert_int_equal(call(PHYSDEVOP_map_pirq, &m), 0);
	assert_int_equal(unmap(m.pirq), 0);
	assert_int_equal(call(PHYSDEVOP_pci_device_remove, &dev), 0);
	pirqs_domain_destroy(&control);
}

static void iopl_and_bitmap_are_the_vcpus(void **state)
{
	struct physdev_set_iopl i = {.iopl = 1};
	struct physdev_set_iobitmap b = {.nr_ports = 65536};
	uint8_t bits[1];

	assert_int_equal(call_as(&other_vcpu, PHYSDEVOP_set_iopl, &i), 0);
	assert_int_equal(other_vcpu.iopl, 1);
	i.iopl = 4;
	assert_int_equal(call_as(&other_vcpu, PHYSDEVOP_set_iopl, &i), -EINVAL);
	set_xen_guest_handle(b.bitmap, bits);
	assert_int_equal(call(PHYSDEVOP_set_iobitmap, &b), 0);
	assert_int_equal(vcpu.iobitmap, (u64)bits);
	assert_int_equal(vcpu.iobitmap_ports, 65536);
	b.nr_ports = 65537;
	assert_int_equal(call(PHYSDEVOP_set_iobitmap, &b), -EINVAL);
	b.nr_ports = 8;
	b.bitmap.p = (void *)HV_START;
	assert_int_equal(call(PHYSDEVOP_set_iobitmap, &b), -EFAULT);
}

static void what_there_is_not_is_refused(void **state)
{
	struct physdev_irq_status_query q = {.irq = PIRQS_MAX};
	struct physdev_irq vector = {.irq = PIRQS_MAX};
	struct physdev_pci_device dev = {.devfn = BDF};
	struct physdev_pci_mmcfg_reserved space = {.start_bus = 1};

	assert_int_equal(call(PHYSDEVOP_irq_status_query, &q), -EINVAL);
	assert_int_equal(call(PHYSDEVOP_alloc_irq_vector, &vector), -EINVAL);
	assert_int_equal(call(PHYSDEVOP_prepare_msix, &dev), -ENODEV);
	assert_int_equal(call(PHYSDEVOP_release_msix, &dev), -ENODEV);
	assert_int_equal(call(PHYSDEVOP_pci_mmcfg_reserved, &space), -EINVAL);
	q.irq = 1;
	fake_fault_at = &q;
	fake_fault_bytes = sizeof(q);
	fake_fault_on_write = true;
	assert_int_equal(call(PHYSDEVOP_irq_status_query, &q), -EFAULT);
	fake_fault_on_write = false;
	fake_fault_bytes = 0;
}

static void others_are_refused(void **state)
{
	struct physdev_map_pirq m = msi_request();

	assert_int_equal(call_as(&other_vcpu, PHYSDEVOP_map_pirq, &m), -EPERM);
	assert_int_equal(call_as(&other_vcpu, PHYSDEVOP_pci_device_add, &m),
			 -EPERM);
	fake_fault_at = &m.pirq;
	fake_fault_bytes = 1;
	assert_int_equal(call(PHYSDEVOP_map_pirq, &m), -EFAULT);
	fake_fault_bytes = 0;
	assert_int_equal(call(PHYSDEVOP_pirq_eoi_gmfn_v2, &m), -ENOSYS);
	assert_int_equal(call(PHYSDEVOP_dbgp_op, &m), -ENOSYS);
	assert_int_equal(call(0, &m), -ENOSYS);
	assert_int_equal(call(32, &m), -ENOSYS);
	assert_int_equal(call(~0u, &m), -ENOSYS);
}

static int set_up(void **state)
{
	chip[4] = (LINES - 1) << 16 | 0x20;
	fake_cpus_init(1);
	ioapic_init();
	pirq_init();
	return 0;
}

static int tear_down(void **state)
{
	pirqs_domain_destroy(&control);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(level_line_is_masked_until_the_guest_is_done),
		cmocka_unit_test(a_line_goes_where_its_vcpu_runs),
		cmocka_unit_test(a_line_follows_a_vcpu_that_stays_elsewhere),
		cmocka_unit_test(unmask_notify_ends_what_is_unmasked),
		cmocka_unit_test(edge_line_goes_on),
		cmocka_unit_test(lines_have_one_pirq_and_one_user),
		cmocka_unit_test(a_guest_binds_only_lines_that_it_was_given),
		cmocka_unit_test(leave_may_come_before_the_mapping),
		cmocka_unit_test(wiring_is_told_once),
		cmocka_unit_test(message_is_masked_until_bound),
		cmocka_unit_test(several_messages_for_one_device_are_refused),
		cmocka_unit_test(vectors_run_out_cleanly),
		cmocka_unit_test(numbers_run_out_cleanly),
		cmocka_unit_test(a_dying_domain_gets_none),
		cmocka_unit_test(a_failing_device_leaves_nothing_behind),
		cmocka_unit_test(iopl_and_bitmap_are_the_vcpus),
		cmocka_unit_test(what_there_is_not_is_refused),
		cmocka_unit_test(others_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
