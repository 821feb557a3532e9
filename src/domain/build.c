// SPDX-License-Identifier: MIT
//
// dom0, from boot modules to a vCPU that waits to run. The order below is the
// story: unpack the kernel, decide on memory and places, take frames, fill
// them, have the page tables validated like any guest's, set up the vCPUs.
#include "abi/errno.h"
#include "abi/xen.h"
#include "boot/boot.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/percpu.h"
#include "domain/build.h"
#include "domain/domain.h"
#include "domain/scratch.h"
#include "gate/closed.h"
#include "hw/x86.h"
#include "hypercall/hypercall.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "sched/sched.h"

// ------------------------------------------------------------------ modules

static void take_modules(struct build *b, const struct boot_info *bi)
{
	if (bi->module_count == 0)
		give_up("no dom0 kernel: give one as the first module (QEMU: "
			"-initrd \"vmlinuz console=hvc0,initrd.gz\"; GRUB: "
			"module2 /vmlinuz ...)");
	b->kernel_module = &bi->module[0];
	if (bi->module_count > 1)
		b->initrd = &bi->module[1];
	for (u32 i = 2; i < bi->module_count; i++)
		log_warn("dom0: module %u is not used: only a kernel and an "
			 "initrd are\n",
			 i + 1);
}

// ------------------------------------------------------------------- memory

// Frames that building will give back to the heap, or to dom0 directly.
static u64 pages_to_come(const struct build *b)
{
	u64 pages = 0;

	if (b->kernel.unpacked)
		pages += scratch_pages(b->kernel.unpacked);
	else if (module_owns_frames(b->kernel_module))
		pages += module_pages(b->kernel_module);
	if (b->initrd && module_owns_frames(b->initrd))
		pages += module_pages(b->initrd);
	return pages;
}

static void decide_memory(struct build *b)
{
	const struct boot_options *o = &boot_options;
	struct memory_ask ask = {
		.given = o->dom0_mem,
		.least = o->dom0_mem_min,
		.most = o->dom0_mem_max,
		.less = o->dom0_mem_less > 0 ? (u64)o->dom0_mem_less : 0,
		.free_pages = heap_free_frames() + pages_to_come(b),
		.total_pages = heap_total_frames(),
	};
	u64 mib = ask.free_pages >> 8;

	b->nr_pages = memory_pages(&ask);
	if (b->nr_pages == 0)
		give_up("dom0_mem= asks for more memory than the %lu MiB that "
			"are free; write dom0_mem=%luM or less, or nothing",
			mib, mib);
}

static void decide_layout(struct build *b)
{
	const struct elf_image *image = &b->kernel.image;
	const struct layout_ask ask = {
		.base = image->notes.virt_base,
		.kernel_end = elf_va(image, image->paddr_end),
		.initrd_pages = module_pages(b->initrd),
		.initrd_mapped = !image->notes.initrd_unmapped,
		.init_p2m = image->notes.init_p2m,
		.nr_pages = b->nr_pages,
	};
	const char *error = layout_compute(&b->layout, &ask);
	u64 needed = (b->layout.used_pages + 255) >> 8;

	if (error)
		give_up("dom0's kernel %s", error);
	if (b->layout.used_pages > b->nr_pages)
		give_up("dom0 gets %lu MiB of memory, and its kernel and its "
			"initrd of %lu MiB alone need %lu; write dom0_mem=%luM "
			"or more, or give the machine more memory",
			b->nr_pages >> 8, module_pages(b->initrd) >> 8, needed,
			needed + needed / 2);
}

// ----------------------------------------------------------------- contents

static void write_info(const struct build *b)
{
	const struct info_ask ask = {
		.nr_pages = b->nr_pages,
		.shared_info = mfn_maddr(b->d->shared_mfn),
		.initrd_bytes = b->initrd ? b->initrd->size : 0,
		.cmdline = b->kernel_module->cmdline,
	};
	struct start_info *si = build_page(b, b->layout.info_va);
	u64 hypercalls = b->kernel.image.notes.hypercall_page;

	memset(si, 0, PAGE_SIZE);
	build_start_info(si, &b->layout, &ask);
	memset(build_page(b, b->layout.stack_va), 0, PAGE_SIZE);
	if (hypercalls)
		hypercall_page_fill(build_page(b, hypercalls));
}

// -------------------------------------------------------------------- vCPUs

static void choose_gate(struct build *b)
{
	const struct gate_ask ask = {
		.option = boot_options.dom0_gate,
		.closed = gate_dom0_asked_for(),
		.entry = b->kernel.image.notes.entry,
		.meltdown = cpu_features.meltdown,
	};
	const char *why;

	b->d->gate = gate_policy_dom0();
	b->d->open_gate = gate_open(&ask, &why);
	if (b->d->open_gate)
		log_info("dom0: open gate: its kernel runs in ring 1, where "
			 "nothing keeps it from the hypervisor's memory; no "
			 "IOMMU keeps its devices from it either\n");
	else if (!ask.closed)
		log_info("dom0: no open gate, so its kernel runs in ring 3: "
			 "%s\n",
			 why);
}

// How far dom0 may grow later. Without a word about it: not at all, since Linux
// keeps a page structure and a P2M entry for all that it might once get, which
// on a large machine costs it more memory and time than the rest of its start.
static void limit_memory(struct build *b)
{
	u64 most = boot_options.dom0_mem_max >> PAGE_SHIFT;

	b->d->max_pages = max(most, b->nr_pages);
}

static void create_domain(struct build *b)
{
	u32 vcpus = boot_options.dom0_max_vcpus;
	int error;

	if (vcpus == 0)
		vcpus = sched_guest_cpus();
	vcpus = min(vcpus, (u32)MAX_VCPUS);
	b->d = domain_create(0, vcpus, true, &error);
	if (b->d == NULL)
		give_up("dom0 cannot be created (error %d): too little memory",
			error);
	choose_gate(b);
	b->d->max_pages = UINT32_MAX; // until it is decided
	for (u32 i = 0; i < vcpus; i++)
		if (vcpu_create(b->d, i) != 0)
			give_up("dom0's vCPU %u cannot be created: too little "
				"memory; write a smaller dom0_max_vcpus=",
				i);
}

// Has the root validated, with all below it, and pins it as a guest would: the
// kernel unpins it when it has made tables of its own.
static void pin_root(const struct build *b)
{
	mfn_t root = frame_map_mfn(&b->frames, b->layout.tables_pfn);
	int error;

	do {
		cpu_this()->work = 0; // no guest waits for us yet
		error = root_get(b->d, root);
	} while (error == -ERESTART);
	if (error)
		panic("dom0's first page tables were refused (error %d)",
		      error);
	__atomic_or_fetch(&mfn_frame(root)->type, FT_PINNED, __ATOMIC_SEQ_CST);
}

// The state in which the ABI has the kernel entered (abi.md 2.2).
static void fill_context(const struct build *b, struct vcpu_guest_context *c)
{
	const struct layout *l = &b->layout;
	mfn_t root = frame_map_mfn(&b->frames, l->tables_pfn);

	c->flags = VGCF_in_kernel | VGCF_online;
	c->user_regs.rip = b->kernel.image.notes.entry;
	c->user_regs.rsp = l->stack_va + PAGE_SIZE;
	c->user_regs.rsi = l->info_va;
	c->user_regs.rflags = RFLAGS_IF | RFLAGS_MBS;
	c->user_regs.cs = FLAT_RING3_CS64;
	c->user_regs.ss = FLAT_RING3_SS64;
	c->ctrlreg[3] = xen_pfn_to_cr3(root.n);
}

static void start_vcpu(const struct build *b, struct vcpu *v)
{
	static struct vcpu_guest_context c; // 5 KiB: too much for the stack
	int error;

	fill_context(b, &c);
	error = vcpu_set_context(v, &c);
	if (error)
		panic("dom0's first vCPU was refused (error %d)", error);
}

static void start(struct build *b)
{
	struct vcpu *v;

	for (u32 i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		b->d->shared->vcpu_info[i].evtchn_upcall_mask = 1;
	for_each_vcpu (b->d, v)
		clock_update(v);
	clock_update_wall(b->d);
	log_info("dom0: memory %lu MiB, vCPUs %u\n", b->nr_pages >> 8,
		 b->d->max_vcpus);
	start_vcpu(b, b->d->vcpu[0]); // runnable from here on
}

static void free_leftovers(struct build *b, const struct boot_info *bi)
{
	if (b->initrd && !module_owns_frames(b->initrd))
		module_free(b->initrd);
	for (u32 i = 2; i < bi->module_count; i++)
		module_free(&bi->module[i]);
	frame_map_free(&b->frames);
}

void dom0_build(const struct boot_info *bi)
{
	static struct build b;

	take_modules(&b, bi);
	kernel_open(&b.kernel, b.kernel_module);
	if (b.kernel.unpacked)
		module_free(b.kernel_module); // for dom0 to have
	create_domain(&b);
	decide_memory(&b);
	decide_layout(&b);
	build_load(&b);
	write_info(&b);
	build_frame_lists(&b.layout, &b.frames, b.nr_pages);
	build_page_tables(&b.layout, &b.frames);
	limit_memory(&b);
	pin_root(&b);
	start(&b);
	free_leftovers(&b, bi);
}
