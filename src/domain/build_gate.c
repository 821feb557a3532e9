// SPDX-License-Identifier: MIT
//
// Which ring dom0's kernel runs in (docs/gate.md). It is settled before there
// is a page table of dom0's, since it decides what is in them.
#include "domain/build.h"
#include "lib/string.h"

// Why not, or 0.
static const char *closed_because(const struct gate_ask *ask)
{
	if (ask->closed)
		return "another gate was asked for";
	if (!strcmp(ask->option, "off"))
		return "dom0-gate=off says so";
	if (*ask->option && strcmp(ask->option, "open") != 0)
		return "dom0-gate= is none of off, open, closed, adaptive";
	if ((i64)ask->entry >= 0)
		return "the kernel runs at low addresses, as its users do";
	if (ask->meltdown)
		return "on this processor users could read their kernel's "
		       "memory";
	return NULL;
}

bool gate_open(const struct gate_ask *ask, const char **why)
{
	*why = closed_because(ask);
	return !*why;
}
