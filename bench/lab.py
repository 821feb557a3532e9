# SPDX-License-Identifier: MIT
"""Settings: the ways in which a benchmark runs one and the same kernel.

A Setting boots a machine and brings its console to a root shell of the system
that is measured: the bare kernel, a control domain, or a guest beside one.
Benchmarks get programs into it by `files`, and talk to it as tests do
(tools/machine.py).

    with lab.SETTINGS["open"].machine("near", "6.1", files) as m:
        lab.SETTINGS["open"].enter(m)
        status, output = m.run("uname -r")
"""

import glob
import os
import re

import machine

MEMORY = 768  # MiB of the kernel that is measured


class Setting:
    """One of the ways. title is for tables."""

    title = ""
    counted = False  # has Ringfort's counters

    def machine(self, name, kernel, files, mem="2048", cpus=1,
                cpu="qemu64", extra=()):
        """A machine that is not started yet."""
        raise NotImplementedError

    def enter(self, m):
        """From power-on to a quiet shell."""
        m.dom0_up()
        m.shell()


class Native(Setting):
    """The kernel without a hypervisor, with as much memory."""

    title = "native"

    def machine(self, name, kernel, files, mem="2048", cpus=1,
                cpu="qemu64", extra=()):
        m = machine.Machine(
            name, hv=machine.kernel(kernel), kernel=kernel, files=files,
            append="console=ttyS0 quiet rf.tools=0 mem=%dM" % MEMORY,
            mem=mem, cpus=cpus, cpu=cpu, extra=extra)
        self.alone(m)
        return m

    @staticmethod
    def alone(m):
        """Of the modules only the initramfs is for a bare kernel."""
        at = m.argv.index("-initrd") + 1
        m.argv[at] = m.argv[at].split(",")[-1]


class Control(Setting):
    """The control domain of a hypervisor."""

    def __init__(self, title, hv, append="", counted=False):
        self.title = title
        self.hv = hv
        self.append = append
        self.counted = counted

    def machine(self, name, kernel, files, mem="2048", cpus=1,
                cpu="qemu64", extra=()):
        return machine.Machine(
            name, hv=self.hv, kernel=kernel, files=files,
            append=("dom0_mem=%dM %s" % (MEMORY, self.append)).strip(),
            dom0="quiet rf.tools=0", mem=mem, cpus=cpus, cpu=cpu,
            extra=extra)


def _image(*path):
    return os.path.join(machine.BUILD, *path)


# Without bootscrub=0 an idle Xen clears free memory for a long while, and
# each wake-up of dom0 waits for it.
SETTINGS = {
    "native": Native(),
    "xen": Control("Xen dom0", _image("oracle", "xen.elf"), "bootscrub=0"),
    "classic": Control("classic dom0", _image("ringfort"), "dom0-gate=off",
                       counted=True),
    "open": Control("open-gate dom0", _image("ringfort"), "dom0-gate=open",
                    counted=True),
    "closed": Control("closed-gate dom0", _image("ringfort"),
                      "dom0-gate=closed", counted=True),
    "adaptive": Control("adaptive-gate dom0", _image("ringfort"),
                        "dom0-gate=adaptive", counted=True),
}


def choose(words):
    """The settings of a comma list, in its order; ValueError."""
    names = words.split(",")
    for name in names:
        if name not in SETTINGS:
            raise ValueError("no setting %s; known: %s"
                             % (name, ", ".join(SETTINGS)))
    return names


# -------------------------------------------------------------------- meters

def counters(m):
    """Ringfort's counters, all processors together."""
    m.send("\x01\x01\x01")
    m.expect("input goes to the hypervisor[^\r\n]*[\r\n]")
    m.send("c")
    line = m.expect(r"counters:((?: \w+=\d+)+)[\r\n]")[1]
    m.send("\x01\x01\x01")
    m.expect("input goes to dom0[^\r\n]*[\r\n]")
    return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", line)}


def emulator_flushes(m):
    """TLB flushes that the emulator has done; one CR3 write is three."""
    told = m.ask("human-monitor-command", **{"command-line": "info jit"})
    return sum(map(int, re.findall(r"TLB (?:full|partial) flushes\s+(\d+)",
                                   told)))


def waiting(m):
    """Seconds the emulated processors ran, and waited for a host's."""
    ran = waited = 0
    for path in glob.glob("/proc/%d/task/*" % m.qemu.pid):
        with open(path + "/comm", encoding="ascii") as f:
            if not f.read().startswith("CPU "):
                continue
        with open(path + "/schedstat", encoding="ascii") as f:
            words = f.read().split()
        ran += int(words[0]) / 1e9
        waited += int(words[1]) / 1e9
    return ran, waited
