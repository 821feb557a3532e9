// SPDX-License-Identifier: MIT
//
// Where the direct map, the frame table and the M2P lie. Code that computes
// pointers from them includes this and not config.h, so that host tests can
// put them elsewhere (tests/fake/hw/layout.h).
#pragma once

#include "config.h"
