// SPDX-License-Identifier: MIT
//
// The filter through which .xz packs x86 code: the operands of calls and jumps
// hold absolute targets, because those repeat and relative ones do not.
#pragma once

#include "lib/types.h"

// Makes the operands in the bytes at code relative again. The first byte was
// the first that the packer's filter saw.
void bcj_x86_decode(u8 *code, size_t bytes);
