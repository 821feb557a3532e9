// SPDX-License-Identifier: MIT
//
// See vga.h. The hardware cursor stays where the firmware left it.
#include "console/vga.h"

#define COLUMNS 80
#define ROWS 25
#define ATTRIBUTE 0x0700u // light grey on black

static volatile u16 *screen;
static u32 column, row;

static void scroll(void)
{
	for (u32 i = 0; i < COLUMNS * (ROWS - 1); i++)
		screen[i] = screen[i + COLUMNS];
	for (u32 i = COLUMNS * (ROWS - 1); i < COLUMNS * ROWS; i++)
		screen[i] = ATTRIBUTE | ' ';
}

static void new_line(void)
{
	column = 0;
	if (++row == ROWS) {
		scroll();
		row--;
	}
}

static void put(char c)
{
	if (c == '\n') {
		new_line();
		return;
	}
	if (c == '\r') {
		column = 0;
		return;
	}
	if (column == COLUMNS)
		new_line();
	screen[row * COLUMNS + column++] = (u16)(ATTRIBUTE | (u8)c);
}

void vga_init(volatile u16 *text)
{
	screen = text;
	row = column = 0;
	for (u32 i = 0; i < COLUMNS * ROWS; i++)
		screen[i] = ATTRIBUTE | ' ';
}

void vga_write(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put(text[i]);
}
