// SPDX-License-Identifier: MIT
//
// dom0's frames, and what is in them at first. Copying is avoided: a kernel's
// segments begin on page borders, in the file as in memory, so the frames that
// hold the unpacked file become dom0's, in the order in which the kernel wants
// to see them; the same goes for the initrd's. Only what does not fit that way
// is copied. On a 60 MiB kernel this saves a tenth of a second and memory.
#include "boot/boot.h"
#include "console/console.h"
#include "domain/build.h"
#include "domain/domain.h"
#include "domain/scratch.h"
#include "lib/string.h"
#include "mm/mm.h"

// ------------------------------------------------------------------- frames

u64 module_pages(const struct boot_module *module)
{
	return module ? PAGES_OF(module->size) : 0;
}

bool module_owns_frames(const struct boot_module *module)
{
	return module->start % PAGE_SIZE == 0;
}

static void free_frames(mfn_t first, u64 pages)
{
	for (u64 i = 0; i < pages; i++)
		heap_free(MFN(first.n + i), 0);
}

void module_free(const struct boot_module *module)
{
	if (module_owns_frames(module))
		free_frames(maddr_mfn(module->start), module_pages(module));
}

static void add_frames(struct build *b, mfn_t mfn, u64 pages)
{
	if (!frame_map_add(&b->frames, mfn, pages))
		give_up("too little memory to build dom0");
}

// Allocates dom0's frames up to (not including) page number `end`, in pieces
// as large as the heap has.
static void take_frames(struct build *b, u64 end)
{
	u32 order = HEAP_MAX_ORDER;

	while (b->frames.pages < end) {
		mfn_t mfn = MFN_NONE;

		if (1ull << order <= end - b->frames.pages)
			mfn = domain_frames_alloc(b->d, order, 0);
		if (!mfn_is_none(mfn))
			add_frames(b, mfn, 1ull << order);
		else if (order-- == 0)
			give_up("memory ran out at %lu of dom0's %lu MiB; "
				"write a smaller dom0_mem=",
				b->frames.pages >> 8, b->nr_pages >> 8);
	}
}

// The page numbers that come next become these frames of the hypervisor's.
static void give_frames(struct build *b, mfn_t first, u64 pages)
{
	for (u64 i = 0; i < pages; i++)
		domain_frame_assign(b->d, MFN(first.n + i));
	add_frames(b, first, pages);
}

// Copies bytes to dom0's memory at offset `at` from page 0, or clears them when
// src is 0.
static void fill(const struct build *b, u64 at, const u8 *src, u64 bytes)
{
	while (bytes) {
		u64 run;
		mfn_t mfn = frame_map_run(&b->frames, at / PAGE_SIZE, &run);
		u8 *dst = (u8 *)mfn_virt(mfn) + at % PAGE_SIZE;
		u64 n = min(bytes, run * PAGE_SIZE - at % PAGE_SIZE);

		if (src) {
			memcpy(dst, src, n);
			src += n;
		} else {
			memset(dst, 0, n);
		}
		at += n;
		bytes -= n;
	}
}

void *build_page(const struct build *b, u64 va)
{
	u64 pfn = (va - b->layout.base) / PAGE_SIZE;

	return mfn_virt(frame_map_mfn(&b->frames, pfn));
}

// ------------------------------------------------------------------- kernel

// Where the segment goes: its offset in dom0's memory.
static u64 place_of(const struct build *b, const struct elf_segment *s)
{
	return elf_va(&b->kernel.image, s->paddr) - b->layout.base;
}

static u64 file_page(const struct elf_segment *s)
{
	return s->offset / PAGE_SIZE;
}

static u64 file_page_end(const struct elf_segment *s)
{
	return PAGES_OF(s->offset + s->file_bytes);
}

// True if the segment's frames can be used as they are: page borders agree, and
// they come after all that were given, in the file (of which the pages before
// `page` are gone) and in memory.
static bool can_give(const struct build *b, const struct elf_segment *s,
		     u64 page)
{
	u64 at = place_of(b, s);

	return s->file_bytes && s->offset % PAGE_SIZE == 0 &&
	       at % PAGE_SIZE == 0 && file_page(s) >= page &&
	       at / PAGE_SIZE >= b->frames.pages;
}

static void give_segments(struct build *b)
{
	struct kernel *k = &b->kernel;
	mfn_t file = virt_mfn(k->image.file);
	u64 page = 0;

	for (u32 i = 0; i < k->image.segment_count; i++) {
		const struct elf_segment *s = &k->image.segment[i];

		k->given[i] = can_give(b, s, page);
		if (!k->given[i])
			continue;
		page = file_page_end(s);
		take_frames(b, place_of(b, s) / PAGE_SIZE);
		give_frames(b, MFN(file.n + file_page(s)), page - file_page(s));
	}
}

// Sources of copies may lie in what is to be cleared of a given last page, so
// all copying comes first.
static void fill_segments(const struct build *b)
{
	const struct elf_image *image = &b->kernel.image;

	for (u32 i = 0; i < image->segment_count; i++) {
		const struct elf_segment *s = &image->segment[i];

		if (!b->kernel.given[i])
			fill(b, place_of(b, s), image->file + s->offset,
			     s->file_bytes);
	}
	for (u32 i = 0; i < image->segment_count; i++) {
		const struct elf_segment *s = &image->segment[i];

		fill(b, place_of(b, s) + s->file_bytes, NULL,
		     s->mem_bytes - s->file_bytes);
	}
}

// Gives the heap the frames of the file that dom0 did not get.
static void free_rest_of_file(const struct kernel *k, u64 pages)
{
	mfn_t file = virt_mfn(k->image.file);
	u64 page = 0;

	for (u32 i = 0; i < k->image.segment_count; i++) {
		const struct elf_segment *s = &k->image.segment[i];

		if (!k->given[i])
			continue;
		free_frames(MFN(file.n + page), file_page(s) - page);
		page = file_page_end(s);
	}
	free_frames(MFN(file.n + page), pages - page);
}

// The frames that hold the file, when they hold nothing else: how many.
static u64 take_over_file(struct build *b)
{
	const struct boot_module *m = b->kernel_module;

	if (b->kernel.unpacked)
		return scratch_forget(b->kernel.unpacked);
	if (module_owns_frames(m) &&
	    b->kernel.image.file == maddr_virt(m->start))
		return module_pages(m);
	return 0;
}

static void place_kernel(struct build *b)
{
	u64 file_pages = take_over_file(b);

	if (file_pages)
		give_segments(b);
	take_frames(b, b->layout.mapped_pages);
	fill_segments(b);
	if (file_pages)
		free_rest_of_file(&b->kernel, file_pages);
	else
		module_free(b->kernel_module);
}

// ------------------------------------------------------------------- initrd

static void place_initrd(struct build *b)
{
	const struct boot_module *m = b->initrd;
	u64 pages = module_pages(m);
	u8 *start;

	if (!m)
		return;
	start = maddr_virt(m->start);
	if (module_owns_frames(m)) {
		memset(start + m->size, 0, pages * PAGE_SIZE - m->size);
		give_frames(b, maddr_mfn(m->start), pages);
	} else {
		take_frames(b, b->frames.pages + pages);
		fill(b, b->layout.initrd_pfn * PAGE_SIZE, start, m->size);
	}
	log_info("dom0: initrd %lu KiB\n", m->size >> 10);
}

void build_load(struct build *b)
{
	// A mapped initrd has its page numbers in the middle of the area, so
	// what comes before it is taken first, and copied to.
	if (b->layout.initrd_va) {
		take_frames(b, b->layout.initrd_pfn);
		place_initrd(b);
	}
	place_kernel(b);
	if (!b->layout.initrd_va)
		place_initrd(b);
	take_frames(b, b->nr_pages);
}
