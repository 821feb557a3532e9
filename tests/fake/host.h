// SPDX-License-Identifier: MIT
//
// What sysctl needs of the other parts: a machine with a processor of two
// cores, a memory map, a log, and two domains.
#pragma once

#include "console/console.h"
#include "console/ring.h"
#include "core.h"
#include "cpu/cpu.h"
#include "cpu/topology.h"
#include "domain/domain.h"

extern struct domain control;
extern struct domain other;
extern struct vcpu vcpu;
extern struct vcpu other_vcpu;
extern struct ring ring;
extern char keys_seen[80];
extern struct cpuid topology_leaf[2];
