// SPDX-License-Identifier: MIT
// uses: src/cpu/descriptor.c tests/fake/core.c tests/fake/guest_cpu.c
//
// Which descriptors a guest may have, for every access byte and flag nibble;
// and the references and windows of whole tables.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "core.h"
#include "guest_cpu.h"
#include "hypercall/hypercall.h"
#include "mm/mm.h"

#define FRAMES 64

static u64 windows[32]; // page-table entries: GDT, LDT
static u32 held[FRAMES]; // descriptor references
static bool refuses[FRAMES];
static u64 l1e[16]; // what the guest has mapped at LDT_VA
#define LDT_VA 0x400000

u64 *percpu_pte(u64 va)
{
	return &windows[(va - percpu_base(0) - PERCPU_GDT) / PAGE_SIZE];
}

void percpu_map(u64 va, mfn_t mfn, u64 flags)
{
	*percpu_pte(va) = mfn_maddr(mfn) | flags;
}

int frame_get_type(mfn_t mfn, enum frame_type type, struct domain *d)
{
	assert_int_equal(type, TYPE_DESC);
	if (mfn.n >= FRAMES || refuses[mfn.n])
		return -EINVAL;
	held[mfn.n]++;
	return 0;
}

void frame_put_type(mfn_t mfn)
{
	assert_true(held[mfn.n]-- > 0);
}

u64 guest_walk_l1e(struct vcpu *v, gva_t va)
{
	return l1e[(va - LDT_VA) / PAGE_SIZE];
}

bool mfn_is_ram(mfn_t mfn)
{
	return false;
}

static u32 held_in_all(void)
{
	u32 sum = 0;

	for (u32 i = 0; i < FRAMES; i++)
		sum += held[i];
	return sum;
}

static int setup(void **state)
{
	fake_guest_init();
	memset(held, 0, sizeof(held));
	memset(refuses, 0, sizeof(refuses));
	memset(l1e, 0, sizeof(l1e));
	descriptor_init_windows(percpu_base(0));
	return 0;
}

static int setup_all(void **state)
{
	fake_cpus_init(1);
	return 0;
}

// ------------------------------------------------------------ one descriptor

static u64 make(u32 access, u32 flags)
{
	return 0x1200000056780000ull | 0xffff | (u64)access << 40 |
	       (u64)flags << 52 | 0xfull << 48;
}

static bool is_allowed(u32 access, u32 flags)
{
	bool present = access & 0x80, plain = access & 0x10;
	bool is_code = access & 8, is_long = flags & 2, big = flags & 4;

	return !present || (plain && !(is_code && is_long && big));
}

static void every_descriptor_is_judged_right(void **state)
{
	for (u32 access = 0; access < 256; access++)
		for (u32 flags = 0; flags < 16; flags++) {
			u64 before = make(access, flags), d = before;
			bool ok = descriptor_fix(&d);

			assert_int_equal(ok, is_allowed(access, flags));
			if (!ok || !(access & 0x80)) {
				assert_int_equal(d, before);
				continue;
			}
			// DPL 3, accessed, nothing else changed
			assert_int_equal(d >> 45 & 3, 3);
			assert_int_equal(d >> 40 & 1, 1);
			assert_int_equal((d ^ before) & ~0x0000610000000000ull,
					 0);
		}
}

static void fixing_twice_changes_nothing(void **state)
{
	for (u32 access = 0; access < 256; access++) {
		u64 once = make(access, 0xa), twice;

		if (!descriptor_fix(&once))
			continue;
		twice = once;
		assert_true(descriptor_fix(&twice));
		assert_int_equal(once, twice);
	}
}

// ------------------------------------------------------------------- tables

static void gdt_shows_its_pages_and_zeros(void **state)
{
	const mfn_t frames[2] = {MFN(5), MFN(6)};
	u64 empty = windows[0];

	assert_int_equal(descriptor_set_gdt(&guest.vcpu, frames, 513), 0);
	assert_int_equal(windows[0] & PTE_ADDR, 5 << 12);
	assert_int_equal(windows[1] & PTE_ADDR, 6 << 12);
	assert_int_equal(windows[0] & (PTE_RW | PTE_US | PTE_P), PTE_P);
	for (u32 i = 2; i < GDT_GUEST_PAGES; i++)
		assert_int_equal(windows[i], empty);
	assert_int_equal(held[5] + held[6], 2);
}

static void gdt_replaces_and_lets_go(void **state)
{
	const mfn_t a[1] = {MFN(5)}, b[1] = {MFN(7)};

	assert_int_equal(descriptor_set_gdt(&guest.vcpu, a, 16), 0);
	assert_int_equal(descriptor_set_gdt(&guest.vcpu, b, 16), 0);
	assert_int_equal(held[5], 0);
	assert_int_equal(held[7], 1);
	descriptor_clear_gdt(&guest.vcpu);
	assert_int_equal(held_in_all(), 0);
	assert_int_equal(guest.vcpu.gdt_entries, 0);
}

static void gdt_is_all_or_nothing(void **state)
{
	const mfn_t good[1] = {MFN(5)};
	const mfn_t bad[3] = {MFN(6), MFN(7), MFN(8)};
	u64 before;

	assert_int_equal(descriptor_set_gdt(&guest.vcpu, good, 16), 0);
	before = windows[0];
	refuses[8] = true;
	assert_int_not_equal(descriptor_set_gdt(&guest.vcpu, bad, 1025), 0);
	assert_int_equal(held_in_all(), 1);
	assert_int_equal(windows[0], before);
	assert_int_equal(descriptor_set_gdt(&guest.vcpu, bad, 7169), -EINVAL);
}

static void ldt_leaves_out_pages_it_cannot_have(void **state)
{
	u64 empty = windows[16];

	l1e[0] = 9 << 12 | PTE_P;
	l1e[2] = 10 << 12 | PTE_P;
	refuses[10] = true;
	assert_int_equal(descriptor_set_ldt(&guest.vcpu, LDT_VA, 1536), 0);
	assert_int_equal(windows[16] & PTE_ADDR, 9 << 12);
	assert_int_equal(windows[17], empty);
	assert_int_equal(windows[18], empty);
	assert_int_equal(guest.cpu.ldt_entries, 1536);
	assert_int_equal(descriptor_set_ldt(&guest.vcpu, 0, 0), 0);
	assert_int_equal(held_in_all(), 0);
	assert_int_equal(guest.cpu.ldt_entries, 0);
}

static void ldt_refuses_bad_places(void **state)
{
	assert_int_equal(descriptor_set_ldt(&guest.vcpu, LDT_VA + 8, 1),
			 -EINVAL);
	assert_int_equal(descriptor_set_ldt(&guest.vcpu, LDT_VA, 8193),
			 -EINVAL);
	assert_int_equal(descriptor_set_ldt(&guest.vcpu, HV_START, 1), -EINVAL);
	assert_int_equal(
		descriptor_set_ldt(&guest.vcpu, HV_START - PAGE_SIZE, 513),
		-EINVAL);
}

static void update_refuses_what_is_no_descriptor(void **state)
{
	struct hcall h = {.arg = {4, 0}};

	assert_int_equal(hc_update_descriptor(&guest.vcpu, &h), -EINVAL);
	h.arg[0] = 8;
	h.arg[1] = make(0x89, 0); // a TSS
	assert_int_equal(hc_update_descriptor(&guest.vcpu, &h), -EINVAL);
	h.arg[1] = make(0x93, 0xc); // fine, but not RAM
	assert_int_equal(hc_update_descriptor(&guest.vcpu, &h), -EINVAL);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_descriptor_is_judged_right),
		T(fixing_twice_changes_nothing),
		T(gdt_shows_its_pages_and_zeros),
		T(gdt_replaces_and_lets_go),
		T(gdt_is_all_or_nothing),
		T(ldt_leaves_out_pages_it_cannot_have),
		T(ldt_refuses_bad_places),
		T(update_refuses_what_is_no_descriptor),
	};

	return cmocka_run_group_tests(tests, setup_all, NULL);
}
