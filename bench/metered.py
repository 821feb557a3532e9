# SPDX-License-Identifier: MIT
"""Machines for benchmarks: with or without a hypervisor, and with meters.

The meters look from outside, so they cost the measured system nothing: how
long the emulated processors ran, and waited for one of the host; how often
the emulator flushed their TLBs; what Ringfort itself counted.
"""

import glob
import re

import machine


class Machine(machine.Machine):
    """A machine as tests have it, and its meters.

    bare: hv is a Linux kernel, started without a hypervisor. append is then
    its whole command line, and the initramfs is the one that dom0 gets.
    """

    def __init__(self, name, bare=False, **how):
        self.bare = bare
        super().__init__(name, **how)

    def _kernel_options(self, append, modules):
        if not self.bare:
            return super()._kernel_options(append, modules)
        return ["-kernel", self.hv, "-append", append,
                "-initrd", modules[-1][0]]

    def load(self):
        """Seconds its processors ran so far, and waited for the host's."""
        ran = waited = 0
        for path in glob.glob("/proc/%d/task/*/comm" % self.qemu.pid):
            try:
                with open(path, encoding="ascii") as f:
                    if not f.read().startswith(("CPU", "ALL CPUs")):
                        continue
                with open(path[:-4] + "schedstat", encoding="ascii") as f:
                    one, two, _ = f.read().split()
            except OSError:
                continue
            ran += int(one) / 1e9
            waited += int(two) / 1e9
        return ran, waited

    def flushes(self):
        """Full and partial flushes of the emulated TLBs, about three for a
        CR3 write; None on hardware."""
        found = re.findall(r"TLB (?:full|partial) flushes\s+(\d+)",
                           self.monitor("info jit"))
        return sum(map(int, found)) if found else None

    def counters(self):
        """Ringfort's, by its debug key c; all processors together."""
        self.send("\x01\x01\x01")
        self.expect(r"input goes to the hypervisor[^\r\n]*[\r\n]")
        self.send("c\x01\x01\x01")
        self.expect(r"input goes to dom0[^\r\n]*[\r\n]")
        said = self.child.before.decode("latin1")
        totals = {}
        for line in re.findall(r"counters:([^\r\n]*)", said):
            for key, n in re.findall(r"(\w+)=(\d+)", line):
                totals[key] = totals.get(key, 0) + int(n)
        return totals
