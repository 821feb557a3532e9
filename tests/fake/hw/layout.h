// SPDX-License-Identifier: MIT
//
// The direct map, frame table and M2P at addresses that a process can map.
#pragma once

#include "config.h"

#undef DIRECT_BASE
#undef DIRECT_END
#undef FRAMES_BASE
#undef M2P_BASE
#undef M2P_RW_BASE
#define DIRECT_BASE 0x600000000000
#define DIRECT_END 0x660000000000
#define FRAMES_BASE 0x680000000000
#define M2P_BASE 0x6a0000000000
#define M2P_RW_BASE 0x6a0000000000
