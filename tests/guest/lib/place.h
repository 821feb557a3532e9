// SPDX-License-Identifier: MIT
//
// On which processor a vCPU of ours runs.
#pragma once

#include "types.h"

/* Keeps vCPU vcpu on processor cpu (below 8) from now on. */
void place_vcpu(u32 vcpu, u32 cpu);
