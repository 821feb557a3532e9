// SPDX-License-Identifier: MIT
//
// A log that is kept: for tests of what is said, at whatever level.
#pragma once

// All since the test made it empty.
extern char fake_log[16384];
