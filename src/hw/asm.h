// SPDX-License-Identifier: MIT
//
// For assembly files: symbols with a type and a size, so that back traces and
// tools can name every address; and physical addresses of image symbols.
#pragma once

#include "config.h"

#define FUNC(name)             \
	.globl name;           \
	.hidden name;          \
	.type name, @function; \
	.balign 16;            \
	name:
#define LOCAL_FUNC(name)       \
	.type name, @function; \
	name:
#define END(name) .size name, .- name

// Where a symbol of the image lies in memory.
#define PHYS(sym) ((sym)-IMAGE_BASE + IMAGE_PHYS)
