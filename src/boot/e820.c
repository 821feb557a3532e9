// SPDX-License-Identifier: MIT
//
// The memory map. Firmware may tell it unsorted and overlapping; everybody
// else sees it sorted and disjoint. Where entries overlap, the one that makes
// the memory less usable wins.
#include "boot/priv.h"
#include "lib/string.h"

#define ADDR_LIMIT BIT(52)

void e820_add(struct boot_info *bi, u64 addr, u64 size, u32 type)
{
	if (addr >= ADDR_LIMIT || !size || bi->e820_count == BOOT_MAX_E820)
		return;
	bi->e820[bi->e820_count++] = (struct e820_entry){
		.addr = addr,
		.size = min(size, ADDR_LIMIT - addr),
		.type = type >= E820_RAM && type <= E820_UNUSABLE
				? type
				: E820_RESERVED,
	};
}

// How much a type wins over others.
static u32 strength(u32 type)
{
	static const u8 by_type[] = {
		[E820_RAM] = 1,      [E820_ACPI] = 2,     [E820_NVS] = 3,
		[E820_RESERVED] = 4, [E820_UNUSABLE] = 5,
	};

	return by_type[type];
}

// The strongest type that covers addr, 0 for a hole; *next becomes the next
// address above addr where that may change.
static u32 type_at(const struct boot_info *bi, u64 addr, u64 *next)
{
	u32 type = 0;

	*next = ADDR_LIMIT;
	for (u32 i = 0; i < bi->e820_count; i++) {
		const struct e820_entry *e = &bi->e820[i];
		u64 end = e->addr + e->size;

		if (e->addr > addr)
			*next = min(*next, e->addr);
		if (end > addr)
			*next = min(*next, end);
		if (e->addr <= addr && addr < end &&
		    (!type || strength(e->type) > strength(type)))
			type = e->type;
	}
	return type;
}

void e820_normalise(struct boot_info *bi)
{
	static struct e820_entry sorted[BOOT_MAX_E820];
	u32 n = 0;

	for (u64 addr = 0, next; addr < ADDR_LIMIT; addr = next) {
		u32 type = type_at(bi, addr, &next);
		struct e820_entry *last = n ? &sorted[n - 1] : NULL;

		if (!type)
			continue;
		if (last && last->type == type &&
		    last->addr + last->size == addr)
			last->size += next - addr;
		else if (n < BOOT_MAX_E820)
			sorted[n++] =
				(struct e820_entry){addr, next - addr, type};
	}
	memcpy(bi->e820, sorted, n * sizeof(sorted[0]));
	bi->e820_count = n;
}

struct hole {
	maddr_t start, end;
};

// The i-th range that is in use: the image, then the modules.
static struct hole hole_at(const struct boot_info *bi, u32 i)
{
	const struct boot_module *m;

	if (!i)
		return (struct hole){bi->image_start, bi->image_end};
	m = &bi->module[i - 1];
	return (struct hole){ALIGN_DOWN(m->start, PAGE_SIZE),
			     ALIGN_UP(m->start + m->size, PAGE_SIZE)};
}

// The lowest used range that overlaps [start, end), or start = end.
static struct hole first_hole(const struct boot_info *bi, maddr_t start,
			      maddr_t end)
{
	struct hole first = {end, end};

	for (u32 i = 0; i <= bi->module_count; i++) {
		struct hole h = hole_at(bi, i);

		if (h.end > start && h.start < first.start)
			first = h;
	}
	return first;
}

void bootinfo_free_ram(const struct boot_info *bi,
		       void (*fn)(maddr_t start, maddr_t end, void *arg),
		       void *arg)
{
	for (u32 i = 0; i < bi->e820_count; i++) {
		const struct e820_entry *e = &bi->e820[i];
		maddr_t at = max(ALIGN_UP(e->addr, PAGE_SIZE), MIB(1));
		maddr_t end = ALIGN_DOWN(e->addr + e->size, PAGE_SIZE);

		if (e->type != E820_RAM)
			continue;
		while (at < end) {
			struct hole h = first_hole(bi, at, end);

			if (h.start > at)
				fn(at, h.start, arg);
			at = h.end;
		}
	}
}
