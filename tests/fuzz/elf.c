// SPDX-License-Identifier: MIT
// uses: src/domain/elf.c
//
// elf_parse on any bytes: no access outside of the file, and whatever it
// accepts keeps the promises of elf.h.
#include <stdlib.h>

#include "domain/elf.h"

static void check_segment(const struct elf_image *image,
			  const struct elf_segment *s)
{
	if (s->file_bytes > s->mem_bytes || s->offset > image->file_bytes ||
	    s->file_bytes > image->file_bytes - s->offset ||
	    s->paddr < image->paddr_start ||
	    s->paddr + s->mem_bytes > image->paddr_end ||
	    s->paddr + s->mem_bytes < s->paddr)
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);
int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
	static struct elf_image image;

	if (elf_parse(&image, data, bytes))
		return 0;
	if (image.segment_count == 0 || image.segment_count > ELF_MAX_SEGMENTS)
		abort();
	for (u32 i = 0; i < image.segment_count; i++)
		check_segment(&image, &image.segment[i]);
	if (elf_va(&image, image.paddr_start) > image.notes.entry ||
	    elf_va(&image, image.paddr_end) <= image.notes.entry)
		abort();
	return 0;
}
