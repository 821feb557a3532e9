// SPDX-License-Identifier: MIT
//
// How the machine's processors share sockets and cores, for the tools to show.
#pragma once

#include "lib/types.h"

struct cpu_topology {
	u32 threads_per_core, cores_per_socket;
	u32 core_shift, socket_shift; // of an APIC id
};

// The same for all processors. Both counts are at least 1.
struct cpu_topology topology_get(void);

static inline u32 topology_socket(const struct cpu_topology *t, u32 apic_id)
{
	return apic_id >> t->socket_shift;
}

// Within its socket.
static inline u32 topology_core(const struct cpu_topology *t, u32 apic_id)
{
	return (u32)((apic_id & (BIT(t->socket_shift) - 1)) >> t->core_shift);
}
