// SPDX-License-Identifier: MIT
//
// The ELF parser: file header, program headers, notes, in that order. Each step
// returns 0 or the sentence that the user is to read. Structures are copied out
// of the file before use, for nothing in it need be aligned.
#include "domain/elf.h"

#include <elf.h>

#include "abi/xen.h"
#include "lib/string.h"

#define NOT_ELF "is not an ELF file"
#define NO_PV                                                             \
	"has no Xen PV entry (CONFIG_XEN_PV); use a distribution kernel " \
	"such as Debian's linux-image-amd64"
#define TRUNCATED "is truncated: a part named in its header is missing"
#define BAD_NOTES "is damaged: its ELF notes run past their end"
#define BAD_BASE "asks for a load address that no guest can have"

// True if the file starts as any ELF file does.
static bool elf_is(const void *file, u64 bytes)
{
	return bytes >= SELFMAG && memcmp(file, ELFMAG, SELFMAG) == 0;
}

// True if [offset, offset + bytes) lies in a file of `size` bytes.
static bool inside(u64 size, u64 offset, u64 bytes)
{
	return offset <= size && bytes <= size - offset;
}

static const char *read_header(Elf64_Ehdr *h, const struct elf_image *image)
{
	if (!elf_is(image->file, image->file_bytes))
		return NOT_ELF;
	if (image->file_bytes < sizeof(*h))
		return TRUNCATED;
	memcpy(h, image->file, sizeof(*h));
	if (h->e_ident[EI_CLASS] == ELFCLASS32)
		return "is a 32-bit kernel; use a 64-bit one (amd64)";
	if (h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64)
		return "is not for x86-64; use an amd64 kernel";
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return "is an ELF file but no kernel (it is not executable)";
	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0)
		return "has no ELF program headers; use a kernel image";
	if (!inside(image->file_bytes, h->e_phoff,
		    (u64)h->e_phnum * sizeof(Elf64_Phdr)))
		return TRUNCATED;
	return NULL;
}

static const char *add_segment(struct elf_image *image, const Elf64_Phdr *ph)
{
	if (ph->p_memsz == 0)
		return NULL;
	if (image->segment_count == ELF_MAX_SEGMENTS)
		return "has more ELF segments than any kernel";
	if (ph->p_filesz > ph->p_memsz ||
	    ph->p_paddr + ph->p_memsz < ph->p_paddr)
		return "is damaged: an ELF segment has an impossible size";
	if (!inside(image->file_bytes, ph->p_offset, ph->p_filesz))
		return TRUNCATED;
	image->segment[image->segment_count++] = (struct elf_segment){
		.offset = ph->p_offset,
		.file_bytes = ph->p_filesz,
		.paddr = ph->p_paddr,
		.mem_bytes = ph->p_memsz,
	};
	image->paddr_start = min(image->paddr_start, ph->p_paddr);
	image->paddr_end = max(image->paddr_end, ph->p_paddr + ph->p_memsz);
	return NULL;
}

// A number of 4 or 8 bytes; 0 for any other size.
static u64 note_number(const u8 *desc, u32 bytes)
{
	u64 value = 0;

	if (bytes == 4 || bytes == 8)
		memcpy(&value, desc, bytes);
	return value;
}

static void note_text(char *out, size_t size, const u8 *desc, u32 bytes)
{
	size_t n = min(size - 1, (size_t)bytes);

	memcpy(out, desc, n);
	out[n] = '\0';
}

static void take_note(struct xen_notes *n, u32 type, const u8 *desc, u32 bytes)
{
	u64 number = note_number(desc, bytes);

	if (type > XEN_ELFNOTE_MAX)
		return;
	n->present |= 1u << type;
	switch (type) {
	case XEN_ELFNOTE_ENTRY:
		n->entry = number;
		break;
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		n->hypercall_page = number;
		break;
	case XEN_ELFNOTE_VIRT_BASE:
		n->virt_base = number;
		break;
	case XEN_ELFNOTE_PADDR_OFFSET:
		n->paddr_offset = number;
		break;
	case XEN_ELFNOTE_INIT_P2M:
		n->init_p2m = number;
		break;
	case XEN_ELFNOTE_MOD_START_PFN:
		n->initrd_unmapped = number != 0;
		break;
	case XEN_ELFNOTE_SUPPORTED_FEATURES:
		n->features = (u32)number;
		break;
	case XEN_ELFNOTE_GUEST_OS:
		note_text(n->guest_os, sizeof(n->guest_os), desc, bytes);
		break;
	case XEN_ELFNOTE_GUEST_VERSION:
		note_text(n->guest_version, sizeof(n->guest_version), desc,
			  bytes);
		break;
	case XEN_ELFNOTE_XEN_VERSION:
		note_text(n->xen_version, sizeof(n->xen_version), desc, bytes);
		break;
	case XEN_ELFNOTE_LOADER:
		note_text(n->loader, sizeof(n->loader), desc, bytes);
		break;
	}
}

// Walks the notes in [at, end) of the file. Names and contents are padded to
// `align`, which is 4 except in segments that say 8.
static const char *read_notes(struct elf_image *image, u64 at, u64 end,
			      u64 align)
{
	Elf64_Nhdr nh;

	while (inside(end, at, sizeof(nh))) {
		memcpy(&nh, image->file + at, sizeof(nh));

		u64 name = at + sizeof(nh);
		u64 desc = at + ALIGN_UP(sizeof(nh) + nh.n_namesz, align);
		u64 next = desc + ALIGN_UP(nh.n_descsz, align);

		if (!inside(end, name, nh.n_namesz) ||
		    !inside(end, desc, nh.n_descsz))
			return BAD_NOTES;
		if (nh.n_namesz == sizeof("Xen") &&
		    memcmp(image->file + name, "Xen", sizeof("Xen")) == 0)
			take_note(&image->notes, nh.n_type, image->file + desc,
				  nh.n_descsz);
		at = next;
	}
	return NULL;
}

static const char *add_notes(struct elf_image *image, const Elf64_Phdr *ph)
{
	if (!inside(image->file_bytes, ph->p_offset, ph->p_filesz))
		return TRUNCATED;
	return read_notes(image, ph->p_offset, ph->p_offset + ph->p_filesz,
			  ph->p_align == 8 ? 8 : 4);
}

static const char *read_program_headers(struct elf_image *image,
					const Elf64_Ehdr *h)
{
	const char *error = NULL;
	Elf64_Phdr ph;

	image->paddr_start = ~0ull;
	for (u32 i = 0; i < h->e_phnum && !error; i++) {
		memcpy(&ph, image->file + h->e_phoff + i * sizeof(ph),
		       sizeof(ph));
		if (ph.p_type == PT_LOAD)
			error = add_segment(image, &ph);
		else if (ph.p_type == PT_NOTE)
			error = add_notes(image, &ph);
	}
	if (!error && image->segment_count == 0)
		return "is an ELF file with nothing to load; use a kernel";
	return error;
}

static bool has_note(const struct xen_notes *n, u32 type)
{
	return n->present & (1u << type);
}

// What the notes say must make a dom0 kernel of this ABI.
static const char *check_notes(struct xen_notes *n, const Elf64_Ehdr *h)
{
	// A kernel with only PVH support carries notes too, but neither of
	// these two; Mini-OS has no ENTRY and means the file's entry point.
	if (!has_note(n, XEN_ELFNOTE_ENTRY) &&
	    !has_note(n, XEN_ELFNOTE_VIRT_BASE))
		return NO_PV;
	if (!has_note(n, XEN_ELFNOTE_ENTRY))
		n->entry = h->e_entry;
	if (has_note(n, XEN_ELFNOTE_XEN_VERSION) &&
	    strcmp(n->xen_version, "xen-3.0") != 0)
		return "wants another guest ABI than \"xen-3.0\"";
	if (has_note(n, XEN_ELFNOTE_LOADER) &&
	    strcmp(n->loader, "generic") != 0)
		return "wants another loader than \"generic\"";
	if (has_note(n, XEN_ELFNOTE_SUPPORTED_FEATURES) &&
	    !(n->features & (1u << XENFEAT_dom0)))
		return "cannot be the control domain (CONFIG_XEN_DOM0); use a "
		       "distribution kernel such as Debian's linux-image-amd64";
	return NULL;
}

// The kernel's area must lie wholly in one half of the canonical addresses and
// outside the hypervisor's slots, and entry and hypercall page in the kernel.
static const char *check_addresses(const struct elf_image *image)
{
	const struct xen_notes *n = &image->notes;
	u64 start = elf_va(image, image->paddr_start);
	u64 end = elf_va(image, image->paddr_end);

	if ((n->virt_base | n->paddr_offset | n->init_p2m | n->hypercall_page) &
	    ~PAGE_MASK)
		return "is damaged: a note's address is not a page's";
	if (image->paddr_start < n->paddr_offset || start > end ||
	    start < n->virt_base)
		return BAD_BASE;
	if (n->entry < start || n->entry >= end)
		return "is damaged: its entry point is outside of it";
	if (n->hypercall_page &&
	    (n->hypercall_page < start || n->hypercall_page >= end))
		return "is damaged: its hypercall page is outside of it";
	return NULL;
}

const char *elf_parse(struct elf_image *image, const void *file, u64 bytes)
{
	const char *error;
	Elf64_Ehdr header;

	memset(image, 0, sizeof(*image));
	image->file = file;
	image->file_bytes = bytes;
	error = read_header(&header, image);
	if (!error)
		error = read_program_headers(image, &header);
	if (!error)
		error = check_notes(&image->notes, &header);
	if (!error)
		error = check_addresses(image);
	return error;
}
