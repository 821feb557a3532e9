// SPDX-License-Identifier: MIT
//
// The constants are the same on the host.
#pragma once

#include "../../../src/hw/x86.h"
