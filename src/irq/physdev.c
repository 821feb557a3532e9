// SPDX-License-Identifier: MIT
//
// physdev_op: how a guest kernel gets at the machine's interrupts and I/O.
// Each sub-operation has a line in the table below: how much to copy in, if it
// is copied back, and who may. The functions see the copy only.
#include "abi/errno.h"
#include "abi/xen.h"
#include "cpu/uaccess.h"
#include "hypercall/hypercall.h"
#include "irq/priv.h"

union physdev_arg {
	struct physdev_eoi eoi;
	struct physdev_irq_status_query status;
	struct physdev_set_iopl iopl;
	struct physdev_set_iobitmap iobitmap;
	struct physdev_apic apic;
	struct physdev_irq irq;
	struct physdev_map_pirq map;
	struct physdev_unmap_pirq unmap;
	struct physdev_manage_pci pci;
	struct physdev_manage_pci_ext pci_ext;
	struct physdev_setup_gsi gsi;
	struct physdev_get_free_pirq free;
	struct physdev_pci_mmcfg_reserved mmcfg;
	struct physdev_pci_device_add add;
	struct physdev_pci_device dev;
};

static u16 bdf_of(u8 bus, u8 devfn)
{
	return (u16)(bus << 8 | devfn);
}

// ----------------------------------------------------------- the vCPU's I/O

static int op_set_iopl(struct vcpu *v, union physdev_arg *a)
{
	if (a->iopl.iopl > 3)
		return -EINVAL;
	v->iopl = a->iopl.iopl;
	return 0;
}

static int op_set_iobitmap(struct vcpu *v, union physdev_arg *a)
{
	gva_t bitmap = GUEST_HANDLE_GVA(a->iobitmap.bitmap);
	u32 ports = a->iobitmap.nr_ports;

	if (ports > 65536)
		return -EINVAL;
	if (bitmap && !guest_range_ok(bitmap, (ports + 7) / 8))
		return -EFAULT;
	v->iobitmap = bitmap;
	v->iobitmap_ports = bitmap ? ports : 0;
	return 0;
}

// ---------------------------------------------------------- lines and pirqs

static int op_eoi(struct vcpu *v, union physdev_arg *a)
{
	if (a->eoi.irq >= PIRQS_MAX)
		return -EINVAL;
	pirq_eoi(v->domain, a->eoi.irq);
	return 0;
}

static int op_irq_unmask_notify(struct vcpu *v, union physdev_arg *a)
{
	(void)a;
	pirq_eoi_unmasked(v->domain);
	return 0;
}

static int op_irq_status_query(struct vcpu *v, union physdev_arg *a)
{
	if (a->status.irq >= PIRQS_MAX)
		return -EINVAL;
	a->status.flags = pirq_status(v->domain, a->status.irq);
	return 0;
}

static int op_apic_read(struct vcpu *v, union physdev_arg *a)
{
	int err;

	(void)v;
	lock_get(&irq_lock);
	err = ioapic_guest_read(a->apic.apic_physbase, a->apic.reg,
				&a->apic.value);
	lock_put(&irq_lock);
	return err;
}

static int op_apic_write(struct vcpu *v, union physdev_arg *a)
{
	int err;

	(void)v;
	lock_get(&irq_lock);
	err = ioapic_guest_write(a->apic.apic_physbase, a->apic.reg,
				 a->apic.value);
	lock_put(&irq_lock);
	return err;
}

// Kernels ask before they use a line, and only want to hear that they may.
static int op_alloc_irq_vector(struct vcpu *v, union physdev_arg *a)
{
	if (a->irq.irq >= PIRQS_MAX)
		return -EINVAL;
	a->irq.vector = pirq_vector(v->domain, a->irq.irq);
	return 0;
}

static int op_setup_gsi(struct vcpu *v, union physdev_arg *a)
{
	struct gsi_mode mode = {
		.level = a->gsi.triggering,
		.low = a->gsi.polarity,
	};
	int err;

	(void)v;
	if (a->gsi.gsi < 0 || !gsi_exists((u32)a->gsi.gsi))
		return -EINVAL;
	lock_get(&irq_lock);
	err = gsi_setup((u32)a->gsi.gsi, mode);
	lock_put(&irq_lock);
	return err;
}

// Several messages of one device need consecutive vectors, and interrupt
// remapping to move them: one is all that a device gets.
static int check_multi_msi(const struct physdev_map_pirq *m)
{
	if (m->entry_nr <= 0 || m->entry_nr > 32)
		return -EDOM;
	return m->entry_nr == 1 ? 0 : -EOPNOTSUPP;
}

static int map_msi(struct domain *d, struct physdev_map_pirq *m)
{
	u32 bus = (u32)m->bus;
	struct msi_request request = {
		.seg = m->type == MAP_PIRQ_TYPE_MSI ? 0 : (u16)(bus >> 16),
		.bdf = bdf_of((u8)bus, (u8)m->devfn),
		// The type does not tell MSI-X from MSI; this does.
		.is_x = m->table_base && m->type != MAP_PIRQ_TYPE_MULTI_MSI,
		.entry = (u32)m->entry_nr,
		.table_base = m->table_base,
	};

	return pirq_map_msi(d, &request, &m->pirq);
}

static int map_pirq(struct domain *d, struct physdev_map_pirq *m)
{
	int err;

	switch (m->type) {
	case MAP_PIRQ_TYPE_GSI:
		return pirq_map_gsi(d, m->index, &m->pirq);
	case MAP_PIRQ_TYPE_MULTI_MSI:
		err = check_multi_msi(m);
		return err ? err : map_msi(d, m);
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
		return map_msi(d, m);
	default:
		return -EINVAL;
	}
}

static struct domain *target_domain(struct vcpu *v, domid_t id)
{
	return id == DOMID_SELF ? v->domain : domain_find(id);
}

static int op_map_pirq(struct vcpu *v, union physdev_arg *a)
{
	struct domain *d = target_domain(v, a->map.domid);

	return d ? map_pirq(d, &a->map) : -ESRCH;
}

static int op_unmap_pirq(struct vcpu *v, union physdev_arg *a)
{
	struct domain *d = target_domain(v, a->unmap.domid);

	return d ? pirq_unmap(d, a->unmap.pirq) : -ESRCH;
}

static int op_get_free_pirq(struct vcpu *v, union physdev_arg *a)
{
	int pirq, err;

	if (a->free.type != MAP_PIRQ_TYPE_MSI &&
	    a->free.type != MAP_PIRQ_TYPE_GSI)
		return -EINVAL;
	err = pirq_reserve(v->domain, &pirq);
	if (!err)
		a->free.pirq = (u32)pirq;
	return err;
}

// --------------------------------------------------------------------- PCI

static int add_device(u16 seg, u16 bdf, bool is_virtfn)
{
	int err;

	lock_get(&irq_lock);
	err = pci_device_add(seg, bdf, is_virtfn);
	lock_put(&irq_lock);
	return err;
}

static int remove_device(u16 seg, u16 bdf)
{
	int err;

	lock_get(&irq_lock);
	err = pci_device_remove(seg, bdf);
	lock_put(&irq_lock);
	return err;
}

static int op_pci_device_add(struct vcpu *v, union physdev_arg *a)
{
	(void)v;
	return add_device(a->add.seg, bdf_of(a->add.bus, a->add.devfn),
			  a->add.flags & XEN_PCI_DEV_VIRTFN);
}

static int op_pci_device_remove(struct vcpu *v, union physdev_arg *a)
{
	(void)v;
	return remove_device(a->dev.seg, bdf_of(a->dev.bus, a->dev.devfn));
}

static int op_manage_pci_add(struct vcpu *v, union physdev_arg *a)
{
	(void)v;
	return add_device(0, bdf_of(a->pci.bus, a->pci.devfn), false);
}

static int op_manage_pci_add_ext(struct vcpu *v, union physdev_arg *a)
{
	(void)v;
	return add_device(0, bdf_of(a->pci_ext.bus, a->pci_ext.devfn),
			  a->pci_ext.is_virtfn);
}

static int op_manage_pci_remove(struct vcpu *v, union physdev_arg *a)
{
	(void)v;
	return remove_device(0, bdf_of(a->pci.bus, a->pci.devfn));
}

static int op_restore_msi(struct vcpu *v, union physdev_arg *a)
{
	return pirq_restore_device(v->domain, 0,
				   bdf_of(a->pci.bus, a->pci.devfn));
}

static int op_restore_msi_ext(struct vcpu *v, union physdev_arg *a)
{
	return pirq_restore_device(v->domain, a->dev.seg,
				   bdf_of(a->dev.bus, a->dev.devfn));
}

static int op_prepare_msix(struct vcpu *v, union physdev_arg *a)
{
	struct pci_device *dev;
	int err;

	(void)v;
	lock_get(&irq_lock);
	dev = pci_device_find(a->dev.seg, bdf_of(a->dev.bus, a->dev.devfn));
	err = dev ? msix_prepare(dev) : -ENODEV;
	lock_put(&irq_lock);
	return err;
}

static int op_release_msix(struct vcpu *v, union physdev_arg *a)
{
	struct pci_device *dev;
	int err = 0;

	(void)v;
	lock_get(&irq_lock);
	dev = pci_device_find(a->dev.seg, bdf_of(a->dev.bus, a->dev.devfn));
	if (!dev)
		err = -ENODEV;
	else if (dev->irqs)
		err = -EBUSY;
	else
		dev->msix = NULL;
	lock_put(&irq_lock);
	return err;
}

// We do not use the memory-mapped configuration space ourselves, so that dom0
// has it reserved is good to know and changes nothing.
static int op_pci_mmcfg_reserved(struct vcpu *v, union physdev_arg *a)
{
	(void)v;
	return a->mmcfg.start_bus <= a->mmcfg.end_bus ? 0 : -EINVAL;
}

// ---------------------------------------------------------------- dispatch

struct physdev_sub_op {
	int (*fn)(struct vcpu *v, union physdev_arg *a);
	u8 bytes;
	bool copy_back;
	bool any_domain; // else the control domain only
};

#define OP(name, member, ...)                                                  \
	{                                                                      \
		.fn = op_##name,                                               \
		.bytes = sizeof(((union physdev_arg *)0)->member), __VA_ARGS__ \
	}

static const struct physdev_sub_op sub_ops[] = {
	[PHYSDEVOP_IRQ_UNMASK_NOTIFY] = {.fn = op_irq_unmask_notify,
					 .any_domain = true},
	[PHYSDEVOP_irq_status_query] =
		OP(irq_status_query, status, .copy_back = true,
		   .any_domain = true),
	[PHYSDEVOP_set_iopl] = OP(set_iopl, iopl, .any_domain = true),
	[PHYSDEVOP_set_iobitmap] =
		OP(set_iobitmap, iobitmap, .any_domain = true),
	[PHYSDEVOP_apic_read] = OP(apic_read, apic, .copy_back = true),
	[PHYSDEVOP_apic_write] = OP(apic_write, apic),
	[PHYSDEVOP_alloc_irq_vector] =
		OP(alloc_irq_vector, irq, .copy_back = true),
	[PHYSDEVOP_eoi] = OP(eoi, eoi, .any_domain = true),
	[PHYSDEVOP_map_pirq] = OP(map_pirq, map, .copy_back = true),
	[PHYSDEVOP_unmap_pirq] = OP(unmap_pirq, unmap),
	[PHYSDEVOP_manage_pci_add] = OP(manage_pci_add, pci),
	[PHYSDEVOP_manage_pci_remove] = OP(manage_pci_remove, pci),
	[PHYSDEVOP_restore_msi] = OP(restore_msi, pci),
	[PHYSDEVOP_manage_pci_add_ext] = OP(manage_pci_add_ext, pci_ext),
	[PHYSDEVOP_setup_gsi] = OP(setup_gsi, gsi),
	[PHYSDEVOP_get_free_pirq] = OP(get_free_pirq, free, .copy_back = true),
	[PHYSDEVOP_pci_mmcfg_reserved] = OP(pci_mmcfg_reserved, mmcfg),
	[PHYSDEVOP_pci_device_add] = OP(pci_device_add, add),
	[PHYSDEVOP_pci_device_remove] = OP(pci_device_remove, dev),
	[PHYSDEVOP_restore_msi_ext] = OP(restore_msi_ext, dev),
	[PHYSDEVOP_prepare_msix] = OP(prepare_msix, dev),
	[PHYSDEVOP_release_msix] = OP(release_msix, dev),
};

i64 hc_physdev_op(struct vcpu *v, struct hcall *h)
{
	u32 cmd = (u32)h->arg[0];
	const struct physdev_sub_op *op;
	union physdev_arg a = {0};
	int err;

	if (cmd >= ARRAY_SIZE(sub_ops) || !sub_ops[cmd].fn)
		return -ENOSYS;
	op = &sub_ops[cmd];
	if (!op->any_domain && !v->domain->privileged)
		return -EPERM;
	if (op->bytes && guest_read(&a, h->arg[1], op->bytes))
		return -EFAULT;
	err = op->fn(v, &a);
	if (!err && op->copy_back && guest_write(h->arg[1], &a, op->bytes))
		err = -EFAULT;
	return err;
}
