// SPDX-License-Identifier: MIT
// uses: src/cpu/bounce.c src/cpu/iret.c tests/fake/core.c tests/fake/guest_cpu.c
//
// Frames pushed on guest kernels' stacks word by word, the context that the
// handler starts in, and the way back by the iret hypercall.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core.h"
#include "guest_cpu.h"
#include "hypercall/hypercall.h"

#define HANDLER 0xffffffff81000000ull
#define WORDS ARRAY_SIZE(guest.stack)

static struct regs user_regs(void)
{
	return (struct regs){
		.rcx = 0xc,
		.r11 = 0xb,
		.rip = 0x401000,
		.cs = 0x33,
		.rflags = 0x246 | RFLAGS_DF | RFLAGS_TF,
		.rsp = 0x7ffe0000,
		.ss = 0x2b,
		.vector = VEC_SYSCALL,
	};
}

static int setup(void **state)
{
	fake_guest_init();
	guest.traps[VEC_GP] = (struct trap_info){.address = HANDLER};
	guest.traps[VEC_PF] =
		(struct trap_info){.address = HANDLER, .flags = 4};
	guest.vcpu.event = (struct callback){HANDLER, true};
	guest.vcpu.failsafe = (struct callback){HANDLER, false};
	guest.vcpu.syscall = (struct callback){HANDLER, false};
	return 0;
}

static void frame_has_the_words_in_order(void **state)
{
	struct regs r = user_regs();
	struct bounce_source s = {.has_error = true, .error = 0x1234};
	u64 w[BOUNCE_WORDS];

	assert_int_equal(bounce_frame(w, &r, &s), 8);
	assert_int_equal(w[0], 0xc);
	assert_int_equal(w[1], 0xb);
	assert_int_equal(w[2], 0x1234);
	assert_int_equal(w[3], 0x401000);
	assert_int_equal(w[4], 0x33);
	assert_int_equal(w[5], r.rflags);
	assert_int_equal(w[6], 0x7ffe0000);
	assert_int_equal(w[7], 0x2b);
}

static void frame_without_error_code_is_a_word_shorter(void **state)
{
	struct regs r = user_regs();
	struct bounce_source s = {0};
	u64 w[BOUNCE_WORDS];

	assert_int_equal(bounce_frame(w, &r, &s), 7);
	assert_int_equal(w[2], 0x401000);
}

static void failsafe_frame_holds_the_selectors(void **state)
{
	static const u16 sel[4] = {1, 2, 3, 4};
	struct regs r = user_regs();
	struct bounce_source s = {.selectors = sel};
	u64 w[BOUNCE_WORDS];

	assert_int_equal(bounce_frame(w, &r, &s), 11);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(w[2 + i], sel[i]);
	assert_int_equal(w[6], 0x401000);
}

static void frame_of_the_kernel_shows_ring_0_and_the_mask(void **state)
{
	struct regs r = user_regs();
	struct bounce_source s = {.from_kernel = true, .saved_mask = 1};
	u64 w[BOUNCE_WORDS];

	r.cs = SEL_USER_CS64;
	r.rflags = 0x3246; // a guest never has IOPL, and must not see one
	bounce_frame(w, &r, &s);
	assert_int_equal(w[3], 0xe030 | 1ull << 32);
	assert_int_equal(w[4], 0x46); // IF is the inverse of the mask
}

static void trap_from_user_goes_to_the_kernel_stack(void **state)
{
	struct regs r = user_regs();

	guest.vcpu.in_kernel = false;
	guest.vcpu.kernel_sp -= 4; // aligned down to 16 first
	bounce_trap(&guest.vcpu, &r, VEC_GP, 0x18);
	assert_int_equal(guest.crashes, 0);
	assert_int_equal(guest.mode_switches, 1);
	assert_int_equal(r.rip, HANDLER);
	assert_int_equal(r.cs, SEL_USER_CS64);
	assert_int_equal(r.ss, SEL_USER_SS);
	assert_int_equal(r.rflags, 0x246 | RFLAGS_DF);
	assert_int_equal(r.rsp, (u64)&guest.stack[WORDS - 10]);
	assert_int_equal(guest.stack[WORDS - 10 + 2], 0x18);
	assert_int_equal(guest.stack[WORDS - 10 + 6], 0x7ffe0000);
	assert_int_equal(guest.info.evtchn_upcall_mask, 0);
}

static void trap_from_kernel_stays_on_its_stack(void **state)
{
	struct regs r = user_regs();

	r.rsp = (u64)&guest.stack[32] + 8;
	bounce_trap(&guest.vcpu, &r, VEC_GP, 0);
	assert_int_equal(guest.mode_switches, 0);
	assert_int_equal(r.rsp, ((u64)&guest.stack[33] & ~15ull) - 8 * 8);
}

static void page_fault_tells_the_address_and_masks_events(void **state)
{
	struct regs r = user_regs();

	guest.vcpu.in_kernel = false;
	bounce_page_fault(&guest.vcpu, &r, 0xdead000, PFEC_U | PFEC_W);
	assert_int_equal(guest.info.arch.cr2, 0xdead000);
	assert_int_equal(guest.info.evtchn_upcall_mask, 1);
	assert_int_equal(guest.stack[WORDS - 8 + 2], PFEC_U | PFEC_W);
}

static void page_fault_of_the_kernel_is_not_from_user_mode(void **state)
{
	struct regs r = user_regs();

	r.rsp = guest.vcpu.kernel_sp;
	bounce_page_fault(&guest.vcpu, &r, 0xdead000, PFEC_U | PFEC_P);
	assert_int_equal(guest.stack[WORDS - 8 + 2], PFEC_P);
}

static void no_handler_crashes_the_domain(void **state)
{
	struct regs r = user_regs(), before = r;

	bounce_trap(&guest.vcpu, &r, VEC_DE, 0);
	assert_int_equal(guest.crashes, 1);
	assert_memory_equal(&r, &before, sizeof(r));
}

// It would fault in IRET, be bounced to itself, and so on.
static void handler_that_is_not_canonical_crashes_the_domain(void **state)
{
	struct regs r = user_regs();

	guest.traps[VEC_GP].address = 0x8000000000000000ull;
	bounce_trap(&guest.vcpu, &r, VEC_GP, 0);
	assert_int_equal(guest.crashes, 1);
}

static void bad_stack_crashes_the_domain(void **state)
{
	struct regs r = user_regs();

	guest.vcpu.in_kernel = false;
	fake_fault_at = guest.stack;
	fake_fault_bytes = sizeof(guest.stack);
	bounce_trap(&guest.vcpu, &r, VEC_GP, 0);
	fake_fault_bytes = 0;
	assert_int_equal(guest.crashes, 1);
}

static void system_call_clears_the_direction_flag(void **state)
{
	struct regs r = user_regs();

	guest.vcpu.in_kernel = false;
	bounce_syscall(&guest.vcpu, &r);
	assert_int_equal(r.rip, HANDLER);
	assert_int_equal(r.rflags, 0x246);
	assert_int_equal(guest.stack[WORDS - 7 + 4] & RFLAGS_DF, RFLAGS_DF);
}

static void unregistered_system_calls_are_refused(void **state)
{
	static const struct {
		u32 vector, exception;
		u64 back;
	} kinds[] = {
		{VEC_SYSCALL, VEC_UD, 2},
		{VEC_SYSCALL32, VEC_UD, 2},
		{VEC_SYSENTER, VEC_GP, 0},
	};

	guest.traps[VEC_UD] = (struct trap_info){.address = HANDLER};
	guest.vcpu.syscall.rip = 0;
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct regs r = user_regs();
		u32 words = kinds[i].exception == VEC_GP ? 8 : 7;

		guest.vcpu.in_kernel = false;
		r.vector = kinds[i].vector;
		bounce_syscall(&guest.vcpu, &r);
		assert_int_equal(r.rip, HANDLER);
		assert_int_equal(guest.stack[WORDS - 5],
				 0x401000 - kinds[i].back);
		assert_int_equal(r.rsp, (u64)&guest.stack[WORDS - words]);
	}
}

static void events_wait_for_the_mask(void **state)
{
	struct regs r = user_regs(), before = r;

	guest.vcpu.in_kernel = false;
	guest.info.evtchn_upcall_pending = 1;
	guest.info.evtchn_upcall_mask = 1;
	bounce_pending(&guest.vcpu, &r);
	assert_memory_equal(&r, &before, sizeof(r));
	guest.info.evtchn_upcall_mask = 0;
	bounce_pending(&guest.vcpu, &r);
	assert_int_equal(r.rip, HANDLER);
	assert_int_equal(guest.info.evtchn_upcall_mask, 1);
	assert_int_equal(guest.stack[WORDS - 7 + 3] >> 32, 0);
}

static void nmi_comes_once_until_iret(void **state)
{
	struct regs r = user_regs();

	r.rsp = guest.vcpu.kernel_sp;
	guest.info.evtchn_upcall_mask = 1; // does not hold NMIs back
	guest.traps[VEC_NMI].address = HANDLER + 1;
	guest.vcpu.nmi_pending = true;
	bounce_pending(&guest.vcpu, &r);
	assert_int_equal(r.rip, HANDLER + 1);
	assert_false(guest.vcpu.nmi_pending);
	assert_true(guest.vcpu.nmi_masked);

	guest.vcpu.nmi_pending = true;
	r.rip = 1;
	bounce_pending(&guest.vcpu, &r);
	assert_int_equal(r.rip, 1);
}

// ---------------------------------------------------------------------- iret

static struct regs *iret_regs(const u64 frame[9])
{
	struct regs *r;

	// guest_regs() is below stack_top.
	static _Alignas(16) u8 stack[256];
	guest.cpu.stack_top = (u64)(stack + sizeof(stack));
	r = guest_regs();
	memset(r, 0, sizeof(*r));
	r->rsp = (u64)frame;
	r->vector = VEC_SYSCALL;
	return r;
}

static void iret_to_user_loads_what_it_is_given(void **state)
{
	const u64 f[9] = {0xa,
			  0xb,
			  0xc,
			  0,
			  0x401000,
			  0x33,
			  0x10246 | RFLAGS_IOPL | RFLAGS_VM | RFLAGS_VIP,
			  0x7000,
			  0x28};
	struct hcall h = {0};
	struct regs *r = iret_regs(f);

	guest.vcpu.nmi_masked = true;
	guest.info.evtchn_upcall_mask = 1;
	assert_int_equal(hc_iret(&guest.vcpu, &h), 0xa);
	assert_false(guest.vcpu.in_kernel);
	assert_int_equal(r->r11, 0xb);
	assert_int_equal(r->rcx, 0xc);
	assert_int_equal(r->rip, 0x401000);
	assert_int_equal(r->cs, 0x33);
	assert_int_equal(r->ss, 0x2b);
	assert_int_equal(r->rflags, 0x10246);
	assert_int_equal(r->rsp, 0x7000);
	assert_int_not_equal(r->vector, VEC_SYSCALL);
	assert_int_equal(guest.info.evtchn_upcall_mask, 0);
	assert_false(guest.vcpu.nmi_masked);
}

static void iret_to_kernel_uses_the_flat_selectors(void **state)
{
	const u64 f[9] = {0, 0, 0, 0, 0x1000, 0xe030, 0x46, 0x7000, 0};
	struct hcall h = {0};
	struct regs *r = iret_regs(f);

	hc_iret(&guest.vcpu, &h);
	assert_true(guest.vcpu.in_kernel);
	assert_int_equal(r->cs, SEL_USER_CS64);
	assert_int_equal(r->ss, SEL_USER_SS);
	assert_int_equal(r->rflags, 0x246); // the real IF stays on
	assert_int_equal(guest.info.evtchn_upcall_mask, 1);
}

static void iret_from_a_system_call_leaves_rcx_as_sysret_does(void **state)
{
	const u64 f[9] = {0,     1,      2,   VGCF_in_syscall, 0x401000, 0x33,
			  0x246, 0x7000, 0x2b};
	struct hcall h = {0};
	struct regs *r = iret_regs(f);

	hc_iret(&guest.vcpu, &h);
	assert_int_equal(r->rcx, 0x401000);
	assert_int_equal(r->r11, 0x246);
}

// Ring 1 for the processor, the ABI's selectors for the guest.
static void open_gate_kernel_runs_in_ring_1(void **state)
{
	const u64 f[9] = {0, 0, 0, 0, 0x1000, 0xe030, 0x246, 0x7000, 0xe02b};
	struct hcall h = {0};
	struct regs *k = iret_regs(f), r = user_regs();

	guest.domain.open_gate = true;
	hc_iret(&guest.vcpu, &h);
	assert_int_equal(k->cs, SEL_RING1_CS);
	assert_int_equal(k->ss, SEL_RING1_SS);
	k->rsp = (u64)&guest.stack[32];
	bounce_trap(&guest.vcpu, k, VEC_GP, 0);
	assert_int_equal(k->cs, SEL_RING1_CS);
	assert_int_equal(k->ss, SEL_RING1_SS);
	assert_int_equal(guest.stack[32 - 8 + 4] & 0xffff, 0xe030);
	assert_int_equal(guest.stack[32 - 8 + 7], 0xe02b);
	guest.vcpu.in_kernel = false;
	bounce_trap(&guest.vcpu, &r, VEC_GP, 0);
	assert_int_equal(r.cs, SEL_RING1_CS);
	assert_int_equal(guest.stack[WORDS - 8 + 4] & 0xffff, 0x33);
	assert_int_equal(guest.stack[WORDS - 8 + 7], 0x2b);
}

static void iret_to_user_without_a_root_crashes(void **state)
{
	const u64 f[9] = {0, 0, 0, 0, 0x401000, 0x33, 0x246, 0x7000, 0x2b};
	struct hcall h = {0};
	struct regs *r = iret_regs(f), before = *r;

	guest.vcpu.user_root = MFN_NONE;
	hc_iret(&guest.vcpu, &h);
	assert_int_equal(guest.crashes, 1);
	assert_true(guest.vcpu.in_kernel);
	assert_memory_equal(r, &before, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(frame_has_the_words_in_order, setup),
		cmocka_unit_test_setup(
			frame_without_error_code_is_a_word_shorter, setup),
		cmocka_unit_test_setup(failsafe_frame_holds_the_selectors,
				       setup),
		cmocka_unit_test_setup(
			frame_of_the_kernel_shows_ring_0_and_the_mask, setup),
		cmocka_unit_test_setup(trap_from_user_goes_to_the_kernel_stack,
				       setup),
		cmocka_unit_test_setup(trap_from_kernel_stays_on_its_stack,
				       setup),
		cmocka_unit_test_setup(
			page_fault_tells_the_address_and_masks_events, setup),
		cmocka_unit_test_setup(
			page_fault_of_the_kernel_is_not_from_user_mode, setup),
		cmocka_unit_test_setup(no_handler_crashes_the_domain, setup),
		cmocka_unit_test_setup(
			handler_that_is_not_canonical_crashes_the_domain,
			setup),
		cmocka_unit_test_setup(bad_stack_crashes_the_domain, setup),
		cmocka_unit_test_setup(system_call_clears_the_direction_flag,
				       setup),
		cmocka_unit_test_setup(unregistered_system_calls_are_refused,
				       setup),
		cmocka_unit_test_setup(events_wait_for_the_mask, setup),
		cmocka_unit_test_setup(nmi_comes_once_until_iret, setup),
		cmocka_unit_test_setup(iret_to_user_loads_what_it_is_given,
				       setup),
		cmocka_unit_test_setup(iret_to_kernel_uses_the_flat_selectors,
				       setup),
		cmocka_unit_test_setup(
			iret_from_a_system_call_leaves_rcx_as_sysret_does,
			setup),
		cmocka_unit_test_setup(open_gate_kernel_runs_in_ring_1, setup),
		cmocka_unit_test_setup(iret_to_user_without_a_root_crashes,
				       setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
