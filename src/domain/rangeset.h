// SPDX-License-Identifier: MIT
//
// A set of inclusive u64 ranges: which ports or device frames a domain has.
// Each set has its own lock; callers need none.
#pragma once

#include "lib/types.h"

struct rangeset;

struct rangeset *must_check rangeset_create(void); // 0: no memory
void rangeset_destroy(struct rangeset *s); // 0 allowed
// Both: -EINVAL first > last, -ENOMEM (the set is unchanged then).
int must_check rangeset_add(struct rangeset *s, u64 first, u64 last);
int must_check rangeset_remove(struct rangeset *s, u64 first, u64 last);
// True when all of first..last is in the set. first <= last.
bool rangeset_has(const struct rangeset *s, u64 first, u64 last);
