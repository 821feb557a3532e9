// SPDX-License-Identifier: MIT
//
// Which ring dom0's kernel runs in (docs/gate.md). It is settled before there is
// a page table of dom0's, since it decides what is in them.
#include "domain/build.h"
#include "lib/string.h"

bool gate_open(const struct gate_ask *ask, const char **why)
{
	*why = NULL;
	if (!*ask->option || !strcmp(ask->option, "off") || ask->closed)
		return false;
	if (strcmp(ask->option, "open") != 0)
		*why = "it is none of off, open, closed, adaptive";
	else if ((i64)ask->entry >= 0)
		*why = "the kernel runs at low addresses, as its users do";
	else if (ask->meltdown)
		*why = "on this processor users could read their kernel's "
		       "memory";
	return !*why;
}
