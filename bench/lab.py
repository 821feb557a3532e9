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


class Guest(Control):
    """A guest of one virtual CPU beside a control domain that is at rest."""

    CONFIG = """name = "guest"
type = "pv"
kernel = "/guest/vmlinuz"
ramdisk = "/guest/ramdisk"
memory = %d
vcpus = 1
tsc_mode = "native"
extra = "console=hvc0 quiet"
""" % MEMORY

    def machine(self, name, kernel, files, mem="2048", cpus=1,
                cpu="qemu64", extra=()):
        with open(machine.kernel(kernel, "ramdisk"), "rb") as f:
            ramdisk = f.read() + machine.archive(files)
        return machine.Machine(
            name, hv=self.hv, kernel=kernel, mem=mem, cpus=cpus, cpu=cpu,
            append=("dom0_mem=384M %s" % self.append).strip(),
            dom0="quiet rf.tools=wait", extra=extra,
            files={"/guest/vmlinuz": machine.kernel(kernel),
                   "/guest/ramdisk": ramdisk,
                   "/etc/xen/guest": self.CONFIG.encode()})

    def enter(self, m):
        m.expect("RINGFORT-TOOLS-UP", timeout=300)
        m.shell()
        m.send("xl create -c /etc/xen/guest\n")
        m.expect("RINGFORT-GUEST-UP", timeout=300)
        m.expect("guest [^ ]* # ", timeout=300)


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
    "xen-guest": Guest("Xen guest", _image("oracle", "xen.elf"),
                       "bootscrub=0"),
    "guest": Guest("classic guest", _image("ringfort"), "gate=off",
                   counted=True),
    # An emulator's ring 1 does not hold (docs/gate.md): it has to insist.
    "guest-closed": Guest("closed guest", _image("ringfort"), "gate=on,force",
                          counted=True),
    "guest-adaptive": Guest("adaptive guest", _image("ringfort"),
                            "gate=adaptive,force", counted=True),
}


def other_image(word):
    """open=PATH: the setting "open" with another image, to compare builds."""
    name, path = word.split("=", 1)
    base = SETTINGS.get(name)
    if not isinstance(base, Control) or not os.path.isfile(path):
        raise ValueError("%s: a setting with a hypervisor, and an image" % word)
    build = os.path.basename(os.path.dirname(os.path.abspath(path)))
    return type(base)("%s, %s" % (name, build), path, base.append,
                      base.counted)


def choose(words):
    """The settings of a comma list, in its order; ValueError."""
    names = words.split(",")
    for name in names:
        if "=" in name:
            SETTINGS[name] = other_image(name)
        elif name not in SETTINGS:
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
