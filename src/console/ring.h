// SPDX-License-Identifier: MIT
//
// The log ring: the last RING_SIZE bytes written, addressed by a position that
// only grows (and wraps with u32), so that a reader can tell what it missed.
// No locking here.
#pragma once

#include "lib/types.h"

#define RING_SIZE 0x20000u // power of two

struct ring {
	u32 end; // position behind the newest byte
	u32 start; // position of the oldest byte still kept
	char data[RING_SIZE];
};

// Appends len bytes; the oldest go when it is full.
void ring_put(struct ring *r, const char *text, size_t len);
// Copies from *pos on; a position that is lost (or never was) moves to the
// oldest byte. Returns the bytes copied, and moves *pos behind them.
size_t ring_read(const struct ring *r, u32 *pos, char *buf, size_t max);
// Forgets what is before pos, if pos is in it.
void ring_forget(struct ring *r, u32 pos);
