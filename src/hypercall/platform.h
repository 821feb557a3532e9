// SPDX-License-Identifier: MIT
//
// Sub-operations of platform_op that have files of their own.
#pragma once

#include "abi/xen.h"

// Reads MSRs. How many entries were done; the one behind them, if any, has the
// error in its place. -EINVAL none or too many, -ENODEV processor, -EFAULT.
int platform_resource(struct xen_platform_op *op);

// Firmware. -ESRCH no disk, ROM or memory there; -ENOSYS not known, or no EFI;
// -EINVAL, -EOPNOTSUPP no such thing of EFI; -EFAULT the vendor's name.
int platform_firmware(struct xen_platform_op *op);
