// SPDX-License-Identifier: MIT
//
// The GDT that processors use until cpu_init_this() loads the real one.
#pragma once

#define BOOT_CS64 0x08
#define BOOT_DS 0x10
#define BOOT_CS32 0x18
#define BOOT_GDT_BYTES 0x20
