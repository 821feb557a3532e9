// SPDX-License-Identifier: MIT
// uses: src/cpu/emulate.c src/cpu/emul_decode.c src/cpu/emul_cr.c src/cpu/emul_msr.c src/cpu/emul_io.c src/cpu/port.c src/cpu/control.c src/cpu/debugreg.c src/cpu/bounce.c tests/fake/core.c tests/fake/guest_cpu.c
//
// Privileged instructions carried out for a guest: results, RIP, who may, and
// what is refused. Tables of control, debug and model-specific registers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core.h"
#include "guest_cpu.h"

#define HANDLER 0xffffffff81000000ull

static u8 code[32];
static struct regs r;

static int setup(void **state)
{
	fake_guest_init();
	guest.traps[VEC_GP].address = HANDLER;
	guest.traps[VEC_DB].address = HANDLER + 1;
	guest.traps[VEC_PF].address = HANDLER + 2;
	cpu_features.xsave = true;
	cpu_features.ext1_d = 1u << 27;
	memset(code, 0x90, sizeof(code));
	memset(&r, 0, sizeof(r));
	r.rip = (u64)code;
	r.rsp = guest.vcpu.kernel_sp;
	r.rflags = 0x202;
	return 0;
}

static bool run(const char *bytes, size_t n)
{
	memcpy(code, bytes, n);
	r.rip = (u64)code;
	return emulate_privileged(&guest.vcpu, &r);
}
#define RUN(bytes) run(bytes, sizeof(bytes) - 1)
#define DONE(bytes)                                                     \
	do {                                                            \
		assert_true(RUN(bytes));                                \
		assert_int_equal(r.rip, (u64)code + sizeof(bytes) - 1); \
	} while (0)
#define GP(bytes)                                 \
	do {                                      \
		assert_true(RUN(bytes));          \
		assert_int_equal(r.rip, HANDLER); \
		r.rsp = guest.vcpu.kernel_sp;     \
	} while (0)

static void cli_and_sti_do_nothing(void **state)
{
	struct vcpu_info before = guest.info;

	DONE("\xfa");
	DONE("\xfb");
	assert_memory_equal(&before, &guest.info, sizeof(before));
	assert_int_equal(r.rflags, 0x202);
}

static void hlt_waits_with_events_on(void **state)
{
	guest.info.evtchn_upcall_mask = 1;
	DONE("\xf4");
	assert_int_equal(guest.blocked, 1);
	assert_int_equal(guest.info.evtchn_upcall_mask, 0);
}

static void user_mode_has_no_privileged_instructions(void **state)
{
	guest.vcpu.in_kernel = false;
	assert_false(RUN("\xfa"));
	assert_false(RUN("\x0f\x32"));
	assert_false(RUN("\x0f\x22\xd8"));
	assert_false(RUN("\xe4\x60")); // no port either
	assert_int_equal(fake_port_accesses, 0);
}

static void single_step_ends_in_a_debug_exception(void **state)
{
	r.rflags |= RFLAGS_TF;
	assert_true(RUN("\xfa"));
	assert_int_equal(r.rip, HANDLER + 1);
	assert_true(guest.vcpu.dr[6] & DR6_BS);
	assert_int_equal(guest.stack[ARRAY_SIZE(guest.stack) - 5],
			 (u64)code + 1);
}

static void code_at_the_end_of_mapped_memory_is_read(void **state)
{
	u64 at = ((u64)code + 15) & ~15ull; // some address in the buffer

	*(u8 *)at = 0xfa;
	r.rip = at;
	// Pretend that memory ends after a page boundary that is not here: a
	// fault on the longer read must not hide the bytes before it.
	fake_fault_at = (const void *)(at + 1);
	fake_fault_bytes = 14;
	assert_false(emulate_privileged(&guest.vcpu, &r));
	fake_fault_bytes = 0;
	assert_true(emulate_privileged(&guest.vcpu, &r));
}

// ------------------------------------------------------- control registers

static void cr0_shows_and_changes_ts(void **state)
{
	DONE("\x0f\x20\xc0"); // mov %cr0, %rax
	assert_int_equal(r.rax, 0x80050033);
	r.rax |= CR0_TS;
	DONE("\x0f\x22\xc0");
	DONE("\x0f\x20\xc3"); // mov %cr0, %rbx
	assert_int_equal(r.rbx, 0x8005003b);
	DONE("\x0f\x06"); // clts
	DONE("\x0f\x20\xc3");
	assert_int_equal(r.rbx, 0x80050033);
}

static void cr0_refuses_other_changes(void **state)
{
	static const u64 bits[] = {CR0_PE, CR0_MP, CR0_EM,     CR0_WP,
				   CR0_AM, CR0_PG, 1ull << 30, 1ull << 40};

	for (u32 i = 0; i < ARRAY_SIZE(bits); i++) {
		r.rax = cr0_guest_view(&guest.vcpu) ^ bits[i];
		GP("\x0f\x22\xc0");
	}
}

static void cr4_keeps_two_bits_and_ignores_the_rest(void **state)
{
	r.rax = ~0ull;
	DONE("\x0f\x22\xe0");
	DONE("\x0f\x20\xe3");
	assert_int_equal(r.rbx, 0x40660 | CR4_TSD | CR4_DE);
	assert_int_equal(guest.cpu.cr4 & CR4_TSD, CR4_TSD);
	r.rax = 0;
	DONE("\x0f\x22\xe0");
	DONE("\x0f\x20\xe3");
	assert_int_equal(r.rbx, 0x40660);
}

static void cr2_and_cr3_are_the_guests(void **state)
{
	r.rax = 0x1234;
	DONE("\x0f\x22\xd0");
	assert_int_equal(guest.info.arch.cr2, 0x1234);
	DONE("\x0f\x20\xd1"); // mov %cr2, %rcx
	assert_int_equal(r.rcx, 0x1234);
	DONE("\x0f\x20\xd9"); // mov %cr3, %rcx
	assert_int_equal(r.rcx, 0x1000000);
	r.rcx = 0x5000;
	DONE("\x0f\x22\xd9");
	assert_int_equal(guest.vcpu.kernel_root.n, 5);
}

static void there_are_no_other_control_registers(void **state)
{
	GP("\x0f\x20\xc8"); // cr1
	GP("\x0f\x20\xe8"); // cr5
	GP("\x44\x0f\x20\xc0"); // cr8
	GP("\x44\x0f\x22\xc0");
}

// --------------------------------------------------------- debug registers

static void dr7_refuses_what_would_hit_us(void **state)
{
	static const struct {
		u64 value;
		bool de, ok;
		u64 loaded;
	} table[] = {
		{0, false, true, 0x400},
		{0x1, false, true, 0x401},
		{0xffffffff0000d800, false, true, 0x400},
		{DR7_GD, false, false, 0},
		{0x00020001, false, false, 0}, // I/O breakpoint
		{0x00020001, true, true, 0x20401},
		{0x00020000, false, true, 0x20400}, // not enabled
		{0x20000080, false, false, 0}, // of the last one
	};

	for (u32 i = 0; i < ARRAY_SIZE(table); i++) {
		u64 v = table[i].value;

		assert_int_equal(debugreg_check(7, &v, table[i].de),
				 table[i].ok);
		if (table[i].ok)
			assert_int_equal(v, table[i].loaded);
	}
}

static void dr4_and_dr5_are_aliases_unless_de(void **state)
{
	u64 v;

	assert_int_equal(debugreg_set(&guest.vcpu, 5, 0x1), 0);
	assert_int_equal(guest.vcpu.dr[7], 0x401);
	assert_int_equal(debugreg_get(&guest.vcpu, 4, &v), 0);
	assert_int_equal(v, 0xffff0ff0);
	guest.vcpu.cr4 = CR4_DE;
	assert_int_not_equal(debugreg_get(&guest.vcpu, 4, &v), 0);
	assert_int_not_equal(debugreg_set(&guest.vcpu, 8, 0), 0);
}

static void debug_registers_move(void **state)
{
	r.rax = 0x7000;
	DONE("\x0f\x23\xc8"); // mov %rax, %db1
	DONE("\x0f\x21\xcb"); // mov %db1, %rbx
	assert_int_equal(r.rbx, 0x7000);
	r.rax = HV_START;
	GP("\x0f\x23\xc8");
}

// --------------------------------------------------------------------- MSRs

static bool rdmsr_of(u32 msr, u64 *value)
{
	r.rcx = msr;
	assert_true(RUN("\x0f\x32"));
	*value = r.rdx << 32 | r.rax;
	r.rsp = guest.vcpu.kernel_sp;
	return r.rip != HANDLER;
}

static bool wrmsr_of(u32 msr, u64 value)
{
	r.rcx = msr;
	r.rax = (u32)value;
	r.rdx = value >> 32;
	assert_true(RUN("\x0f\x30"));
	r.rsp = guest.vcpu.kernel_sp;
	return r.rip != HANDLER;
}

static void segment_bases_are_real_and_canonical(void **state)
{
	static const u32 msrs[] = {MSR_FS_BASE, MSR_GS_BASE,
				   MSR_KERNEL_GS_BASE};
	u64 v;

	for (u32 i = 0; i < ARRAY_SIZE(msrs); i++) {
		assert_true(wrmsr_of(msrs[i], 0xffff888012345678));
		assert_int_equal(*fake_msr(msrs[i]), 0xffff888012345678);
		assert_true(rdmsr_of(msrs[i], &v));
		assert_int_equal(v, 0xffff888012345678);
		assert_false(wrmsr_of(msrs[i], 0x0000800000000000));
		assert_int_equal(*fake_msr(msrs[i]), 0xffff888012345678);
	}
}

static void msrs_with_fixed_values(void **state)
{
	static const struct {
		u32 msr;
		u64 value;
	} table[] = {
		{0x1b, 0xfee00900}, {0x3a, 0},       {0x8b, 0},
		{0xce, 0},          {0xfe, 0},       {0x140, 0},
		{0x179, 0},         {0x17a, 0},      {0x1a0, 0x1801},
		{0x400, 0},         {0x407, 0},      {0xc0010000, 0},
		{0xc0010007, 0},    {0xc0010015, 0}, {0xc0010055, 0},
		{0xc0011029, 0},
	};
	u64 v;

	for (u32 i = 0; i < ARRAY_SIZE(table); i++) {
		if (!rdmsr_of(table[i].msr, &v))
			fail_msg("msr %#x is refused", table[i].msr);
		assert_int_equal(v, table[i].value);
	}
}

static void efer_and_pat_take_their_own_value(void **state)
{
	static const u32 msrs[] = {MSR_EFER, MSR_PAT};
	u64 v;

	*fake_msr(MSR_EFER) = 0xd01;
	*fake_msr(MSR_PAT) = PAT_VALUE;
	for (u32 i = 0; i < ARRAY_SIZE(msrs); i++) {
		assert_true(rdmsr_of(msrs[i], &v));
		assert_true(wrmsr_of(msrs[i], v));
		assert_false(wrmsr_of(msrs[i], v ^ 1));
	}
}

static void other_msrs_are_refused_once_there_is_a_handler(void **state)
{
	static const u32 msrs[] = {0x48,  0x10a,      0x174,      0x606,
				   0x800, 0xc0000081, 0xc0000082, 0xc0010114};
	u64 v;

	for (u32 i = 0; i < ARRAY_SIZE(msrs); i++) {
		guest.traps[VEC_GP].address = HANDLER;
		assert_false(rdmsr_of(msrs[i], &v));
		assert_false(wrmsr_of(msrs[i], 0));
		guest.traps[VEC_GP].address = 0;
		assert_true(rdmsr_of(msrs[i], &v));
		assert_int_equal(v, 0);
		assert_true(wrmsr_of(msrs[i], 1));
	}
}

static void tsc_aux_is_the_vcpus(void **state)
{
	u64 v;

	assert_true(wrmsr_of(MSR_TSC_AUX, 7));
	assert_int_equal(*fake_msr(MSR_TSC_AUX), 7);
	assert_true(rdmsr_of(MSR_TSC_AUX, &v));
	assert_int_equal(v, 7);
	assert_false(wrmsr_of(MSR_TSC_AUX, 1ull << 32));
}

// -------------------------------------------------------------------- ports

static void give_ports(void)
{
	guest.domain.privileged = true;
	guest.domain.ioports = (struct rangeset *)&guest; // see rangeset_has
}

static void ports_read_and_write_in_three_widths(void **state)
{
	give_ports();
	fake_port_value = 0x11223344;
	r.rdx = 0x1f0;
	r.rax = ~0ull;
	DONE("\xec");
	assert_int_equal(r.rax, 0xffffffffffffff44);
	DONE("\x66\xed");
	assert_int_equal(r.rax, 0xffffffffffff3344);
	DONE("\xed");
	assert_int_equal(r.rax, 0x11223344);
	assert_int_equal(fake_port_last, 0x1f0);
	r.rax = 0xaabbccdd;
	DONE("\xee");
	assert_int_equal(fake_port_written, 0xdd);
	DONE("\xe7\x80");
	assert_int_equal(fake_port_last, 0x80);
	assert_int_equal(fake_port_written, 0xaabbccdd);
}

static void ports_not_given_read_as_ones(void **state)
{
	r.rdx = 0x1f0;
	DONE("\xed");
	assert_int_equal(r.rax, 0xffffffff);
	DONE("\xee");
	r.rax = 0xff;
	DONE("\xe4\x42"); // but for what Linux would wait on
	assert_int_equal(r.rax, 0);
	DONE("\xe4\x61");
	assert_int_equal(r.rax, 0x20);
	assert_int_equal(fake_port_accesses, 0);
}

static void pci_address_is_latched(void **state)
{
	give_ports();
	r.rdx = 0xcf8;
	r.rax = 0x80001000;
	DONE("\xef");
	r.rax = 0;
	DONE("\xed");
	assert_int_equal(r.rax, 0x80001000);
	assert_int_equal(fake_port_accesses, 0);
	r.rdx = 0xcfe;
	DONE("\x66\xed");
	assert_int_equal(r.rax & 0xffff, 0x1002);
	r.rdx = 0xcf9; // reset control
	DONE("\xee");
	assert_int_equal(fake_port_last, 0xcf9);
}

static void rtc_index_is_the_domains(void **state)
{
	give_ports();
	r.rax = 0x8a;
	DONE("\xe6\x70");
	assert_int_equal(fake_port_accesses, 0);
	DONE("\xe4\x71");
	assert_int_equal(fake_port_written, 0x0a); // without the NMI bit
	assert_int_equal(fake_port_last, 0x71);
}

static void access_across_an_edge_finds_nothing(void **state)
{
	give_ports();
	r.rdx = 0xcf7;
	DONE("\xed");
	assert_int_equal(r.rax, 0xffffffff);
	r.rdx = 0xffff;
	DONE("\xed");
	assert_int_equal(r.rax, 0xffffffff);
	assert_int_equal(fake_port_accesses, 0);
}

static void user_ports_follow_iopl_and_bitmap(void **state)
{
	u8 bitmap[4] = {0xff, 0x7f, 0xfe, 0xff}; // 15 and 16 are open

	give_ports();
	guest.vcpu.in_kernel = false;
	assert_false(RUN("\xe4\x0f"));
	guest.vcpu.iobitmap = (u64)bitmap;
	guest.vcpu.iobitmap_ports = 32;
	DONE("\xe4\x0f");
	DONE("\x66\xe5\x0f"); // both bytes, across a byte of the bitmap
	assert_false(RUN("\xe5\x0f")); // but not four
	assert_false(RUN("\xe4\x11"));
	assert_false(RUN("\xe4\x20")); // past its end
	assert_false(guest.vcpu.in_kernel);
	guest.vcpu.iopl = 3;
	DONE("\xe4\x20");
	guest.vcpu.iopl = 1;
	assert_false(RUN("\xe4\x20"));
}

// ------------------------------------------------------------- string forms

static void rep_ins_stores_and_counts(void **state)
{
	u8 buffer[8] = {0};

	give_ports();
	fake_port_value = 0x42;
	r.rdx = 0x1f0;
	r.rdi = (u64)buffer;
	r.rcx = 5;
	DONE("\xf3\x6c");
	assert_int_equal(r.rcx, 0);
	assert_int_equal(r.rdi, (u64)(buffer + 5));
	assert_memory_equal(buffer, "\x42\x42\x42\x42\x42\0\0\0", 8);
}

static void rep_outs_goes_down_when_told(void **state)
{
	u16 words[3] = {1, 2, 3};

	give_ports();
	r.rdx = 0x1f0;
	r.rsi = (u64)&words[2];
	r.rcx = 3;
	r.rflags |= RFLAGS_DF;
	DONE("\x66\xf3\x6f");
	assert_int_equal(fake_port_written, 1);
	assert_int_equal(r.rsi, (u64)&words[0] - 2);
}

static void long_rep_is_done_in_portions(void **state)
{
	u8 buffer[200];

	give_ports();
	r.rdx = 0x1f0;
	r.rdi = (u64)buffer;
	r.rcx = 200;
	for (u32 rounds = 1;; rounds++) {
		assert_true(RUN("\xf3\x6c"));
		if (r.rip != (u64)code)
			break;
		assert_true(rounds < 10);
	}
	assert_int_equal(r.rcx, 0);
	assert_int_equal(r.rdi, (u64)(buffer + 200));
}

static void string_forms_need_flat_segments(void **state)
{
	give_ports();
	guest.vcpu.in_kernel = false;
	guest.vcpu.iopl = 3;
	r.cs = SEL_USER_CS32;
	assert_false(RUN("\xf3\x6c"));
	r.cs = SEL_USER_CS64;
	DONE("\xf3\x6c");
}

static void rep_of_nothing_touches_nothing(void **state)
{
	give_ports();
	r.rdi = 8;
	DONE("\xf3\x6c");
	assert_int_equal(fake_port_accesses, 0);
}

static void string_fault_is_the_guests(void **state)
{
	u8 buffer[16];

	give_ports();
	r.rdx = 0x1f0;
	r.rdi = (u64)buffer;
	r.rcx = 8;
	fake_fault_at = buffer + 3;
	fake_fault_bytes = 1;
	assert_true(RUN("\xf3\x6c"));
	fake_fault_bytes = 0;
	assert_int_equal(r.rip, HANDLER + 2);
	assert_int_equal(guest.info.arch.cr2, (u64)(buffer + 3));
	assert_int_equal(r.rcx, 5); // three were done
	assert_int_equal(fake_port_accesses, 3); // and no fourth was read
}

// -------------------------------------------------------------------- CPUID

static void forced_cpuid_needs_its_prefix(void **state)
{
	memcpy(code, "\x0f\x0bxen\x0f\xa2", 7);
	r.rax = 0x40000000;
	guest.vcpu.in_kernel = false;
	assert_true(emulate_forced_cpuid(&guest.vcpu, &r));
	assert_int_equal(r.rip, (u64)code + 7);
	assert_int_equal(r.rax, 0x40000000);
	assert_int_equal(r.rdx, 4);
	memcpy(code, "\x0f\x0bxen\x0f\xa1", 7);
	r.rip = (u64)code;
	assert_false(emulate_forced_cpuid(&guest.vcpu, &r));
	memcpy(code, "\x0f\x0bxeN\x0f\xa2", 7);
	assert_false(emulate_forced_cpuid(&guest.vcpu, &r));
	assert_int_equal(r.rip, (u64)code);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(cli_and_sti_do_nothing),
		T(hlt_waits_with_events_on),
		T(user_mode_has_no_privileged_instructions),
		T(single_step_ends_in_a_debug_exception),
		T(code_at_the_end_of_mapped_memory_is_read),
		T(cr0_shows_and_changes_ts),
		T(cr0_refuses_other_changes),
		T(cr4_keeps_two_bits_and_ignores_the_rest),
		T(cr2_and_cr3_are_the_guests),
		T(there_are_no_other_control_registers),
		T(dr7_refuses_what_would_hit_us),
		T(dr4_and_dr5_are_aliases_unless_de),
		T(debug_registers_move),
		T(segment_bases_are_real_and_canonical),
		T(msrs_with_fixed_values),
		T(efer_and_pat_take_their_own_value),
		T(other_msrs_are_refused_once_there_is_a_handler),
		T(tsc_aux_is_the_vcpus),
		T(ports_read_and_write_in_three_widths),
		T(ports_not_given_read_as_ones),
		T(pci_address_is_latched),
		T(rtc_index_is_the_domains),
		T(access_across_an_edge_finds_nothing),
		T(user_ports_follow_iopl_and_bitmap),
		T(rep_ins_stores_and_counts),
		T(rep_outs_goes_down_when_told),
		T(long_rep_is_done_in_portions),
		T(string_forms_need_flat_segments),
		T(rep_of_nothing_touches_nothing),
		T(string_fault_is_the_guests),
		T(forced_cpuid_needs_its_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
