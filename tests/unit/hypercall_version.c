// SPDX-License-Identifier: MIT
// uses: src/hypercall/xen_version.c src/hypercall/vm_assist.c
// uses: src/hypercall/console_io.c src/hypercall/page.c tests/fake/core.c
//
// The small hypercalls, and the hypercall page byte by byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "abi/xen.h"
#include "boot/boot.h"
#include "console/console.h"
#include "core.h"
#include "domain/domain.h"
#include "hypercall/hypercall.h"

struct boot_info boot_info = {.cmdline = "console=com1 dom0_mem=512M"};

static struct domain control = {.privileged = true};
static struct domain guest = {.id = 1, .handle = {1, 2, 3}};
static struct vcpu of_control = {.domain = &control};
static struct vcpu of_guest = {.domain = &guest};

static char written[4096];
static size_t written_bytes;
static char typed[300];
static size_t typed_bytes;

void console_write_guest(const struct domain *d, const char *text, size_t len)
{
	memcpy(written + written_bytes, text, len);
	written_bytes += len;
}

size_t console_read(char *buf, size_t most)
{
	size_t n = min(most, typed_bytes);

	memcpy(buf, typed, n);
	memmove(typed, typed + n, typed_bytes - n);
	typed_bytes -= n;
	return n;
}

static i64 call(hypercall_fn *fn, struct vcpu *v, u64 a, u64 b, u64 c)
{
	struct hcall h = {.arg = {a, b, c}};

	cpu_this()->work = 0;
	return fn(v, &h);
}

static i64 version(struct vcpu *v, u64 cmd, void *arg)
{
	return call(hc_xen_version, v, cmd, gva_of(arg), 0);
}

static void we_say_4_17(void **state)
{
	char text[1024];

	assert_int_equal(version(&of_guest, XENVER_version, NULL), 0x40011);
	assert_int_equal(version(&of_guest, XENVER_extraversion, text), 0);
	assert_string_equal(text, "-ringfort");
	assert_int_equal(version(&of_guest, XENVER_capabilities, text), 0);
	assert_string_equal(text, "xen-3.0-x86_64 ");
	assert_int_equal(version(&of_guest, XENVER_pagesize, NULL), 4096);
	assert_int_equal(version(&of_guest, XENVER_pagesize, text), -EINVAL);
	assert_int_equal(version(&of_guest, 11, text), -ENOSYS);
	assert_int_equal(version(&of_guest, ~0u, text), -ENOSYS);
}

static void texts_fill_their_fields_and_no_more(void **state)
{
	char text[17];

	memset(text, 'x', sizeof(text));
	assert_int_equal(version(&of_guest, XENVER_extraversion, text), 0);
	assert_int_equal(text[15], 0);
	assert_int_equal(text[16], 'x');
}

static void features_depend_on_who_asks(void **state)
{
	struct xen_feature_info info = {.submap_idx = 0};

	assert_int_equal(version(&of_guest, XENVER_get_features, &info), 0);
	assert_true(info.submap & 1u << XENFEAT_mmu_pt_update_preserve_ad);
	assert_true(info.submap & 1u << XENFEAT_gnttab_map_avail_bits);
	assert_false(info.submap & 1u << XENFEAT_dom0);
	assert_false(info.submap & 1u << XENFEAT_writable_page_tables);
	assert_int_equal(version(&of_control, XENVER_get_features, &info), 0);
	assert_true(info.submap & 1u << XENFEAT_dom0);
	info.submap_idx = 1;
	assert_int_equal(version(&of_guest, XENVER_get_features, &info),
			 -EINVAL);
	fake_fault_at = &info;
	fake_fault_bytes = sizeof(info);
	assert_int_equal(version(&of_guest, XENVER_get_features, &info),
			 -EFAULT);
	fake_fault_bytes = 0;
}

static void guests_do_not_see_the_command_line(void **state)
{
	char text[1024];

	assert_int_equal(version(&of_control, XENVER_commandline, text), 0);
	assert_string_equal(text, boot_info.cmdline);
	assert_int_equal(version(&of_guest, XENVER_commandline, text), 0);
	assert_string_equal(text, "<denied>");
	assert_int_equal(version(&of_guest, XENVER_build_id, text), -EPERM);
	assert_int_equal(version(&of_control, XENVER_build_id, text), -ENODATA);
}

static void the_handle_is_the_domains(void **state)
{
	u8 handle[16];

	assert_int_equal(version(&of_guest, XENVER_guest_handle, handle), 0);
	assert_memory_equal(handle, guest.handle, sizeof(handle));
}

static void assists_are_switched_one_by_one(void **state)
{
	static const u64 known[] = {0, 1, 2, 3, 5};

	for (u32 i = 0; i < ARRAY_SIZE(known); i++)
		assert_int_equal(call(hc_vm_assist, &of_guest, 0, known[i], 0),
				 0);
	assert_int_equal(guest.vm_assist, 0x2f);
	assert_int_equal(call(hc_vm_assist, &of_guest, 1, 5, 0), 0);
	assert_int_equal(guest.vm_assist, 0xf);
	assert_int_equal(call(hc_vm_assist, &of_guest, 0, 4, 0), -EINVAL);
	assert_int_equal(call(hc_vm_assist, &of_guest, 0, 64, 0), -EINVAL);
	assert_int_equal(call(hc_vm_assist, &of_guest, 0, 32, 0), -EINVAL);
	assert_int_equal(call(hc_vm_assist, &of_guest, 2, 0, 0), -ENOSYS);
}

static void console_writes_come_out_whole_in_chunks(void **state)
{
	static char text[3000];
	struct hcall h = {.arg = {CONSOLEIO_write, sizeof(text), gva_of(text)}};
	u32 calls = 0;

	for (u32 i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	written_bytes = 0;
	do {
		h.restart = false;
		cpu_this()->work = 0;
		assert_int_equal(hc_console_io(&of_control, &h), 0);
		calls++;
	} while (h.restart);
	assert_int_equal(written_bytes, sizeof(text));
	assert_memory_equal(written, text, sizeof(text));
	assert_in_range(calls, 2, 20);
}

static void console_reads_take_what_was_typed(void **state)
{
	char text[400];

	typed_bytes = 300;
	memset(typed, 'k', typed_bytes);
	assert_int_equal(call(hc_console_io, &of_control, CONSOLEIO_read, 200,
			      gva_of(text)),
			 200);
	assert_int_equal(call(hc_console_io, &of_control, CONSOLEIO_read, 200,
			      gva_of(text)),
			 100);
	assert_int_equal(call(hc_console_io, &of_control, CONSOLEIO_read, 200,
			      gva_of(text)),
			 0);
}

static void the_console_is_dom0s(void **state)
{
	char c = 'x';

	written_bytes = 0;
	assert_int_equal(
		call(hc_console_io, &of_guest, CONSOLEIO_write, 1, gva_of(&c)),
		-EPERM);
	assert_int_equal(call(hc_console_io, &of_control, CONSOLEIO_write,
			      1u << 31, gva_of(&c)),
			 -EINVAL);
	assert_int_equal(call(hc_console_io, &of_control, 2, 1, gva_of(&c)),
			 -ENOSYS);
	fake_fault_at = &c;
	fake_fault_bytes = 1;
	assert_int_equal(call(hc_console_io, &of_control, CONSOLEIO_write, 1,
			      gva_of(&c)),
			 -EFAULT);
	fake_fault_bytes = 0;
	assert_int_equal(written_bytes, 0);
}

static void the_hypercall_page_is_what_the_abi_says(void **state)
{
	static const u8 slot14[] = {0x51, 0x41, 0x53, 0xb8, 14,   0,    0,   0,
				    0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3, 0xcc};
	static const u8 slot23[] = {0x51, 0x41, 0x53, 0x50, 0xb8, 23,
				    0,    0,    0,    0x0f, 0x05, 0xcc};
	static u8 page[4096];

	hypercall_page_fill(page);
	assert_memory_equal(page + 14 * 32, slot14, sizeof(slot14));
	assert_memory_equal(page + 23 * 32, slot23, sizeof(slot23));
	assert_int_equal(page[127 * 32 + 4], 127);
	assert_int_equal(page[4095], 0xcc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(we_say_4_17),
		cmocka_unit_test(texts_fill_their_fields_and_no_more),
		cmocka_unit_test(features_depend_on_who_asks),
		cmocka_unit_test(guests_do_not_see_the_command_line),
		cmocka_unit_test(the_handle_is_the_domains),
		cmocka_unit_test(assists_are_switched_one_by_one),
		cmocka_unit_test(console_writes_come_out_whole_in_chunks),
		cmocka_unit_test(console_reads_take_what_was_typed),
		cmocka_unit_test(the_console_is_dom0s),
		cmocka_unit_test(the_hypercall_page_is_what_the_abi_says),
	};

	fake_cpus_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
