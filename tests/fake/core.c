// SPDX-License-Identifier: MIT
//
// See core.h. All of it is weak: a test may bring its own.
#include "core.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/errno.h"
#include "cpu/counters.h"
#include "cpu/uaccess.h"
#include "gate/closed.h"
#include "irq/watchdog.h"
#include "mm/mm.h"
#include "mm/dirty.h"

#define weak __attribute__((weak))

u64 fake_now = 1000;
u32 fake_cpus = 1;
u32 fake_alloc_fails;
u32 fake_allocated;
const void *fake_fault_at;
size_t fake_fault_bytes;
u64 fake_guest_written;

weak u64 now_ns(void)
{
	return fake_now;
}

weak u32 cpu_count(void)
{
	return fake_cpus;
}

weak u32 sched_guest_cpus(void)
{
	return fake_cpus;
}

weak void counters_print(void)
{
}

weak void watchdog_touch(void)
{
}

weak void counters_leave(const struct vcpu *v)
{
	(void)v;
}

void fake_cpus_init(u32 n)
{
	void *p = mmap((void *)PERCPU_BASE, (size_t)n * PERCPU_SIZE,
		       PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (p == MAP_FAILED)
		abort();
	for (u32 i = 0; i < n; i++) {
		cpu_of(i)->id = i;
		cpu_of(i)->apic_id = i;
		cpu_of(i)->online = true;
		cpu_of(i)->stack_top =
			percpu_base(i) + PERCPU_STACK + PERCPU_STACK_SIZE;
	}
	fake_cpu = cpu_of(0);
	fake_cpus = n;
}

weak void mirror_show(struct cpu *c, u64 va, u64 pte)
{
}

weak bool mirror_init(struct cpu *c, enum mirror_kind kind)
{
	(void)c;
	(void)kind;
	return true;
}

weak bool mirror_shares(const struct cpu *c)
{
	(void)c;
	return false;
}

weak mfn_t mirror_shared(struct vcpu *v, bool for_kernel, bool *taken)
{
	(void)v;
	(void)for_kernel;
	*taken = false;
	return MFN_NONE;
}

weak mfn_t mirror_full(struct vcpu *v)
{
	(void)v;
	return MFN_NONE;
}

weak mfn_t mirror_original(void)
{
	return maddr_mfn(cpu_this()->cr3);
}

weak bool mirror_give(gva_t va)
{
	(void)va;
	return false;
}

weak bool mirror_given(void)
{
	return false;
}

weak void mirror_entry_written(mfn_t table, u32 index, u64 entry)
{
}

weak void mirror_drop(mfn_t table)
{
}

weak enum gate_policy gate_policy_guests(void)
{
	return GATE_CLASSIC;
}

weak void *kalloc(size_t bytes)
{
	if (fake_alloc_fails && --fake_alloc_fails == 0)
		return NULL;
	fake_allocated++;
	return calloc(1, bytes);
}

weak void kfree(void *p)
{
	if (p)
		fake_allocated--;
	free(p);
}

bool fake_fault_on_write;

static bool faults(gva_t at, size_t bytes)
{
	gva_t bad = (gva_t)(uintptr_t)fake_fault_at;

	return fake_fault_bytes && at < bad + fake_fault_bytes &&
	       bad < at + bytes;
}

weak u32 dirty_logs;

weak void dirty_note(mfn_t mfn)
{
}

weak bool guest_range_ok(gva_t va, u64 bytes)
{
	return va + bytes >= va && va + bytes <= HV_START;
}

weak int guest_read(void *dst, gva_t src, size_t bytes)
{
	if (!fake_fault_on_write && faults(src, bytes))
		return -EFAULT;
	memcpy(dst, (const void *)(uintptr_t)src, bytes);
	return 0;
}

weak int guest_read_word(u64 *dst, gva_t src)
{
	return guest_read(dst, src, sizeof(*dst));
}

weak int guest_read_pair(u64 dst[2], gva_t src)
{
	return guest_read(dst, src, 2 * sizeof(*dst));
}

weak int guest_write(gva_t dst, const void *src, size_t bytes)
{
	if (faults(dst, bytes))
		return -EFAULT;
	memcpy((void *)(uintptr_t)dst, src, bytes);
	fake_guest_written += bytes;
	return 0;
}

weak size_t str_copy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src);

	if (size) {
		size_t take = min(n, size - 1);

		memcpy(dst, src, take);
		dst[take] = 0;
	}
	return n;
}
