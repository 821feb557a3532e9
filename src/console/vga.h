// SPDX-License-Identifier: MIT
//
// The 80x25 VGA text screen, for machines without a serial line. Output only.
#pragma once

#include "lib/types.h"

// Clears the screen; text is where its memory can be reached.
void vga_init(volatile u16 *text);
// Prints at the end, scrolling. \n and \r are understood.
void vga_write(const char *text, size_t len);
