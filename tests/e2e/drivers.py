# SPDX-License-Identifier: MIT
"""Drivers of a Debian kernel, for dom0's initramfs or a guest's.

The modules come from the kernel's package; dom0 loads them with one command
and needs no list of what depends on what.
"""

import lzma
import os
import re
import subprocess

import machine

# Some want instructions that the processor lacks, and refuse; others do it.
LOAD = "for m in /drivers/*.ko; do insmod $m 2>/dev/null || true; done"


def _unpacked(path):
    if path.endswith(".xz"):
        with lzma.open(path) as f:
            return f.read()
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-qdc", path], check=True,
                              stdout=subprocess.PIPE).stdout
    with open(path, "rb") as f:
        return f.read()


def modules(line, names, loaded=()):
    """Files for a Machine: the modules and what they need, to be loaded in
    the order of their names by LOAD. Those in loaded are there already."""
    top = os.path.dirname(machine.kernel(line))
    with open(machine.kernel(line, "version")) as f:
        version = f.read().strip()
    paths = []
    for name in names:
        said = subprocess.run(
            ["/sbin/modprobe", "-d", top, "-S", version, "--show-depends",
             name], check=True, stdout=subprocess.PIPE, text=True).stdout
        paths += re.findall(r"^insmod (\S+)", said, re.M)
    files = {}
    for path in dict.fromkeys(paths):
        name = os.path.basename(path).split(".ko")[0]
        if name not in loaded:
            files["/drivers/%03d-%s.ko" % (len(files), name)] = \
                _unpacked(path)
    return files
