// SPDX-License-Identifier: MIT
//
// See topology.h. Leaf 0xb says it directly (Intel SDM vol. 3, 9.9; AMD has it
// too). Before there was such a leaf, the counts had to be put together, and an
// APIC id has as many bits for each level as its count needs.
#include "cpu/topology.h"

#include "cpu/cpu.h"
#include "hw/cpu.h"
#include "lib/string.h"

#define LEAF_TOPOLOGY 0xbu
#define LEAF_CACHES 4u
#define LEAF_SIZES 0x80000008u
#define LEAF1_D_HTT BIT(28)
#define SHIFT_MASK 0x1fu

static u32 bits_for(u32 n)
{
	return n > 1 ? 32 - (u32)__builtin_clz(n - 1) : 0;
}

static bool from_leaf_b(struct cpu_topology *t)
{
	struct cpuid core, socket;

	if (cpu_features.max_leaf < LEAF_TOPOLOGY)
		return false;
	core = cpuid(LEAF_TOPOLOGY, 0);
	socket = cpuid(LEAF_TOPOLOGY, 1);
	if (!core.b || socket.b < core.b)
		return false;
	t->threads_per_core = core.b;
	t->cores_per_socket = socket.b / core.b;
	t->core_shift = core.a & SHIFT_MASK;
	t->socket_shift = max(socket.a & SHIFT_MASK, t->core_shift);
	return true;
}

// Cores of a socket by the older leaves; *id_bits: for their number, where that
// is said.
static u32 cores_of(u32 *id_bits)
{
	struct cpuid r;
	u32 cores = 1;

	*id_bits = 0;
	if (cpu_features.syscall32) { // AMD
		if (cpu_features.max_ext_leaf < LEAF_SIZES)
			return 1;
		r = cpuid(LEAF_SIZES, 0);
		*id_bits = r.c >> 12 & 0xf;
		cores = (r.c & 0xff) + 1;
	} else if (cpu_features.max_leaf >= LEAF_CACHES) {
		cores = (cpuid(LEAF_CACHES, 0).a >> 26) + 1;
	}
	return cores;
}

static void from_counts(struct cpu_topology *t)
{
	u32 logical = 1, id_bits, cores;

	if (cpu_features.leaf1_d & LEAF1_D_HTT)
		logical = max(cpuid(1, 0).b >> 16 & 0xff, 1u);
	cores = min(cores_of(&id_bits), logical);
	t->cores_per_socket = max(cores, 1u);
	t->threads_per_core = logical / t->cores_per_socket;
	t->core_shift = bits_for(t->threads_per_core);
	t->socket_shift =
		max(t->core_shift + bits_for(t->cores_per_socket), id_bits);
}

struct cpu_topology topology_get(void)
{
	struct cpu_topology t = {0};

	if (!from_leaf_b(&t))
		from_counts(&t);
	return t;
}
