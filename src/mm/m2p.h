// SPDX-License-Identifier: MIT
//
// The M2P as the tools see it: frames that they may map read-only.
#pragma once

#include "lib/types.h"

// First frame of the 2 MiB page that holds entries i * 2^18 and up; MFN_NONE
// where there is none.
mfn_t m2p_chunk(u64 i);
// True for a frame of the table itself.
bool m2p_has_frame(mfn_t mfn);
