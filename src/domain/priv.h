// SPDX-License-Identifier: MIT
//
// Between domain.c, which makes domains, and destroy.c, which ends them.
#pragma once

#include "domain/domain.h"

// Takes d out of the list and the hash.
void domain_unpublish(struct domain *d);
// Frees the structures of a domain that holds nothing any more.
void domain_free(struct domain *d);
