// SPDX-License-Identifier: MIT
//
// A set of inclusive u64 ranges: which ports or device frames a domain has.
// Each set has its own lock; callers need none.
#pragma once

#include "lib/types.h"

struct rangeset;

// An empty set. 0: no memory.
struct rangeset *must_check rangeset_create(void);
void rangeset_destroy(struct rangeset *s); // 0 allowed
// Puts first..last in, or takes it out; parts may be there (or not) already.
// -EINVAL first > last, -ENOMEM (the set is unchanged then).
int must_check rangeset_add(struct rangeset *s, u64 first, u64 last);
int must_check rangeset_remove(struct rangeset *s, u64 first, u64 last);
// True when all of first..last is in the set. first <= last.
bool rangeset_has(const struct rangeset *s, u64 first, u64 last);
