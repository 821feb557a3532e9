// SPDX-License-Identifier: MIT
//
// Guests' descriptor tables. Their pages have the exclusive type DESC, so the
// guest cannot write them, and each entry was made safe when it got that type
// (descriptor_fix). While a vCPU is loaded, its pages are seen read-only
// through two windows in the processor's block: the 14 pages of the GDT below
// the hypervisor's own, and the LDT. Places without a page show zeros, which
// makes a selector for them fail as on bare hardware.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "abi/errno.h"
#include "cpu/uaccess.h"
#include "hw/cpu.h"
#include "hypercall/hypercall.h"
#include "mm/dirty.h"
#include "mm/mm.h"

#define DESC_ACCESSED BIT(40)
#define DESC_CODE BIT(43)
#define DESC_NOT_SYSTEM BIT(44)
#define DESC_DPL3 (3ull << 45)
#define DESC_PRESENT BIT(47)
#define DESC_LONG BIT(53)
#define DESC_BIG BIT(54)

#define DESC_BYTES 8
#define DESC_PER_PAGE (PAGE_SIZE / DESC_BYTES)
#define LDT_PAGES 16
#define LDT_MAX (LDT_PAGES * DESC_PER_PAGE)
#define GDT_MAX (GDT_GUEST_PAGES * DESC_PER_PAGE)
#define GDT_ENTRIES (GDT_MAX + DESC_PER_PAGE) // with the page that is ours
#define SELECTOR_LOCAL 4u // the table is the LDT

#define WINDOW_FLAGS (PTE_P | PTE_A | PTE_NX)

// What the windows show where the guest has no page.
static const u8 empty_page[PAGE_SIZE] __attribute__((aligned(4096)));

// ------------------------------------------------------------- one descriptor

// A descriptor that is not present can do no harm whatever else it says. The
// accessed bit is set because the processor could not set it in our window.
bool descriptor_fix(u64 *desc)
{
	u64 d = *desc;

	if (!(d & DESC_PRESENT))
		return true;
	if (!(d & DESC_NOT_SYSTEM))
		return false; // gates, TSS, LDT
	if ((d & DESC_CODE) && (d & DESC_LONG) && (d & DESC_BIG))
		return false;
	*desc = d | DESC_DPL3 | DESC_ACCESSED;
	return true;
}

// -------------------------------------------------------------------- windows

static u64 window_entry(mfn_t page)
{
	maddr_t at =
		mfn_is_none(page) ? image_maddr(empty_page) : mfn_maddr(page);

	return at | WINDOW_FLAGS;
}

// All page-table entries of a processor's block lie in one table, in order.
static void window_show(u64 va, const mfn_t *pages, u32 count)
{
	u64 *entry = percpu_pte(va);

	for (u32 i = 0; i < count; i++) {
		u64 want = window_entry(pages[i]);

		if (entry[i] == want)
			continue;
		WRITE_ONCE(entry[i], want);
		invlpg(va + i * PAGE_SIZE);
		mirror_show(cpu_this(), va + i * PAGE_SIZE, want);
	}
}

void descriptor_init_windows(u64 base)
{
	mfn_t empty = maddr_mfn(image_maddr(empty_page));

	for (u32 i = 0; i < GDT_GUEST_PAGES; i++)
		percpu_map(base + PERCPU_GDT + i * PAGE_SIZE, empty,
			   WINDOW_FLAGS);
	for (u32 i = 0; i < LDT_PAGES; i++)
		percpu_map(base + PERCPU_LDT + i * PAGE_SIZE, empty,
			   WINDOW_FLAGS);
}

static void ldt_load(struct cpu *c, u32 entries)
{
	u64 at = percpu_base(c->id) + PERCPU_LDT;
	u64 *slot = (u64 *)(percpu_base(c->id) + PERCPU_GDT + (SEL_LDT & ~7u));

	if (c->ldt_entries == entries)
		return;
	c->ldt_entries = entries;
	if (!entries) {
		lldt(0);
		return;
	}
	slot[0] = (entries * DESC_BYTES - 1) | (at & 0xffffff) << 16 |
		  0x82ull << 40 | (at >> 24 & 0xff) << 56;
	slot[1] = at >> 32;
	lldt(SEL_LDT);
}

void descriptor_load(struct vcpu *v)
{
	struct cpu *c = cpu_this();
	u64 base = percpu_base(c->id);

	window_show(base + PERCPU_GDT, v->gdt, GDT_GUEST_PAGES);
	window_show(base + PERCPU_LDT, v->ldt, LDT_PAGES);
	ldt_load(c, v->ldt_entries);
}

void descriptor_unload(void)
{
	struct cpu *c = cpu_this();
	u64 base = percpu_base(c->id);
	mfn_t none[LDT_PAGES];

	for (u32 i = 0; i < LDT_PAGES; i++)
		none[i] = MFN_NONE;
	window_show(base + PERCPU_GDT, none, GDT_GUEST_PAGES);
	window_show(base + PERCPU_LDT, none, LDT_PAGES);
	ldt_load(c, 0);
}

bool descriptor_is_code64(const struct vcpu *v, u16 sel)
{
	bool local = sel & SELECTOR_LOCAL;
	u64 base = percpu_base(cpu_this()->id);
	const u64 *table =
		(const u64 *)(base + (local ? PERCPU_LDT : PERCPU_GDT));
	u32 entries = local ? v->ldt_entries : GDT_ENTRIES;
	u32 index = sel / DESC_BYTES;

	return index < entries && (READ_ONCE(table[index]) & DESC_LONG);
}

// Only the vCPU itself changes its tables, or others while it is not loaded.
static void reload(struct vcpu *v)
{
	if (cpu_this()->loaded == v)
		descriptor_load(v);
}

// --------------------------------------------------------------- whole tables

static void put_pages(mfn_t *pages, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		if (!mfn_is_none(pages[i]))
			frame_put_type(pages[i]);
		pages[i] = MFN_NONE;
	}
}

// References to all of `from`, in `to`; none on failure.
static int get_pages(struct domain *d, mfn_t *to, const mfn_t *from, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		int err = frame_get_type(from[i], TYPE_DESC, d);

		if (err) {
			put_pages(to, i);
			return err;
		}
		to[i] = from[i];
	}
	return 0;
}

// The new pages are shown before the old ones lose their references.
static void replace_pages(struct vcpu *v, mfn_t *table, u32 size, mfn_t *fresh,
			  u32 count)
{
	mfn_t old[LDT_PAGES];

	for (u32 i = 0; i < size; i++) {
		old[i] = table[i];
		table[i] = i < count ? fresh[i] : MFN_NONE;
	}
	reload(v);
	put_pages(old, size);
}

int descriptor_set_gdt(struct vcpu *v, const mfn_t *frames, u32 entries)
{
	mfn_t fresh[GDT_GUEST_PAGES];
	u32 count = (u32)PAGES_OF(entries * DESC_BYTES);
	int err;

	if (entries > GDT_MAX)
		return -EINVAL;
	err = get_pages(v->domain, fresh, frames, count);
	if (err)
		return err;
	v->gdt_entries = entries;
	replace_pages(v, v->gdt, GDT_GUEST_PAGES, fresh, count);
	return 0;
}

// The page of the table that the guest kernel sees at va. One that is absent,
// or cannot be a descriptor page as it is mapped writable, is not there for the
// processor either: that is found out by whoever loads a selector in it.
static mfn_t ldt_page(struct vcpu *v, gva_t va)
{
	u64 l1e = guest_walk_l1e(v, va);
	mfn_t mfn = maddr_mfn(l1e & PTE_ADDR);

	if (!(l1e & PTE_P) || frame_get_type(mfn, TYPE_DESC, v->domain))
		return MFN_NONE;
	return mfn;
}

// The pages are those mapped there now, whatever is mapped there later.
int descriptor_set_ldt(struct vcpu *v, gva_t base, u32 entries)
{
	u32 count = (u32)PAGES_OF(entries * DESC_BYTES);
	mfn_t fresh[LDT_PAGES];

	if (entries > LDT_MAX || base % PAGE_SIZE ||
	    !guest_range_ok(base, entries * DESC_BYTES))
		return -EINVAL;
	for (u32 i = 0; i < count; i++)
		fresh[i] = ldt_page(v, base + i * PAGE_SIZE);
	v->ldt_base = entries ? base : 0;
	v->ldt_entries = entries;
	replace_pages(v, v->ldt, LDT_PAGES, fresh, count);
	return 0;
}

void descriptor_clear_gdt(struct vcpu *v)
{
	v->gdt_entries = 0;
	replace_pages(v, v->gdt, GDT_GUEST_PAGES, NULL, 0);
}

void descriptor_clear_ldt(struct vcpu *v)
{
	v->ldt_base = 0;
	v->ldt_entries = 0;
	replace_pages(v, v->ldt, LDT_PAGES, NULL, 0);
}

// ----------------------------------------------------------------- hypercalls

// set_gdt (2): arg 0 = array of frame numbers, arg 1 = entries of the table, at
// most 7168. 0, -EINVAL too many, or a frame that is not the domain's, is a
// page table, is mapped writable, or holds what descriptor_fix() refuses;
// -EFAULT. All or nothing.
i64 hc_set_gdt(struct vcpu *v, struct hcall *h)
{
	mfn_t frames[GDT_GUEST_PAGES];
	u64 entries = h->arg[1];

	if (entries > GDT_MAX)
		return -EINVAL;
	if (guest_read(frames, h->arg[0],
		       PAGES_OF(entries * DESC_BYTES) * sizeof(frames[0])))
		return -EFAULT;
	return descriptor_set_gdt(v, frames, (u32)entries) ? -EINVAL : 0;
}

// The page's use decides: a live table keeps its type, any other page must be
// one that the guest may write anyway.
static int write_descriptor(struct domain *d, maddr_t at, u64 desc)
{
	mfn_t mfn = maddr_mfn(at);
	enum frame_type type;
	int err;

	if (!mfn_is_ram(mfn))
		return -EINVAL;
	type = frame_type_of(mfn_frame(mfn)) == TYPE_DESC ? TYPE_DESC
							  : TYPE_WRITABLE;
	err = frame_get_type(mfn, type, d);
	if (err)
		return -EINVAL;
	WRITE_ONCE(*(u64 *)maddr_virt(at), desc);
	dirty_mark(mfn);
	frame_put_type(mfn);
	return 0;
}

// update_descriptor (10): arg 0 = machine address of an 8-byte entry, arg 1 =
// what to write. -EINVAL: not aligned, not the domain's memory, the page is
// something else, or a descriptor that is not plain code or data.
i64 hc_update_descriptor(struct vcpu *v, struct hcall *h)
{
	u64 desc = h->arg[1];

	if (h->arg[0] % DESC_BYTES || !descriptor_fix(&desc))
		return -EINVAL;
	return write_descriptor(v->domain, h->arg[0], desc);
}
