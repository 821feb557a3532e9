// SPDX-License-Identifier: MIT
//
// null: the smallest dom0.
//
// It prints one line and powers off, without a trap table, callbacks or any
// page-table operation. Boot-path tests use it where any dom0 kernel will do.
// Expected: the verdict line, then the machine goes off.

#include "guest.h"

BARE_TEST("null")
{
	say("null: a PV kernel runs");
}
