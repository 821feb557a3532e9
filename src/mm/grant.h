// SPDX-License-Identifier: MIT
//
// Grant tables: pages that a guest shares with us, in which it writes whom it
// lets use which of its frames.
#pragma once

#include "lib/types.h"

struct domain;

#define GRANT_FRAMES_DEFAULT 64 // most frames of a table

// Gives d a table of one frame that may grow to max_frames. 0 or -ENOMEM.
int must_check grant_domain_init(struct domain *d, u32 max_frames);
// Lets go of the table's frames; those mapped elsewhere stay until unmapped.
void grant_domain_destroy(struct domain *d);
// Frees the structure, after grant_domain_destroy.
void grant_domain_free(struct domain *d);
// True when mfn is a frame of d's table.
bool grant_has_frame(const struct domain *d, mfn_t mfn);
