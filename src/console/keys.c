// SPDX-License-Identifier: MIT
//
// Debug keys: one letter, one function. Each part registers its own.
#include "console/console.h"

#define KEYS 128

static struct {
	const char *what;
	void (*fn)(void);
} keys[KEYS];

void debug_key_register(char key, const char *what, void (*fn)(void))
{
	keys[(u8)key % KEYS].what = what;
	keys[(u8)key % KEYS].fn = fn;
}

static void help(void)
{
	log_at(LOG_ERROR, "debug keys:\n");
	log_at(LOG_ERROR, "  h  this help\n");
	for (u32 i = 0; i < KEYS; i++)
		if (keys[i].fn)
			log_at(LOG_ERROR, "  %c  %s\n", (int)i, keys[i].what);
}

void debug_key(char key)
{
	u8 i = (u8)key;

	if (i < KEYS && keys[i].fn)
		keys[i].fn();
	else if (key > ' ') // not for a mere Enter
		help();
}
