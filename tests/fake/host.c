// SPDX-License-Identifier: MIT
//
// See host.h.
#include "host.h"

#include <string.h>

#include "boot/boot.h"
#include "domain/domctl.h"
#include "mm/mm.h"
#include "sched/sched.h"

struct cpu_features cpu_features = {
	.max_leaf = 0xd,
	.max_ext_leaf = 0x80000008,
	.leaf1_d = 1u << 28,
	.phys_bits = 40,
	.syscall32 = true,
};
struct tsc_scale tsc_scale = {.hz = 2500000000};
struct boot_info boot_info = {
	.e820_count = 3,
	.e820 = {{0, 0x9fc00, E820_RAM},
		 {0xf0000, 0x10000, E820_RESERVED},
		 {0x100000, 0x7ff00000, E820_RAM}},
};
struct list domain_list;
struct lock domain_list_lock = LOCK_INIT(LOCK_DOMAIN_LIST);
u32 sched_ratelimit_us = 500;

struct domain control = {.privileged = true};
struct domain other = {.id = 7};
struct vcpu vcpu = {.domain = &control};
struct vcpu other_vcpu = {.domain = &other};
struct ring ring;
char keys_seen[80];
struct cpuid topology_leaf[2]; // leaf 0xb

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	switch (leaf) {
	case 0:
		return (struct cpuid){0xd, 0x68747541, 0x444d4163, 0x69746e65};
	case 1:
		return (struct cpuid){0x663, 4 << 16, 0x80002001, 0x178bfbfd};
	case 4:
		return (struct cpuid){.a = 1 << 26 | 1};
	case 0xb:
		return subleaf < 2 ? topology_leaf[subleaf] : (struct cpuid){0};
	case 0x80000000:
		return (struct cpuid){.a = 0x80000008};
	case 0x80000001:
		return (struct cpuid){0, 0, 7, 0x2193fbfd};
	case 0x80000008:
		return (struct cpuid){0x3028, 0, 3 | 2 << 12, 0};
	default:
		return (struct cpuid){0};
	}
}

u64 frame_limit(void)
{
	return 0x80000;
}

u64 claims_total(void)
{
	return 12;
}

u64 heap_free_frames(void)
{
	return 1000;
}

bool has_tsc_aux(void)
{
	return true;
}

u64 sched_idle_ns(u32 cpu)
{
	return 100 + cpu;
}

void debug_key(char key)
{
	size_t n = strlen(keys_seen);

	keys_seen[n] = key;
	keys_seen[n + 1] = 0;
}

size_t console_ring_read(u32 *pos, char *buf, size_t max)
{
	return ring_read(&ring, pos, buf, max);
}

u32 console_ring_start(void)
{
	return ring.start;
}

void console_ring_forget(u32 pos)
{
	ring_forget(&ring, pos);
}

struct domain *domain_find(domid_t id)
{
	return id == control.id ? &control : id == other.id ? &other : NULL;
}

struct domain *domain_next(domid_t id)
{
	return id == 0 ? &control : id <= 7 ? &other : NULL;
}

void domain_info_get(const struct domain *d,
		     struct xen_domctl_getdomaininfo *info)
{
	memset(info, 0, sizeof(*info));
	info->domain = d->id;
}
