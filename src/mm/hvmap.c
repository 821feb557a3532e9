// SPDX-License-Identifier: MIT
//
// The hypervisor's own address space: the sixteen L4 slots that the ABI
// reserves. Their L3 tables all exist from the start and never change, so a
// guest's L4 gets them by copying sixteen entries once, at validation.

#include "boot/boot.h"
#include "console/console.h"
#include "cpu/percpu.h"
#include "hw/cpu.h"
#include "lib/string.h"
#include "mm/priv.h"

static u64 *root; // L4 with only our slots
static u64 mmio_next = MMIO_BASE;
static struct lock hvmap_lock =
	LOCK_INIT(LOCK_HVMAP); // tables of per-CPU and MMIO areas

static u64 *new_table(void)
{
	u64 *t = early_active() ? early_page() : page_alloc();

	if (!t)
		panic("no memory for page tables of the hypervisor");
	return t;
}

static u64 *entry_table(u64 e)
{
	return maddr_virt(e & PTE_ADDR);
}

// The table behind *e, made when there is none.
static u64 *next_table(u64 *e, u64 flags)
{
	if (!(*e & PTE_P))
		WRITE_ONCE(*e, virt_maddr(new_table()) | flags);
	return entry_table(*e);
}

u64 *hvmap_entry(u64 va, u32 level)
{
	// Guests read the M2P: U=1 all the way down, there only.
	u64 user = table_index(va, 4) == table_index(M2P_BASE, 4) ? PTE_US : 0;
	u64 *t = entry_table(root[table_index(va, 4)]);

	for (u32 l = 3; l > level; l--)
		t = next_table(&t[table_index(va, l)], HV_TABLE | user);
	return &t[table_index(va, level)];
}

void hvmap_back(u64 va, u64 bytes, void (*fn)(u64 va, maddr_t page))
{
	u64 end = ALIGN_UP(va + bytes, LARGE_PAGE);

	for (va = ALIGN_DOWN(va, LARGE_PAGE); va < end; va += LARGE_PAGE) {
		u64 *e = hvmap_entry(va, 2);
		maddr_t page;

		if (*e & PTE_P)
			continue;
		page = early_alloc(LARGE_PAGE, LARGE_PAGE, ~0ull);
		*e = page | HV_DATA | PTE_PSE;
		if (fn)
			fn(va, page);
	}
}

// Text and constants must not be writable by their direct-map addresses.
static u64 direct_flags(maddr_t a)
{
	bool constant =
		a >= image_maddr(text_start) && a < image_maddr(rodata_end);

	return constant ? HV_RODATA : HV_DATA;
}

static void map_direct(maddr_t start, maddr_t end)
{
	maddr_t image = ALIGN_DOWN(image_maddr(text_start), LARGE_PAGE);
	maddr_t image_end_up = ALIGN_UP(image_maddr(rodata_end), LARGE_PAGE);

	while (start < end) {
		bool whole = !(start & (LARGE_PAGE - 1)) &&
			     end - start >= LARGE_PAGE &&
			     (start < image || start >= image_end_up);

		if (whole) {
			*hvmap_entry(DIRECT_BASE + start, 2) =
				start | HV_DATA | PTE_PSE;
			start += LARGE_PAGE;
		} else {
			*hvmap_entry(DIRECT_BASE + start, 1) =
				start | direct_flags(start);
			start += PAGE_SIZE;
		}
	}
}

static void map_image_part(const char *start, const char *end, u64 flags)
{
	for (const char *p = start; p < end; p += PAGE_SIZE)
		*hvmap_entry((u64)p, 1) = image_maddr(p) | flags;
}

// RAM, and the first MiB whole: firmware tables and the text screen.
static void map_memory(void)
{
	const struct ram_range *r;

	map_direct(0, MIB(1));
	for (u32 i = 0; (r = ram_range(i)) != NULL; i++)
		map_direct(max(r->first << PAGE_SHIFT, MIB(1)),
			   r->end << PAGE_SHIFT);
}

static void make_root(void)
{
	root = early_page();
	for (u32 i = 0; i < HV_NR_SLOTS; i++) {
		u32 slot = HV_FIRST_SLOT + i;
		u64 user = slot == table_index(M2P_BASE, 4) ? PTE_US : 0;

		root[slot] = virt_maddr(new_table()) | HV_TABLE | user;
	}
}

void hvmap_init(void)
{
	make_root();
	map_memory();
	map_image_part(text_start, text_end, HV_TEXT);
	map_image_part(rodata_start, rodata_end, HV_RODATA);
	map_image_part(data_start, data_end, HV_DATA);
	write_cr3(virt_maddr(root));
}

mfn_t hv_root(void)
{
	return virt_mfn(root);
}

void l4_init_hv_slots(u64 *l4, bool open_gate)
{
	memcpy(&l4[HV_FIRST_SLOT], &root[HV_FIRST_SLOT],
	       HV_NR_SLOTS * sizeof(u64));
	if (open_gate) // ring 1 needs no U to read the M2P
		l4[table_index(M2P_BASE, 4)] &= ~(u64)PTE_US;
}

u64 *percpu_pte(u64 va)
{
	u64 *e;

	lock_get(&hvmap_lock);
	e = hvmap_entry(va, 1);
	lock_put(&hvmap_lock);
	return e;
}

void percpu_map(u64 va, mfn_t mfn, u64 flags)
{
	WRITE_ONCE(*percpu_pte(va), flags ? mfn_maddr(mfn) | flags : 0);
}

volatile void *mmio_map(maddr_t addr, size_t bytes)
{
	u64 skip = addr & (PAGE_SIZE - 1);
	u64 pages = PAGES_OF(skip + bytes);
	u64 va;

	lock_get(&hvmap_lock);
	va = mmio_next;
	if (pages > (MMIO_END - va) >> PAGE_SHIFT)
		panic("no addresses left for device memory at 0x%lx", addr);
	for (u64 i = 0; i < pages; i++)
		WRITE_ONCE(*hvmap_entry(va + i * PAGE_SIZE, 1),
			   ((addr - skip) + i * PAGE_SIZE) | HV_DEVICE);
	mmio_next += (pages + 1) * PAGE_SIZE; // a hole catches overruns
	lock_put(&hvmap_lock);
	return (volatile void *)(va + skip);
}
