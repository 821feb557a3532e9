// SPDX-License-Identifier: MIT
//
// Included before everything (mk/hv.mk): all symbols, also those only declared,
// are in the image, so addresses are taken directly and not through a GOT.
#pragma once
#pragma GCC visibility push(hidden)
