// SPDX-License-Identifier: MIT
//
// The LZMA decoder of the LZMA SDK (public domain), which Debian's package
// lzma-dev brings as source. It writes straight to where the kernel belongs;
// liblzma has a window of its own and copies everything out of it, which under
// an emulator takes twice as long.
#include <lzma/LzmaDec.c> // NOLINT(bugprone-suspicious-include): see above
