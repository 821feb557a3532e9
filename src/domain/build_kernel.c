// SPDX-License-Identifier: MIT
//
// From the boot module to a parsed kernel: find the payload, unpack it, read
// its headers. Whatever is wrong with the file ends here in one line.
#include "boot/boot.h"
#include "console/console.h"
#include "domain/build.h"
#include "domain/bzimage.h"
#include "domain/domain.h"
#include "domain/inflate.h"
#include "domain/scratch.h"
#include "domain/vector.h"

#define UNPACKED_MAX GIB(1)

static no_return void refuse(const char *reason)
{
	give_up("dom0's kernel %s", reason);
}

static void *unpack(const struct payload *p)
{
	struct vector_state saved;
	const char *error;
	void *out;

	// The size is the file's own claim: a wrong one must not become a
	// puzzling lack of memory.
	if (p->output_bytes > UNPACKED_MAX)
		refuse("is truncated or damaged: it claims to unpack to more "
		       "than 1 GiB; copy it again");
	out = scratch_alloc(p->output_bytes);
	if (!out)
		give_up("dom0's kernel unpacks to %lu KiB, and no free piece "
			"of memory is that large (%lu KiB are free in all); "
			"give the machine more memory",
			p->output_bytes >> 10, heap_free_frames() << 2);
	vector_begin(&saved);
	error = inflate_payload(p, out);
	vector_end(&saved);
	if (error)
		refuse(error);
	return out;
}

void kernel_open(struct kernel *k, const struct boot_module *module)
{
	const void *file = maddr_virt(module->start);
	u64 began = now_ns();
	struct payload p;
	const char *error = bzimage_parse(&p, file, module->size);

	if (error)
		refuse(error);
	k->unpacked = NULL;
	if (p.kind != PAYLOAD_ELF)
		k->unpacked = unpack(&p);
	error = elf_parse(&k->image, k->unpacked ? k->unpacked : p.data,
			  p.output_bytes);
	if (error)
		refuse(error);
	log_info("dom0: kernel %s (%s, %lu KiB -> %lu KiB) %lu ms\n",
		 p.version[0] ? p.version : k->image.notes.guest_os,
		 payload_name(p.kind), p.bytes >> 10, p.output_bytes >> 10,
		 (now_ns() - began) / 1000000);
}
