// SPDX-License-Identifier: MIT
//
// sysctl: the machine, its memory, its domains, and the hypervisor's console.
#include "hypercall/sysctl.h"

#include "abi/errno.h"
#include "boot/boot.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/policy.h"
#include "cpu/topology.h"
#include "cpu/uaccess.h"
#include "domain/domctl.h"
#include "lib/string.h"
#include "sched/sched.h"

#define KEYS_MAX 64
#define CHUNK 512
#define DEVICES_MAX 256u // in one call
#define CONSOLE_MAX 0x20000u // bytes in one call

// ------------------------------------------------------------------- console

// Reads on until the caller's buffer is full or there is no more; the position
// behind it goes back. -EFAULT.
int sysctl_console(struct xen_sysctl *op)
{
	struct xen_sysctl_readconsole *a = &op->u.readconsole;
	u32 pos = a->incremental ? a->index : console_ring_start();
	u32 room = min(a->count, CONSOLE_MAX), done = 0;
	char text[CHUNK];

	while (done < room) {
		u32 n = min(room - done, (u32)CHUNK);

		n = (u32)console_ring_read(&pos, text, n);
		if (!n)
			break;
		if (guest_write(GUEST_HANDLE_GVA(a->buffer) + done, text, n))
			return -EFAULT;
		done += n;
	}
	if (a->clear)
		console_ring_forget(pos);
	a->index = pos;
	a->count = done;
	return 0;
}

// -EINVAL too many at once, -EFAULT.
int sysctl_keys(struct xen_sysctl *op)
{
	const struct xen_sysctl_debug_keys *a = &op->u.debug_keys;
	char keys[KEYS_MAX];

	if (a->nr_keys > sizeof(keys))
		return -EINVAL;
	if (guest_read(keys, GUEST_HANDLE_GVA(a->keys), a->nr_keys))
		return -EFAULT;
	for (u32 i = 0; i < a->nr_keys; i++)
		debug_key(keys[i]);
	return 0;
}

// There is no tracing, and so nothing to set up. -ENOSYS anything but its size.
int sysctl_trace(struct xen_sysctl *op)
{
	struct xen_sysctl_tbuf_op *a = &op->u.tbuf_op;

	if (a->cmd != XEN_SYSCTL_TBUFOP_get_info)
		return -ENOSYS;
	a->evt_mask = 0;
	a->buffer_mfn = 0;
	a->size = 0;
	return 0;
}

// -------------------------------------------------------------------- memory

static u64 ram_pages(void)
{
	u64 pages = 0;

	for (u32 i = 0; i < boot_info.e820_count; i++)
		if (boot_info.e820[i].type == E820_RAM)
			pages += boot_info.e820[i].size >> PAGE_SHIFT;
	return pages;
}

// Free bytes. -EOPNOTSUPP of a range of addresses, -EINVAL node.
int sysctl_heap(struct xen_sysctl *op)
{
	struct xen_sysctl_availheap *a = &op->u.availheap;

	if (a->node != -1 && a->node != 0)
		return -EINVAL;
	if (a->min_bitwidth || a->max_bitwidth)
		return -EOPNOTSUPP;
	a->avail_bytes = heap_free_frames() << PAGE_SHIFT;
	return 0;
}

// One node, at the distance that a node has from itself in the firmware's
// tables. Null arrays ask for the number of nodes. -EFAULT.
int sysctl_numa(struct xen_sysctl *op)
{
	struct xen_sysctl_numainfo *a = &op->u.numainfo;
	gva_t info = GUEST_HANDLE_GVA(a->meminfo);
	gva_t distance = GUEST_HANDLE_GVA(a->distance);
	const struct xen_sysctl_meminfo memory = {
		.memsize = ram_pages() << PAGE_SHIFT,
		.memfree = heap_free_frames() << PAGE_SHIFT,
	};
	const u32 self = 10;

	if (info && a->num_nodes && guest_write(info, &memory, sizeof(memory)))
		return -EFAULT;
	if (distance && a->num_nodes &&
	    guest_write(distance, &self, sizeof(self)))
		return -EFAULT;
	a->num_nodes = 1;
	return 0;
}

// No device has a node of its own. As many as one call takes are answered;
// the caller goes on from there. -EFAULT.
int sysctl_devices(struct xen_sysctl *op)
{
	struct xen_sysctl_pcitopoinfo *a = &op->u.pcitopoinfo;
	const u32 none = XEN_INVALID_NODE_ID;
	u32 n = min(a->num_devs, DEVICES_MAX);

	for (u32 i = 0; i < n; i++)
		if (guest_write(GUEST_HANDLE_GVA(a->nodes) + i * sizeof(none),
				&none, sizeof(none)))
			return -EFAULT;
	a->num_devs = n;
	return 0;
}

// ------------------------------------------------------------------- machine

static int hardware_features(u32 words[8])
{
	struct cpu_policy *p = policy_machine();
	u32 all[FEATURE_WORDS];

	if (!p)
		return -ENOMEM;
	policy_features(p, all);
	kfree(p);
	memcpy(words, all, 8 * sizeof(*words));
	return 0;
}

static u32 online_count(void)
{
	u32 n = 0;

	for (u32 i = 0; i < cpu_count(); i++)
		n += cpu_of(i)->online;
	return n;
}

int sysctl_physinfo(struct xen_sysctl *op)
{
	struct cpu_topology t = topology_get();

	op->u.physinfo = (struct xen_sysctl_physinfo){
		.threads_per_core = t.threads_per_core,
		.cores_per_socket = t.cores_per_socket,
		.nr_cpus = online_count(),
		.max_cpu_id = cpu_count() - 1,
		.nr_nodes = 1,
		.cpu_khz = (u32)(tsc_scale.hz / 1000),
		.capabilities =
			XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1,
		.total_pages = ram_pages(),
		.free_pages = heap_free_frames(),
		.outstanding_pages = claims_total(),
		.max_mfn = frame_limit() - 1,
	};
	return hardware_features(op->u.physinfo.hw_cap);
}

// ------------------------------------------------------------------- domains

// Domains from the one asked for, as many as there is room for. -EFAULT.
int sysctl_domains(struct xen_sysctl *op)
{
	struct xen_sysctl_getdomaininfolist *a = &op->u.getdomaininfolist;
	gva_t to = GUEST_HANDLE_GVA(a->buffer);
	u32 id = a->first_domain, n = 0;

	while (n < a->max_domains && id < DOMID_FIRST_RESERVED) {
		struct domain *d = domain_next((domid_t)id);
		struct xen_domctl_getdomaininfo info;

		if (!d)
			break;
		domain_info_get(d, &info);
		if (guest_write(to + n * sizeof(info), &info, sizeof(info)))
			return -EFAULT;
		n++;
		id = d->id + 1u;
	}
	a->num_domains = n;
	return 0;
}
