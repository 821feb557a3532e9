// SPDX-License-Identifier: MIT
// uses: src/mm/ram.c src/mm/early.c src/mm/frame.c src/mm/heap.c
// uses: src/mm/kalloc.c src/mm/m2p.c src/mm/tlb.c src/mm/fresh.c src/mm/domain_frames.c
// uses: src/mm/iomem.c src/mm/type.c src/mm/table.c src/mm/entry.c
// uses: src/mm/change.c src/mm/undo.c src/mm/foreign.c src/mm/walk.c
// uses: src/mm/flush.c src/mm/mmu_update.c src/mm/va_update.c
// uses: src/mm/mmuext_op.c src/mm/relinquish.c src/mm/audit.c
// uses: src/mm/root.c src/mm/mirror.c src/gate/closed.c src/gate/adaptive.c
// uses: src/mm/dirty.c src/mm/shadow.c src/mm/claim.c
// uses: tests/fake/core.c tests/fake/memory.c tests/fake/space.c
//
// What is mapped while a guest runs behind a closed gate: its tables are walked,
// and what they show of the hypervisor's slots is exactly the list below. And
// that the copies stay in step with what they are copies of, and which guests
// do not get through.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/cpu.h"
#include "gate/closed.h"
#include "mm/tlb.h"
#include "space.h"

#define UPPER 300
#define HANDLER 0xffffffff81000000ull
#define STACK 0xffffc90000004000ull
#define BLOCK_PAGES (PERCPU_SIZE / PAGE_SIZE)
#define M2P_ENTRY (0x123000 | PTE_P | PTE_RW | PTE_A)

// What the assembly files have.
_Alignas(4096) const char closed_text_start[8192];
const char closed_leave[1], closed_enter[1], closed_syscall[1],
	closed_syscall32[1], closed_sysenter[1], closed_trap_stubs[1],
	closed_irq_stubs[1], closed_nmi[1], closed_machine_check[1],
	closed_double_fault[1], closed_debug[1], trap_common[1], irq_common[1],
	ist_common[1];

static u64 ptes[2 * BLOCK_PAGES]; // the hypervisor's, of two processors
static struct domain *d;
static struct fake_space s;
static u64 user; // agrees with s.l4
static struct regs frame;
static struct trap_info traps[256];
static struct vcpu_info *info;
static bool info_present;
static jmp_buf left;

struct idt_gate;
struct idt_entries;
struct syscall_entries;
void idt_fill(struct idt_gate *table, const struct idt_entries *e);
void syscall_entries_load(const struct syscall_entries *e);
void entries_load(struct cpu *c);
no_return void closed_go(struct regs *r, u64 leave);

u64 *percpu_pte(u64 va)
{
	return &ptes[(va - PERCPU_BASE) / PAGE_SIZE];
}

void percpu_map(u64 va, mfn_t mfn, u64 flags)
{
	*percpu_pte(va) = mfn_maddr(mfn) | flags;
}

no_return void closed_go(struct regs *r, u64 leave)
{
	longjmp(left, 1);
}

bool guest_range_ok(gva_t va, u64 bytes)
{
	return va + bytes >= va && (va + bytes <= HV_START || va >= HV_END);
}

bool gate_asked_for(void)
{
	return true;
}

bool vcpu_info_present(const struct vcpu *v)
{
	return info_present;
}

void idt_fill(struct idt_gate *table, const struct idt_entries *e)
{
}

void syscall_entries_load(const struct syscall_entries *e)
{
}

void entries_load(struct cpu *c)
{
}

void bounce_trap(struct vcpu *v, struct regs *r, u8 vector, u32 error)
{
}

void nmi_entry(struct regs *r)
{
}

void trap_entry(struct regs *r)
{
}

void irq_entry(struct regs *r)
{
}

void syscall_entry(struct regs *r)
{
}

static void fill_block(u32 cpu)
{
	// Anything that is not for guests, where they could find it.
	for (u32 i = 0; i < BLOCK_PAGES; i++)
		ptes[cpu * BLOCK_PAGES + i] =
			(u64)(0x700 + cpu * 0x80 + i) << PAGE_SHIFT | HV_DATA;
	cpu_of(cpu)->mirrors = NULL;
	cpu_of(cpu)->closed = false;
	gate_init_cpu(cpu_of(cpu));
}

static int start(void **state)
{
	fake_memory_init();
	fake_words(hv_root().n)[256] = M2P_ENTRY | PTE_US;
	for (u32 i = 257; i < 272; i++)
		fake_words(hv_root().n)[i] = 0x456000 | HV_TABLE;
	d = fake_domain(1, 1000);
	d->gate = GATE_ALWAYS;
	s = fake_space(d);
	user = fake_space_enter(&s);
	fill_block(0);
	fill_block(1);
	info_present = true;
	info = (struct vcpu_info *)((char *)d->shared + 64);
	s.v->info = info;
	s.v->traps = traps;
	traps[VEC_PF].address = HANDLER;
	s.v->syscall.rip = HANDLER + 64;
	s.v->kernel_sp = STACK;
	frame = (struct regs){
		.rip = HANDLER, .cs = SEL_USER_CS64, .ss = SEL_USER_SS};
	cpu_this()->loaded = cpu_this()->curr = s.v;
	return 0;
}

static int teardown(void **state)
{
	fake_cpu = cpu_of(0);
	fake_cpus = 1;
	assert_int_equal(mm_audit(), 0);
	return 0;
}

// The frame of the root on which the guest left, 0: it left in classic mode.
static u64 leave(void)
{
	if (!setjmp(left)) {
		gate_leave(s.v, &frame);
		assert_false(s.v->closed);
		assert_true(d->gate == GATE_ADAPTIVE || !cpu_this()->closed);
		return 0;
	}
	assert_true(cpu_this()->closed);
	assert_int_equal(cpu_this()->cr3, gate_ro(cpu_this()->id)->full_cr3);
	if (!mirror_shares(cpu_this()))
		assert_int_equal(cpu_this()->cr3, mfn_maddr(s.v->kernel_root));
	return gate_ro(cpu_this()->id)->guest_cr3 >> PAGE_SHIFT;
}

static bool leave_for_gate(void)
{
	return leave() != 0;
}

// ------------------------------------------------------------------- the walk

struct page {
	u64 va, entry;
};
static struct page found[256];
static u32 nr_found;

static void walk(u64 table, u32 level, u64 va)
{
	for (u32 i = 0; i < ENTRIES; i++) {
		u64 e = fake_words(table)[i];
		u64 at = va | (u64)i << (12 + 9 * (level - 1));

		if (!e)
			continue;
		assert_true(e & PTE_P);
		assert_false(e & PTE_US);
		if (level > 1) {
			walk(e >> PAGE_SHIFT & 0xffffffffff, level - 1, at);
			continue;
		}
		assert_true(nr_found < ARRAY_SIZE(found));
		found[nr_found++] = (struct page){at, e};
	}
}

static void expect_page(u64 va, u64 entry)
{
	for (u32 i = 0; i < nr_found; i++) {
		if (found[i].va != va)
			continue;
		assert_int_equal(found[i].entry, entry);
		found[i].va = 0;
		return;
	}
	fail_msg("page %lx is not there", va);
}

static void expect_pages(u64 base, u32 at, u32 pages, u64 flags)
{
	for (u32 i = 0; i < pages; i++) {
		u64 va = base + at + i * PAGE_SIZE;

		expect_page(va, (*percpu_pte(va) & PTE_ADDR) | flags);
	}
}

static void expect_gate_of(u32 cpu, u64 root)
{
	const u64 rx = PTE_P | PTE_A, r = PTE_P | PTE_A | PTE_NX;
	const u64 rw = r | PTE_RW | PTE_D;
	u64 base = percpu_base(cpu);
	u64 slot = fake_words(root)[257];

	for (u32 i = 258; i < 272; i++)
		assert_int_equal(fake_words(root)[i], 0);
	assert_int_equal(fake_words(root)[256], M2P_ENTRY);
	assert_false(slot & PTE_US);
	nr_found = 0;
	walk(slot >> PAGE_SHIFT & 0xffffffffff, 3,
	     PERCPU_BASE & ~((1ull << 39) - 1));
	expect_pages(base, 0x19000, 2, rx); // text
	expect_pages(base, 0x1b000, 1, r); // what it reads, and the TSS
	expect_pages(base, 0x1c000, 1, rw); // scratch and stacks
	expect_page(base + 0x1d000, (virt_maddr(info) & PTE_ADDR) | rw);
	expect_pages(base, 0x1e000, 1, r); // IDT
	expect_pages(base, 0x20000, 15, r); // GDT
	expect_pages(base, 0x30000, 16, r); // LDT
	for (u32 i = 0; i < nr_found; i++)
		assert_int_equal(found[i].va, 0);
}

static void shows_its_pages_and_no_more(void **state)
{
	u64 root = leave();

	assert_int_not_equal(root, 0);
	expect_gate_of(0, root);
	assert_int_equal(gate_ro(0)->info, percpu_base(0) + 0x1d040);
	assert_int_equal(frame.cs, SEL_RING1_CS);
	assert_int_equal(frame.ss, SEL_RING1_SS);
}

static void each_processor_shows_its_own(void **state)
{
	u64 root = leave();

	fake_cpus = 2;
	fake_cpu = cpu_of(1);
	fake_cpu->loaded = fake_cpu->curr = s.v;
	assert_int_not_equal(leave(), root);
	expect_gate_of(1, gate_ro(1)->guest_cr3 >> PAGE_SHIFT);
	expect_gate_of(0, root);
}

static void windows_are_shown(void **state)
{
	u64 va = percpu_base(0) + PERCPU_GDT;

	percpu_map(va, MFN(0x999), HV_RODATA);
	mirror_show(cpu_of(0), va, *percpu_pte(va));
	expect_gate_of(0, leave());
}

// --------------------------------------------------------------------- in step

static void same_as(u64 root, u64 original)
{
	for (u32 i = 0; i < ENTRIES; i++) {
		u64 e = fake_words(original)[i];

		if (i - 256 >= 16)
			assert_int_equal(fake_words(root)[i],
					 !(e & PTE_P) ? 0
					 : i < 256    ? e
						      : e & ~(u64)PTE_US);
	}
}

static void entries_follow(void **state)
{
	u64 e = entry_of(s.l3, E_RW), root = leave(), other;

	fake_cpus = 2;
	fake_cpu = cpu_of(1);
	fake_cpu->loaded = fake_cpu->curr = s.v;
	other = leave();
	same_as(root, s.l4);
	assert_int_equal(fake_update(s.v, s.l4, UPPER, e), 0);
	assert_int_equal(fake_words(s.l4)[UPPER], e);
	same_as(root, s.l4);
	assert_int_equal(fake_update(s.v, s.l4, 9, e), 0);
	same_as(root, s.l4);
	same_as(other, s.l4);
	assert_int_equal(fake_update(s.v, s.l4, UPPER, 0), 0);
	assert_int_equal(fake_update(s.v, s.l4, 9, 0), 0);
	assert_int_equal(fake_words(root)[UPPER], 0);
	same_as(root, s.l4);
	same_as(other, s.l4);
}

// More than there are mirrors, each with something of its own.
static void many_roots(void **state)
{
	u64 l4[20], e = entry_of(s.l3, E_RW);

	for (u32 i = 0; i < 20; i++) {
		l4[i] = fake_space_l4(&s, fake_words(s.l4)[0]);
		assert_int_equal(fake_update(s.v, l4[i], UPPER + i, e), 0);
	}
	for (u32 i = 0; i < 100; i++) {
		u64 now = l4[i * 7 % 20];

		fake_space_load(&s, MMUEXT_NEW_BASEPTR, now);
		same_as(leave(), now);
		assert_int_equal(fake_update(s.v, now, UPPER + 20 + i % 3,
					     i % 2 ? e : 0),
				 0);
		same_as(gate_ro(0)->guest_cr3 >> PAGE_SHIFT, now);
	}
}

static void a_table_that_went_is_forgotten(void **state)
{
	u64 l4 = fake_space_l4(&s, fake_words(s.l4)[0]), root;

	fake_space_load(&s, MMUEXT_NEW_BASEPTR, l4);
	root = leave();
	fake_space_load(&s, MMUEXT_NEW_BASEPTR, s.l4);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_UNPIN_TABLE, l4, 0), 0);
	fake_words(l4)[UPPER] = entry_of(s.l3, E_RW);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_PIN_L4_TABLE, l4, 0), 0);
	fake_space_load(&s, MMUEXT_NEW_BASEPTR, l4);
	root = leave();
	same_as(root, l4);
}

// ----------------------------------------------------------- who gets through

static void a_table_that_maps_itself(void **state)
{
	u64 self = entry_of(s.l4, E_RO), root = leave();

	assert_int_equal(fake_update(s.v, s.l4, UPPER, self), 0);
	assert_int_equal(fake_words(root)[UPPER], 0);
	assert_int_equal(leave(), 0);
	assert_int_equal(frame.cs, SEL_USER_CS64);
	assert_int_equal(fake_update(s.v, s.l4, UPPER, 0), 0);
}

static void programs_with_other_tables(void **state)
{
	u64 e = entry_of(s.l3, E_RW);

	assert_int_not_equal(leave(), 0);
	assert_int_equal(fake_update(s.v, user, 7, e), 0);
	assert_int_equal(leave(), 0);
	assert_int_equal(fake_update(s.v, s.l4, 7, e), 0);
	assert_int_not_equal(leave(), 0);
	fake_space_load(&s, MMUEXT_NEW_USER_BASEPTR, 0);
	assert_int_not_equal(leave(), 0);
	assert_false(gate_ro(0)->users_ok);
}

static void low_and_unregistered(void **state)
{
	frame.rip = 0x400000;
	assert_int_equal(leave(), 0);
	frame.rip = HANDLER;
	info_present = false;
	assert_int_equal(leave(), 0);
	info_present = true;
	assert_int_not_equal(leave(), 0);
}

// Whatever the guest did to the word that says which of its modes runs.
static void ring_1_does_not_leave(void **state)
{
	assert_int_not_equal(leave(), 0);
	s.v->in_kernel = false;
	info_present = false;
	frame.cs = SEL_RING1_CS;
	frame.ss = SEL_RING1_SS;
	assert_int_equal(leave(), 0);
	assert_int_equal(frame.cs & 3, 3);
	assert_int_equal(frame.ss & 3, 3);
	s.v->in_kernel = true;
	frame.cs = SEL_RING1_CS;
	frame.ss = SEL_RING1_SS;
	assert_int_equal(leave(), 0);
	assert_int_equal(frame.cs, SEL_USER_CS64);
	assert_int_equal(frame.ss, SEL_USER_SS);
}

static void handlers_that_need_help(void **state)
{
	leave();
	assert_int_equal(gate_ro(0)->syscall_rip, HANDLER + 64);
	assert_int_equal(gate_ro(0)->fault_rip, HANDLER);
	s.v->syscall.rip = 0;
	traps[VEC_PF].address = 0x400000;
	leave();
	assert_int_equal(gate_ro(0)->syscall_rip, 0);
	assert_int_equal(gate_ro(0)->fault_rip, 0);
}

// The kernel has come by the gate, and makes a hypercall.
static void asks(void)
{
	gate_rw(0)->in_kernel = 1;
	frame.cs = SEL_RING1_CS;
	frame.ss = SEL_RING1_SS;
	frame.vector = VEC_SYSCALL;
	gate_entered(&frame);
}

// ----------------------------------------------------- what is done without us

static void a_task_switch_is_noticed(void **state)
{
	struct gate_rw *w = gate_rw(0);

	assert_int_not_equal(leave(), 0);
	assert_true(gate_ro(0)->tasks_ok);
	assert_int_equal(w->kernel_sp, STACK);
	w->kernel_ss = 0x18;
	w->kernel_sp = STACK + 0x4000;
	w->stack_switches = 2;
	w->segment_bases = 3;
	s.v->hypercalls = 0;
	gate_entered(&frame);
	assert_int_equal(s.v->kernel_ss, 0x18);
	assert_int_equal(s.v->kernel_sp, STACK + 0x4000);
	assert_int_equal(s.v->hypercalls, 5);
	assert_int_equal(s.v->count[CNT_HYPERCALL + __HYPERVISOR_stack_switch],
			 2);
	assert_int_equal(
		s.v->count[CNT_HYPERCALL + __HYPERVISOR_set_segment_base], 3);
	s.v->kernel_sp = STACK; // C's own stack_switch
	assert_int_not_equal(leave(), 0);
	assert_int_equal(w->kernel_sp, STACK);
	gate_entered(&frame);
	assert_int_equal(s.v->hypercalls, 5);
}

// ----------------------------------------- a root that the way out will load

// Behind the gate the kernel has asked for another root, which maps the lower
// half likewise, and one more slot.
static u64 ask_for_root(void)
{
	u64 next = fake_space_l4(&s, fake_words(s.l4)[0]);
	u64 e = entry_of(s.l3, E_RW);

	assert_int_equal(fake_update(s.v, next, UPPER, e), 0);
	assert_int_not_equal(leave(), 0);
	asks();
	fake_cr3_writes = fake_ipis = fake_invlpgs = 0;
	fake_space_load(&s, MMUEXT_NEW_BASEPTR, next);
	assert_int_equal(fake_cr3_writes, 0);
	assert_int_equal(cpu_this()->left_root, s.l4 << PAGE_SHIFT);
	assert_int_not_equal(cpu_this()->cr3 >> PAGE_SHIFT, s.l4);
	return next;
}

static void back_to_the_first(void)
{
	fake_space_load(&s, MMUEXT_NEW_BASEPTR, s.l4);
	tlb_settle(FLUSH_BEFORE_WRITE);
}

// Was CR3 written, and for the next root?
static void expect_loaded(u32 writes)
{
	assert_int_equal(fake_cr3_writes, writes);
	assert_int_equal(cpu_this()->flush_due, writes ? 0 : FLUSH_WITH_ROOT);
	assert_int_equal(cpu_this()->left_root,
			 writes ? 0 : s.l4 << PAGE_SHIFT);
	assert_int_equal(cpu_this()->cr3, mfn_maddr(root_full(s.v)));
}

static void the_way_out_loads_it(void **state)
{
	u64 next = ask_for_root();

	expect_loaded(0);
	same_as(leave(), next);
	assert_int_equal(fake_cr3_writes, 0);
	assert_int_equal(cpu_this()->flush_due, 0);
	assert_int_equal(cpu_this()->left_root, s.l4 << PAGE_SHIFT);
	asks(); // CR3 was written twice since
	assert_int_equal(cpu_this()->left_root, 0);
	back_to_the_first();
}

static void so_does_a_way_out_in_classic_mode(void **state)
{
	ask_for_root();
	info_present = false;
	assert_int_equal(leave(), 0);
	expect_loaded(1);
	back_to_the_first();
}

static u64 in_slot(u64 slot)
{
	return slot << 39 | (slot < 256 ? 0 : 0xffffull << 48);
}

static void memory_that_both_roots_map(void **state)
{
	ask_for_root();
	tlb_settle_at(FLUSH_BEFORE_READ, in_slot(0), 8);
	tlb_settle_at(FLUSH_BEFORE_WRITE, in_slot(1) - 8, 8);
	tlb_settle_at(FLUSH_BEFORE_WRITE, in_slot(UPPER + 1), PAGE_SIZE);
	expect_loaded(0);
	tlb_settle_at(FLUSH_BEFORE_READ, in_slot(UPPER) + 8, 8);
	expect_loaded(1);
	back_to_the_first();
}

static void memory_at_the_border_of_two_slots(void **state)
{
	ask_for_root();
	tlb_settle_at(FLUSH_BEFORE_WRITE, in_slot(1) - 4, 8);
	expect_loaded(1);
	back_to_the_first();
}

static void flushes_load_it(void **state)
{
	ask_for_root();
	tlb_invlpg_local(0x1000); // of the translations that are used still
	assert_int_equal(fake_invlpgs, 1);
	expect_loaded(0);
	tlb_flush_later(FLUSH_BEFORE_WRITE);
	expect_loaded(1);
	fake_space_load(&s, MMUEXT_NEW_BASEPTR, s.l4);
	tlb_flush_local();
	assert_int_equal(cpu_this()->left_root, 0);
	tlb_flush_later(FLUSH_BEFORE_WRITE);
	s.v->closed = true;
	fake_cr3_writes = 0;
	root_next(s.v, MFN(s.l4)); // with the flush that is due
	assert_int_equal(fake_cr3_writes, 1);
	assert_int_equal(cpu_this()->flush_due, 0);
}

// The root that CR3 holds still ends, by its own vCPU or by another.
static void the_root_before_ends(void **state)
{
	u64 first = s.l4, next = ask_for_root();

	assert_int_equal(fake_mmuext(s.v, MMUEXT_UNPIN_TABLE, first, 0), 0);
	expect_loaded(1);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_PIN_L4_TABLE, first, 0), 0);
	fake_space_load(&s, MMUEXT_NEW_BASEPTR, first);
	assert_int_equal(cpu_this()->left_root, next << PAGE_SHIFT);
	tlb_flush_local();

	s.l4 = first;
	next = ask_for_root();
	fake_cpus = 2;
	fake_cpu = cpu_of(1);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_UNPIN_TABLE, first, 0), 0);
	assert_int_equal(fake_ipis, 1);
	fake_cpu = cpu_of(0);
	expect_loaded(1);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_PIN_L4_TABLE, first, 0), 0);
	back_to_the_first();
}

static void another_root_at_once(void **state)
{
	ask_for_root();
	fake_space_load(&s, MMUEXT_NEW_BASEPTR, s.l4);
	assert_int_equal(fake_cr3_writes, 1);
	assert_int_equal(cpu_this()->left_root, 0);
	assert_int_equal(cpu_this()->flush_due, 0);
}

// ------------------------------------------------------------------- adaptive

static void programs_and_kernel_until_it_asks(void **state)
{
	d->gate = GATE_ADAPTIVE;
	assert_int_equal(leave(), 0);
	assert_false(cpu_this()->closed);
	for (u32 i = 0; i < 3; i++) {
		s.v->in_kernel = false;
		frame.cs = SEL_USER_CS64;
		assert_int_not_equal(leave(), 0);
		assert_true(gate_ro(0)->iret_ok);

		// A system call, and from ring 1 a hypercall.
		fake_cr3_writes = 0;
		asks();
		for (u32 k = 0; k < 3; k++) {
			assert_int_equal(leave(), 0);
			assert_true(cpu_this()->closed);
			assert_false(gate_ro(0)->iret_ok);
			assert_false(gate_ro(0)->tasks_ok);
			assert_int_equal(gate_rw(0)->kernel_sp, STACK);
			assert_int_equal(frame.cs, SEL_USER_CS64);
			assert_int_equal(frame.ss, SEL_USER_SS);
			gate_entered(&frame);
			assert_true(s.v->in_kernel);
		}
		assert_int_equal(fake_cr3_writes, 0);
	}
}

// Behind the gate it goes on when the roots of another program are loaded.
static void a_task_switch(void **state)
{
	d->gate = GATE_ADAPTIVE;
	s.v->in_kernel = false;
	frame.cs = SEL_USER_CS64;
	assert_int_not_equal(leave(), 0);
	asks();
	fake_space_load(&s, MMUEXT_NEW_BASEPTR, s.l4);
	assert_int_not_equal(leave(), 0);
	assert_int_equal(frame.cs, SEL_RING1_CS);
	assert_int_equal(frame.ss, SEL_RING1_SS);
	gate_rw(0)->in_kernel = 1;
	gate_entered(&frame);
	assert_int_equal(leave(), 0); // once
	fake_space_load(&s, MMUEXT_NEW_USER_BASEPTR, 0);
	fake_space_load(&s, MMUEXT_NEW_BASEPTR, s.l4);
	assert_int_equal(leave(), 0); // no program
}

// ---------------------------------------------- programs with kernels in need

// A program entered its kernel so often, without us.
static void by_gate(u32 entries)
{
	gate_rw(0)->syscalls = entries;
	gate_rw(0)->in_kernel = 0;
	frame.cs = SEL_USER_CS64;
	frame.ss = SEL_USER_SS;
	frame.vector = 48;
	gate_entered(&frame);
}

// It went to its kernel and is back; the kernel made `calls` hypercalls beside
// the iret.
static void by_us(u32 calls)
{
	s.v->traps_seen++;
	s.v->hypercalls += calls + 1;
	s.v->count[CNT_HYPERCALL + __HYPERVISOR_iret]++;
	s.v->in_kernel = false;
}

static void a_kernel_that_needs_us(void **state)
{
	u64 shared;

	assert_true(mirror_init(cpu_of(0), MIRROR_SHARED));
	d->gate = GATE_ADAPTIVE;
	s.v->in_kernel = false;
	assert_true(leave_for_gate());
	by_us(1);
	assert_true(leave_for_gate());
	by_us(2);
	assert_int_equal(leave(), 0);
	shared = cpu_this()->cr3;
	assert_int_not_equal(shared, mfn_maddr(s.v->kernel_root));
	assert_false(cpu_this()->closed);
	by_us(0);
	assert_true(leave_for_gate());
	by_us(1);
	by_us(1); // two entries, of which one may have needed nothing
	assert_true(leave_for_gate());
	by_us(7);
	by_us(1);
	s.v->count[CNT_PTWR]++;
	assert_true(leave_for_gate());
	by_us(1);
	assert_int_equal(leave(), 0);
	// Calls that the gate can do are no help, an emulated write is.
	by_us(1);
	s.v->count[CNT_HYPERCALL + __HYPERVISOR_stack_switch]++;
	assert_true(leave_for_gate());
	by_us(0);
	s.v->count[CNT_PTWR]++;
	assert_int_equal(leave(), 0);
	assert_int_equal(cpu_this()->cr3, shared);
	// What came by the gate needed none, however often that was.
	d->gate = GATE_ALWAYS;
	assert_true(leave_for_gate());
	d->gate = GATE_ADAPTIVE;
	by_gate(~0u);
	assert_true(leave_for_gate());
	assert_int_equal(s.v->help_score, 0);
}

// The hypervisor works on the shared root, for its kernel may stay there.
static void the_full_root_is_shared(void **state)
{
	u64 full;

	assert_true(mirror_init(cpu_of(0), MIRROR_SHARED));
	d->gate = GATE_ADAPTIVE;
	s.v->in_kernel = false;
	assert_true(leave_for_gate());
	full = gate_ro(0)->full_cr3;
	assert_int_not_equal(full, mfn_maddr(s.v->kernel_root));
	fake_cr3_writes = 0;
	asks();
	assert_int_equal(leave(), 0);
	assert_int_equal(cpu_this()->cr3, full);
	assert_int_equal(fake_cr3_writes, 0);
}

static bool kernel_slot_has_u(void)
{
	return fake_words(cpu_this()->cr3 >> PAGE_SHIFT)[UPPER] & PTE_US;
}

// Behind the gate nobody runs on it, so U may stay; a program in classic mode
// would, so there it goes, with a CR3 write.
static void u_goes_when_a_program_would_have_it(void **state)
{
	u64 full, e = entry_of(s.l3, E_RW);

	assert_int_equal(fake_update(s.v, s.l4, UPPER, e), 0);
	assert_true(mirror_init(cpu_of(0), MIRROR_SHARED));
	d->gate = GATE_ADAPTIVE;
	s.v->in_kernel = false;
	assert_true(leave_for_gate());
	full = cpu_this()->cr3;
	asks();
	assert_int_equal(leave(), 0);
	assert_false(kernel_slot_has_u());
	assert_true(mirror_give((u64)UPPER << 39 | 0xffffull << 48));
	assert_true(kernel_slot_has_u());
	by_us(0);
	assert_true(leave_for_gate());
	assert_int_equal(cpu_this()->cr3, full);
	assert_true(kernel_slot_has_u());
	by_us(1);
	assert_true(leave_for_gate());
	by_us(1);
	fake_cr3_writes = 0;
	assert_int_equal(leave(), 0);
	assert_int_equal(cpu_this()->cr3, full);
	assert_false(kernel_slot_has_u());
	assert_int_equal(fake_cr3_writes, 1);
	assert_int_equal(fake_update(s.v, s.l4, UPPER, 0), 0);
}

// Whoever runs next finds the entries that he needs.
static void entries_go_with_the_domain(void **state)
{
	d->gate = GATE_ADAPTIVE;
	s.v->in_kernel = false;
	leave();
	s.v->in_kernel = true;
	leave();
	assert_true(cpu_this()->closed);
	d->gate = GATE_CLASSIC;
	leave();
	assert_false(cpu_this()->closed);
}

static void flips(void **state)
{
	d->gate = GATE_FLIP;
	for (u32 i = 0; i < 5; i++) {
		assert_int_not_equal(leave(), 0);
		assert_int_equal(leave(), 0);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, teardown)
	const struct CMUnitTest tests[] = {
		TEST(shows_its_pages_and_no_more),
		TEST(each_processor_shows_its_own),
		TEST(windows_are_shown),
		TEST(entries_follow),
		TEST(many_roots),
		TEST(a_table_that_went_is_forgotten),
		TEST(a_table_that_maps_itself),
		TEST(programs_with_other_tables),
		TEST(low_and_unregistered),
		TEST(ring_1_does_not_leave),
		TEST(handlers_that_need_help),
		TEST(a_task_switch_is_noticed),
		TEST(the_way_out_loads_it),
		TEST(so_does_a_way_out_in_classic_mode),
		TEST(memory_that_both_roots_map),
		TEST(memory_at_the_border_of_two_slots),
		TEST(flushes_load_it),
		TEST(the_root_before_ends),
		TEST(another_root_at_once),
		TEST(programs_and_kernel_until_it_asks),
		TEST(a_task_switch),
		TEST(a_kernel_that_needs_us),
		TEST(the_full_root_is_shared),
		TEST(u_goes_when_a_program_would_have_it),
		TEST(entries_go_with_the_domain),
		TEST(flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
