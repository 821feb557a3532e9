// SPDX-License-Identifier: MIT
//
// The decompression libraries are user-space objects: they use SSE registers,
// read a stack-protector word at %fs:0x28, keep data in the red zone below
// RSP, and expect their constructors to have run. The hypervisor itself has
// none of this, so it is set up around the calls. The red zone needs nothing:
// interrupts are off, and NMI, #MC, #DF and #DB have stacks of their own.
#include "domain/vector.h"

#include "hw/cpu.h"

typedef void constructor_fn(void);
extern constructor_fn *const init_array_start[], *const init_array_end[];

// Stands for the thread's own data, of which only word 5, the protector's, is
// ever read.
static u64 thread_block[8];

void vector_begin(struct vector_state *saved)
{
	saved->cr0 = read_cr0();
	saved->cr4 = read_cr4();
	saved->fs_base = rdmsr(MSR_FS_BASE);

	write_cr0((saved->cr0 | CR0_MP) & ~(u64)(CR0_TS | CR0_EM));
	write_cr4(saved->cr4 | CR4_OSFXSR | CR4_OSXMMEXCPT);
	thread_block[5] = rdtsc();
	wrmsr(MSR_FS_BASE, (u64)thread_block);

	// Idempotent: they choose code for the processor's features.
	for (constructor_fn *const *f = init_array_start; f < init_array_end;
	     f++)
		(*f)();
}

void vector_end(const struct vector_state *saved)
{
	wrmsr(MSR_FS_BASE, saved->fs_base);
	write_cr4(saved->cr4);
	write_cr0(saved->cr0);
}
