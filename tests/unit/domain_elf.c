// SPDX-License-Identifier: MIT
// uses: src/domain/elf.c
//
// The ELF parser: a good kernel gives what its headers say; each kind of bad
// file gives its own sentence and no access outside of the file.
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/xen.h"
#include "domain/elf.h"

#define BASE 0xffffffff80000000ull

// A kernel file: headers, one note segment, one load segment.
struct file {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[2];
	u8 notes[1024];
	u8 text[4096];
};

static void note(struct file *f, const char *name, u32 type, const void *desc,
		 u32 bytes)
{
	Elf64_Phdr *ph = &f->ph[1];
	u8 *at = f->notes + ph->p_filesz;
	Elf64_Nhdr nh = {.n_namesz = (u32)strlen(name) + 1,
			 .n_descsz = bytes,
			 .n_type = type};

	memcpy(at, &nh, sizeof(nh));
	memcpy(at + sizeof(nh), name, nh.n_namesz);
	memcpy(at + sizeof(nh) + ALIGN_UP(nh.n_namesz, 4), desc, bytes);
	ph->p_filesz +=
		sizeof(nh) + ALIGN_UP(nh.n_namesz, 4) + ALIGN_UP(bytes, 4);
}

static void number(struct file *f, u32 type, u64 value)
{
	note(f, "Xen", type, &value, 8);
}

static struct file *bare_kernel(void)
{
	struct file *f = calloc(1, sizeof(*f));

	memcpy(f->eh.e_ident, ELFMAG, SELFMAG);
	f->eh.e_ident[EI_CLASS] = ELFCLASS64;
	f->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	f->eh.e_type = ET_EXEC;
	f->eh.e_machine = EM_X86_64;
	f->eh.e_entry = 0x1000010;
	f->eh.e_phoff = offsetof(struct file, ph);
	f->eh.e_phentsize = sizeof(Elf64_Phdr);
	f->eh.e_phnum = 2;
	f->ph[0] = (Elf64_Phdr){.p_type = PT_LOAD,
				.p_offset = offsetof(struct file, text),
				.p_filesz = 4096,
				.p_paddr = 0x1000000,
				.p_memsz = 0x5000};
	f->ph[1] = (Elf64_Phdr){.p_type = PT_NOTE,
				.p_offset = offsetof(struct file, notes),
				.p_align = 4};
	return f;
}

static struct file *good_kernel(void)
{
	struct file *f = bare_kernel();
	const u32 features = 1u << XENFEAT_dom0;

	note(f, "Linux", 0x101, "\0\0\0", 4);
	note(f, "Xen", XEN_ELFNOTE_GUEST_OS, "linux", 6);
	note(f, "Xen", XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
	note(f, "Xen", XEN_ELFNOTE_LOADER, "generic", 8);
	note(f, "Xen", XEN_ELFNOTE_SUPPORTED_FEATURES, &features, 4);
	number(f, XEN_ELFNOTE_VIRT_BASE, BASE);
	number(f, XEN_ELFNOTE_ENTRY, BASE + 0x1000020);
	return f;
}

static const char *parse(struct elf_image *image, const struct file *f)
{
	return elf_parse(image, f, sizeof(*f));
}

// Frees f as well.
static void refused(struct file *f, const char *why)
{
	struct elf_image image;
	const char *error = parse(&image, f);

	assert_non_null(error);
	if (!strstr(error, why))
		fail_msg("got \"%s\", wanted \"%s\"", error, why);
	free(f);
}

static void test_good(void **state)
{
	struct file *f = good_kernel();
	struct elf_image image;

	number(f, XEN_ELFNOTE_INIT_P2M, 0x8000000000);
	number(f, XEN_ELFNOTE_MOD_START_PFN, 1);
	number(f, XEN_ELFNOTE_HYPERCALL_PAGE, BASE + 0x1001000);
	assert_null(parse(&image, f));
	assert_int_equal(image.segment_count, 1);
	assert_int_equal(image.segment[0].offset, offsetof(struct file, text));
	assert_int_equal(image.segment[0].file_bytes, 4096);
	assert_int_equal(image.segment[0].mem_bytes, 0x5000);
	assert_int_equal(image.paddr_start, 0x1000000);
	assert_int_equal(image.paddr_end, 0x1005000);
	assert_int_equal(image.notes.entry, BASE + 0x1000020);
	assert_int_equal(image.notes.virt_base, BASE);
	assert_int_equal(image.notes.init_p2m, 0x8000000000);
	assert_int_equal(image.notes.hypercall_page, BASE + 0x1001000);
	assert_true(image.notes.initrd_unmapped);
	assert_string_equal(image.notes.guest_os, "linux");
	assert_int_equal(elf_va(&image, 0x1000000), BASE + 0x1000000);
	free(f);
}

// Physical addresses may be given as virtual ones less an offset.
static void test_paddr_offset(void **state)
{
	struct file *f = good_kernel();
	struct elf_image image;

	number(f, XEN_ELFNOTE_PADDR_OFFSET, 0x1000000);
	number(f, XEN_ELFNOTE_ENTRY, BASE + 0x20);
	assert_null(parse(&image, f));
	assert_int_equal(elf_va(&image, image.paddr_start), BASE);
	free(f);
}

static void test_entry_from_header(void **state)
{
	struct file *f = bare_kernel();
	struct elf_image image;

	number(f, XEN_ELFNOTE_VIRT_BASE, BASE);
	f->eh.e_entry = BASE + 0x1000010;
	assert_null(parse(&image, f));
	assert_int_equal(image.notes.entry, BASE + 0x1000010);
	free(f);
}

static void test_not_elf(void **state)
{
	struct file *f = good_kernel();

	f->eh.e_ident[0] = 'x';
	refused(f, "not an ELF");
}

static void test_machine(void **state)
{
	struct file *f = good_kernel();

	f->eh.e_ident[EI_CLASS] = ELFCLASS32;
	refused(f, "32-bit");
	f = good_kernel();
	f->eh.e_machine = EM_AARCH64;
	refused(f, "not for x86-64");
	f = good_kernel();
	f->eh.e_type = ET_REL;
	refused(f, "not executable");
}

static void test_no_pv(void **state)
{
	struct file *f = bare_kernel();

	refused(f, "CONFIG_XEN_PV");
	f = bare_kernel();
	note(f, "Xen", XEN_ELFNOTE_PHYS32_ENTRY, "\0\0\0\1", 4);
	note(f, "Xen", XEN_ELFNOTE_GUEST_OS, "linux", 6);
	refused(f, "CONFIG_XEN_PV");
}

static void test_wrong_notes(void **state)
{
	struct file *f = good_kernel();

	note(f, "Xen", XEN_ELFNOTE_XEN_VERSION, "xen-9.0", 8);
	refused(f, "guest ABI");
	f = good_kernel();
	note(f, "Xen", XEN_ELFNOTE_LOADER, "odd", 4);
	refused(f, "loader");
	f = good_kernel();
	note(f, "Xen", XEN_ELFNOTE_SUPPORTED_FEATURES, "\0\0\0\0", 4);
	refused(f, "control domain");
	f = good_kernel();
	number(f, XEN_ELFNOTE_ENTRY, BASE);
	refused(f, "entry point");
	f = good_kernel();
	number(f, XEN_ELFNOTE_HYPERCALL_PAGE, BASE);
	refused(f, "hypercall page");
	f = good_kernel();
	number(f, XEN_ELFNOTE_VIRT_BASE, BASE + 1);
	refused(f, "not a page's");
	f = good_kernel();
	number(f, XEN_ELFNOTE_PADDR_OFFSET, 0x2000000);
	refused(f, "load address");
}

static void test_bad_notes(void **state)
{
	struct file *f = good_kernel();
	Elf64_Nhdr *nh = (void *)f->notes;

	nh->n_descsz = 0xfffffff0;
	refused(f, "notes");
	f = good_kernel();
	nh = (void *)f->notes;
	nh->n_namesz = 0xffffffff;
	refused(f, "notes");
	f = good_kernel();
	f->ph[1].p_offset = ~0ull - 8;
	refused(f, "truncated");
	f = good_kernel();
	f->ph[1].p_filesz = ~0ull - 8;
	refused(f, "truncated");
}

static void test_bad_segments(void **state)
{
	struct file *f = good_kernel();

	f->ph[0].p_offset = sizeof(*f) - 4095;
	refused(f, "truncated");
	f = good_kernel();
	f->ph[0].p_offset = ~0ull - 100;
	refused(f, "truncated");
	f = good_kernel();
	f->ph[0].p_filesz = 0x5001;
	refused(f, "impossible size");
	f = good_kernel();
	f->ph[0].p_paddr = ~0ull - 100;
	refused(f, "impossible size");
	f = good_kernel();
	f->ph[0].p_memsz = ~0ull - 0x1000000;
	refused(f, "load address");
	f = good_kernel();
	f->ph[0].p_type = PT_NULL;
	refused(f, "nothing to load");
}

static void test_bad_header(void **state)
{
	struct file *f = good_kernel();

	f->eh.e_phoff = ~0ull;
	refused(f, "truncated");
	f = good_kernel();
	f->eh.e_phnum = 0xffff;
	refused(f, "truncated");
	f = good_kernel();
	f->eh.e_phentsize = 3;
	refused(f, "program headers");
}

// Cut anywhere, the file is refused or (behind its last part) still good.
static void test_every_cut(void **state)
{
	struct file *f = good_kernel();
	struct elf_image image;

	for (size_t n = 0; n < sizeof(*f); n++) {
		u8 *cut = malloc(n ? n : 1);

		memcpy(cut, f, n);
		assert_non_null(elf_parse(&image, cut, n));
		free(cut);
	}
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_paddr_offset),
		cmocka_unit_test(test_entry_from_header),
		cmocka_unit_test(test_not_elf),
		cmocka_unit_test(test_machine),
		cmocka_unit_test(test_no_pv),
		cmocka_unit_test(test_wrong_notes),
		cmocka_unit_test(test_bad_notes),
		cmocka_unit_test(test_bad_segments),
		cmocka_unit_test(test_bad_header),
		cmocka_unit_test(test_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
