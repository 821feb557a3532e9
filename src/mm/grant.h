// SPDX-License-Identifier: MIT
//
// Grant tables: pages that a guest shares with us, in which it writes whom it
// lets use which of its frames.
#pragma once

#include "lib/types.h"

struct domain;

#define GRANT_FRAMES_DEFAULT 64 // most frames of a table
#define GRANT_MAPTRACK_DEFAULT 1024 // most pages of map records

// Gives d a table of one frame that may grow to max_frames, and records of
// what it maps of others' in up to max_maptrack pages. 0, -EINVAL more than the
// defaults, or no frames at all, -ENOMEM.
int must_check grant_domain_init(struct domain *d, u32 max_frames,
				 u32 max_maptrack);
// Lets go of the table's frames; those mapped elsewhere stay until unmapped.
// From here on nobody gets the use of a grant of d's.
void grant_domain_destroy(struct domain *d);
// Lets go of the grants of others that d had mapped. After its page tables are
// gone, since these hold the mappings. 0 or -ERESTART: call again.
int must_check grant_domain_release(struct domain *d);
// Frees the structure, after both.
void grant_domain_free(struct domain *d);
// True when mfn is a frame of d's table.
bool grant_has_frame(const struct domain *d, mfn_t mfn);
// For the log of written pages: marks what others may write to by d's grants.
void grant_mark_writers(const struct domain *d);
// For the auditor: what grants hold, and whether uses are counted right.
void grant_audit(void);
// Logs the state of all tables (debug key 'g').
void grant_dump(void);
