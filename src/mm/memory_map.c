// SPDX-License-Identifier: MIT
//
// Memory maps in e820 form: the machine's, for the control domain, and the one
// that the tools give to a domain before it starts.

#include "abi/errno.h"
#include "boot/boot.h"
#include "cpu/uaccess.h"
#include "mm/priv.h"

_Static_assert(sizeof(struct e820_entry) == 20, "as the ABI has it");

// Copies a map out; *room is the buffer's size before, the entries after.
static int copy_out(struct xen_memory_map *map, const void *entries, u32 count)
{
	u64 bytes = count * sizeof(struct e820_entry);

	if (map->nr_entries < count)
		return -EINVAL;
	map->nr_entries = count;
	return guest_write(GUEST_HANDLE_GVA(map->buffer), entries, bytes);
}

i64 memory_map_machine(const struct memory_call *c)
{
	struct xen_memory_map map;
	int err = guest_read(&map, c->arg, sizeof(map));

	if (err)
		return err;
	if (!c->v->domain->privileged)
		return -EPERM;
	err = copy_out(&map, boot_info.e820, boot_info.e820_count);
	return err ? err : guest_write(c->arg, &map, sizeof(map));
}

i64 memory_map_get(const struct memory_call *c)
{
	struct domain *d = c->v->domain;
	struct xen_memory_map map;
	int err = guest_read(&map, c->arg, sizeof(map));

	if (err)
		return err;
	lock_get(&d->lock);
	if (!d->memory_map)
		err = -ENOSYS;
	else
		err = copy_out(&map, d->memory_map,
			       min(d->memory_map_count, map.nr_entries));
	lock_put(&d->lock);
	return err ? err : guest_write(c->arg, &map, sizeof(map));
}

i64 memory_map_set(const struct memory_call *c)
{
	struct xen_foreign_memory_map f;
	void *entries, *old;
	struct domain *d;
	int err = guest_read(&f, c->arg, sizeof(f));
	u64 bytes;

	if (err)
		return err;
	if (!c->v->domain->privileged)
		return -EPERM;
	if (f.map.nr_entries > BOOT_MAX_E820)
		return -EINVAL;
	d = domain_target(c->v->domain, f.domid, &err);
	if (!d)
		return err;
	if (d->dying) // relinquish.c has let go of its map, or does so now
		return -EINVAL;
	bytes = f.map.nr_entries * sizeof(struct e820_entry);
	entries = kalloc(max(bytes, 1ul));
	if (!entries)
		return -ENOMEM;
	if (guest_read(entries, GUEST_HANDLE_GVA(f.map.buffer), bytes)) {
		kfree(entries);
		return -EFAULT;
	}
	lock_get(&d->lock);
	old = d->memory_map;
	d->memory_map = entries;
	d->memory_map_count = f.map.nr_entries;
	lock_put(&d->lock);
	kfree(old);
	return 0;
}
