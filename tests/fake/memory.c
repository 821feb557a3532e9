// SPDX-License-Identifier: MIT
//
// See memory.h.
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/errno.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "irq/irq.h"
#include "mm/tlb.h"

#define MAX_FAKE_DOMAINS 4

struct boot_info boot_info;
__attribute__((weak)) struct boot_options boot_options;
struct cpu_features cpu_features = {.phys_bits = 40, .nx = true};
struct domain *dom0;
struct list domain_list;
u32 fake_work;
u32 fake_restarts, fake_cr3_writes, fake_invlpgs, fake_ipis;
u32 fake_bad_descriptor;

static struct domain *domains[MAX_FAKE_DOMAINS];
static u64 root_frame;
static u64 l2_entries[1 << 16]; // of the M2P, by 2 MiB

static void map_at(u64 base, u64 bytes)
{
	void *p = mmap((void *)base, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
		       -1, 0);

	if (p == MAP_FAILED)
		abort();
}

void fake_memory_init_map(const struct boot_info *bi)
{
	u64 end = bi->e820[bi->e820_count - 1].addr +
		  bi->e820[bi->e820_count - 1].size;

	for (u32 i = 0; i < MAX_FAKE_DOMAINS; i++) {
		free(domains[i]);
		domains[i] = NULL;
	}
	list_init(&domain_list);
	map_at(DIRECT_BASE, end);
	map_at(FRAMES_BASE,
	       ALIGN_UP(end / PAGE_SIZE * sizeof(struct frame), LARGE_PAGE));
	map_at(M2P_BASE, ALIGN_UP(end / PAGE_SIZE * sizeof(u64), LARGE_PAGE));
	memset(l2_entries, 0, sizeof(l2_entries));
	fake_cpus_init(2);
	cpu_of(1)->online = false;
	fake_cpus = 1;
	boot_info = *bi;
	tlb_clock = 1;
	ram_init(bi);
	early_init(bi);
	root_frame = virt_mfn(early_page()).n;
	frames_init();
	m2p_init();
	heap_init();
	kalloc_init();
	early_finish();
	fake_cr3_writes = fake_invlpgs = fake_ipis = 0;
	fake_bad_descriptor = fake_work = 0;
}

// Tests of grants have the real one.
__attribute__((weak)) void grant_mark_writers(const struct domain *d);
__attribute__((weak)) void grant_mark_writers(const struct domain *d)
{
}

void fake_memory_init(void)
{
	static const struct boot_info map = {
		.e820_count = 2,
		.e820 = {{0, 0x9f000, E820_RAM}, {MIB(1), MIB(16), E820_RAM}},
	};

	fake_memory_init_map(&map);
}

void fake_memory_init_small(void)
{
	static const struct boot_info map = {
		.e820_count = 1,
		.e820 = {{MIB(1), MIB(2), E820_RAM}},
	};

	fake_memory_init_map(&map);
}

// In use: the first MiB of the big range, and where hvmap_back says that the
// M2P is.
void bootinfo_free_ram(const struct boot_info *bi,
		       void (*fn)(maddr_t start, maddr_t end, void *arg),
		       void *arg)
{
	for (u32 i = 0; i < bi->e820_count; i++) {
		u64 start = max(bi->e820[i].addr, FAKE_FIRST << PAGE_SHIFT);
		u64 end = bi->e820[i].addr + bi->e820[i].size;

		if (bi->e820[i].type != E820_RAM || start >= end)
			continue;
		if (start < FAKE_M2P && end > FAKE_M2P) {
			fn(start, FAKE_M2P, arg);
			start = FAKE_M2P + LARGE_PAGE;
		}
		fn(start, end, arg);
	}
}

struct domain *fake_domain(domid_t id, u64 max_pages)
{
	struct domain *d = calloc(1, sizeof(*d) + sizeof(struct vcpu));
	struct vcpu *v = (struct vcpu *)(d + 1);

	d->id = id;
	d->privileged = id == 0;
	d->max_pages = max_pages;
	d->weakened = 2;
	d->max_vcpus = 1;
	d->vcpu[0] = v;
	d->shared = page_alloc();
	d->shared_mfn = virt_mfn(d->shared);
	v->domain = d;
	v->in_kernel = true;
	v->kernel_root = v->user_root = v->info_mfn = MFN_NONE;
	for (u32 i = 0; i < GDT_GUEST_PAGES; i++)
		v->gdt[i] = MFN_NONE;
	for (u32 i = 0; i < 16; i++)
		v->ldt[i] = MFN_NONE;
	list_add_tail(&domain_list, &d->link);
	domains[id] = d;
	return d;
}

struct domain *domain_find(domid_t id)
{
	return id < MAX_FAKE_DOMAINS ? domains[id] : NULL;
}

struct domain *domain_next(domid_t id)
{
	struct domain *found = NULL;
	struct list *l;

	list_for_each (l, &domain_list) {
		struct domain *d = list_entry(l, struct domain, link);

		if (d->id >= id && (!found || d->id < found->id))
			found = d;
	}
	return found;
}

struct domain *domain_target(struct domain *caller, domid_t id, int *err)
{
	struct domain *d = domain_find(id);

	if (id == DOMID_SELF || id == caller->id)
		return caller;
	*err = d ? -EPERM : -ESRCH;
	return caller->privileged ? d : NULL;
}

void (*fake_shares_looked)(const struct domain *d);

bool domain_shares_frame(const struct domain *d, mfn_t mfn)
{
	bool shares = mfn_eq(d->shared_mfn, mfn);

	if (fake_shares_looked)
		fake_shares_looked(d);
	return shares;
}

u64 fake_frame(struct domain *d)
{
	mfn_t mfn = domain_frames_alloc(d, 0, HEAP_ZERO);

	if (mfn_is_none(mfn))
		abort();
	return mfn.n;
}

u64 *fake_words(u64 mfn)
{
	return mfn_virt(MFN(mfn));
}

i64 fake_hypercall(struct vcpu *v, hypercall_fn *fn, u64 a, u64 b, u64 c, u64 d)
{
	struct hcall h = {.arg = {a, b, c, d}};
	i64 rc;

	fake_restarts = 0;
	for (;;) {
		cpu_this()->work = fake_work;
		h.restart = false;
		rc = fn(v, &h);
		if (cpu_this()->flush_due != FLUSH_WITH_ROOT)
			tlb_settle(FLUSH_BEFORE_WRITE); // the way out
		if (!h.restart)
			return rc;
		fake_restarts++;
	}
}

// ------------------------------------------------- what memory calls of others

void hvmap_back(u64 va, u64 bytes, void (*fn)(u64 va, maddr_t page))
{
	u64 end = ALIGN_UP(va + bytes, LARGE_PAGE);

	for (va = ALIGN_DOWN(va, LARGE_PAGE); va < end; va += LARGE_PAGE) {
		u64 *e;

		if (!fn) // the frame table: all there already
			continue;
		e = &l2_entries[(va - M2P_BASE) / LARGE_PAGE];
		if (*e & PTE_P)
			continue;
		// Where it says it is there is RAM; the table is elsewhere.
		*e = (FAKE_M2P + va - M2P_BASE) | PTE_P;
		fn(va, *e & PTE_ADDR);
	}
}

u64 *hvmap_entry(u64 va, u32 level)
{
	static u64 guests;

	if (level == 2 && va >= M2P_RW_BASE &&
	    l2_entries[(va - M2P_RW_BASE) / LARGE_PAGE])
		return &l2_entries[(va - M2P_RW_BASE) / LARGE_PAGE];
	return &guests;
}

mfn_t hv_root(void)
{
	return MFN(root_frame);
}

void l4_init_hv_slots(u64 *l4, bool open_gate)
{
	for (u32 i = 0; i < HV_NR_SLOTS; i++)
		l4[HV_FIRST_SLOT + i] = 0xabc000 | PTE_P;
}

bool descriptor_fix(u64 *desc)
{
	if (fake_bad_descriptor && --fake_bad_descriptor == 0)
		return false;
	if (*desc)
		*desc |= BIT(40);
	return true;
}

__attribute__((weak)) int descriptor_set_ldt(struct vcpu *v, gva_t base,
					     u32 entries)
{
	v->ldt_base = base;
	v->ldt_entries = entries;
	return entries > 8192 ? -EINVAL : 0;
}

bool rangeset_has(const struct rangeset *s, u64 first, u64 last)
{
	return s && first == last && first == (u64)s;
}

void apic_send_ipi(u32 apic_id, u8 vector)
{
	struct cpu *self = fake_cpu;

	fake_ipis++;
	fake_cpu = cpu_of(apic_id);
	tlb_flush_local();
	fake_cpu->flush_done = fake_cpu->flush_wanted;
	fake_cpu = self;
}

// Tests of what a TLB knows have one (tlb.h).
__attribute__((weak)) void fake_tlb_flush(void)
{
}

__attribute__((weak)) void fake_tlb_invlpg(u64 va)
{
	(void)va;
}

void fake_write_cr3(u64 value);
void fake_write_cr3(u64 value)
{
	fake_cr3_writes++;
	if (fake_cpu == cpu_of(0))
		fake_tlb_flush();
}

void fake_invlpg(u64 va);
void fake_invlpg(u64 va)
{
	fake_invlpgs++;
	fake_tlb_invlpg(va);
}

void log_guest(const struct domain *d, enum log_level level, const char *format,
	       ...)
{
}

_Noreturn void panic(const char *format, ...)
{
	fprintf(stderr, "panic: %s\n", format);
	abort();
}

_Noreturn void give_up(const char *format, ...)
{
	fprintf(stderr, "gave up: %s\n", format);
	abort();
}

void debug_key_register(char key, const char *what, void (*fn)(void))
{
}
