// SPDX-License-Identifier: MIT
//
// What a guest may put into a page-table entry, and what the entry then holds:
//
//	level 1, RAM		a reference; if writable a writable type too
//	level 1, device		nothing, but permission is checked
//	level 2 to 4		a reference and a type of the level below
//
// An L4 may contain itself, read-only (some kernels look at their tables that
// way): that holds nothing, or it could never go away.
//
// U is forced on at all levels, since guest kernels run in ring 3 as their
// users do; with an open gate they run in ring 1 on their users' root, and U
// is forced off in the upper half of level 4: that is what keeps users out of
// their kernel (gate.md A4). A is forced on in level 4, which the hypervisor
// may copy.

#include "abi/errno.h"
#include "console/console.h"
#include "mm/l1.h"
#include "mm/m2p.h"

// Bits no entry of that level may have.
static u64 forbidden(u32 level)
{
	u64 bits = PTE_G | (PTE_ADDR & ~(BIT(cpu_features.phys_bits) - 1));

	if (!cpu_features.nx)
		bits |= PTE_NX;
	return level == 1 ? bits : bits | PTE_PSE | PTE_PWT | PTE_PCD;
}

int entry_check(const struct map_ask *ask, u32 level, u32 index, u64 *entry)
{
	if (unlikely(*entry & forbidden(level))) {
		log_guest(ask->d, LOG_WARN,
			  "level %u entry 0x%lx has bits it may not have\n",
			  level, *entry);
		return -EINVAL;
	}
	*entry = entry_forced(ask->d, level, index, *entry);
	return 0;
}

static int refuse(const struct map_ask *ask, u64 entry, const char *why,
		  int err)
{
	log_guest(ask->d, LOG_WARN, "entry 0x%lx refused: %s\n", entry, why);
	return err;
}

static int device_get(const struct map_ask *ask, u64 *entry)
{
	mfn_t mfn = entry_mfn(*entry);

	if (ask->owner != OWNER_IO && ask->of != ask->d)
		return refuse(ask, *entry, "no frame of that domain", -EPERM);
	if (!iomem_allowed(ask->d, mfn))
		return refuse(ask, *entry, "no right to the device", -EPERM);
	if (iomem_read_only(mfn))
		*entry &= ~PTE_RW;
	return 0;
}

// A frame of the hypervisor's that the entry may map all the same.
static bool get_shared(const struct map_ask *ask, u64 entry)
{
	mfn_t mfn = entry_mfn(entry);

	if (ask->of)
		return frame_get_shared(ask->of, mfn);
	return ask->owner == OWNER_HV && !(entry & PTE_RW) &&
	       m2p_has_frame(mfn) && frame_get(mfn, OWNER_HV);
}

static int page_get(const struct map_ask *ask, u64 *entry)
{
	mfn_t mfn = entry_mfn(*entry);

	if (unlikely(!quick_is_ram(mfn)))
		return device_get(ask, entry);
	if (unlikely((*entry & L1_CACHE) && !ask->d->privileged))
		return refuse(ask, *entry, "cache attributes", -EINVAL);
	if (unlikely(!(ask->of && quick_get(mfn, ask->owner)) &&
		     !get_shared(ask, *entry)))
		return refuse(ask, *entry, "not that domain's frame", -EPERM);
	if (!(*entry & PTE_RW) || quick_type_get(mfn, TYPE_WRITABLE) ||
	    type_get(mfn, TYPE_WRITABLE, ask->d) == 0)
		return 0;
	frame_put(mfn);
	return refuse(ask, *entry, "writable, but a table", -EBUSY);
}

static int table_get(const struct map_ask *ask, u32 level, mfn_t own, u64 entry)
{
	mfn_t mfn = entry_mfn(entry);
	int err;

	if (level == 4 && mfn_eq(mfn, own))
		return entry & PTE_RW ? -EINVAL : 0;
	if (!quick_is_ram(mfn) || !quick_get(mfn, ask->d->id))
		return refuse(ask, entry, "a table of somebody else", -EPERM);
	if (quick_type_get(mfn, (enum frame_type)(level - 1)))
		return 0;
	err = type_get(mfn, (enum frame_type)(level - 1), ask->d);
	if (err) {
		frame_put(mfn);
		if (err != -ERESTART)
			return refuse(ask, entry, "not a table", err);
	}
	return err;
}

int entry_get(const struct map_ask *ask, u32 level, u32 index, mfn_t own,
	      u64 *entry)
{
	int err = entry_check(ask, level, index, entry);

	if (err)
		return err;
	return level == 1 ? page_get(ask, entry)
			  : table_get(ask, level, own, *entry);
}

int entry_put(u32 level, mfn_t own, u64 entry)
{
	mfn_t mfn = entry_mfn(entry);
	int err;

	if (level == 1) {
		l1_put(entry);
		return 0;
	}
	if (level == 4 && mfn_eq(mfn, own))
		return 0;
	err = quick_type_put(mfn) ? 0 : type_put(mfn);
	if (!err)
		quick_put(mfn);
	return err;
}
