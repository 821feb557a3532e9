# SPDX-License-Identifier: MIT
"""Settings: the ways in which a benchmark runs one and the same kernel; and
the rows of bench/programs as a benchmark takes them that looks at each.

A Setting boots a machine and brings its console to a root shell of the system
that is measured: the bare kernel, a control domain, or a guest beside one.
Benchmarks get programs into it by `files`, and talk to it as tests do
(tools/machine.py).

    with lab.SETTINGS["open"].machine("near", "6.1", files) as m:
        lab.SETTINGS["open"].enter(m)
        status, output = m.run("uname -r")
"""

import os

import machine
import metered
import setting

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
        return metered.Machine(
            name, bare=True, hv=machine.kernel(kernel), kernel=kernel,
            append="console=ttyS0 quiet rf.tools=0 mem=%dM" % MEMORY,
            files=files, mem=mem, cpus=cpus, cpu=cpu, extra=extra)


class Control(Setting):
    """The control domain of a hypervisor."""

    def __init__(self, title, hv, append="", counted=False):
        self.title = title
        self.hv = hv
        self.append = append
        self.counted = counted

    def machine(self, name, kernel, files, mem="2048", cpus=1,
                cpu="qemu64", extra=()):
        return metered.Machine(
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
        return metered.Machine(
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


HV = setting.images()
# Without bootscrub=0 an idle Xen clears free memory for a long while, and
# each wake-up of dom0 waits for it.
SETTINGS = {
    "native": Native(),
    "xen": Control("Xen dom0", HV["xen"], "bootscrub=0"),
    "classic": Control("classic dom0", HV["ringfort"], "dom0-gate=off",
                       counted=True),
    "open": Control("open-gate dom0", HV["ringfort"], "dom0-gate=open",
                    counted=True),
    "closed": Control("closed-gate dom0", HV["ringfort"],
                      "dom0-gate=closed", counted=True),
    "adaptive": Control("adaptive-gate dom0", HV["ringfort"],
                        "dom0-gate=adaptive", counted=True),
    "xen-guest": Guest("Xen guest", HV["xen"], "bootscrub=0"),
    "guest": Guest("classic guest", HV["ringfort"], "gate=off",
                   counted=True),
    "guest-two-roots": Guest("two-root guest", HV["ringfort"],
                             "gate=off root-sharing=off", counted=True),
    # An emulator's ring 1 does not hold (docs/gate.md): it has to insist.
    "guest-closed": Guest("closed guest", HV["ringfort"], "gate=on,force",
                          counted=True),
    "guest-adaptive": Guest("adaptive guest", HV["ringfort"],
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


# ---------------------------------------------------------------------- rows

# name here: (group, the program's row, how many of its operations are one)
ROWS = {
    "compute": ("user", "cpu_int", 1000),
    "null_call": ("syscall", "syscall_null", 1),
    "read_1": ("syscall", "syscall_read", 1),
    "write_1": ("syscall", "syscall_write", 1),
    "stat": ("syscall", "syscall_stat", 1),
    "open_close": ("syscall", "syscall_open", 1),
    "select_10": ("syscall", "syscall_select_10", 1),
    "select_100": ("syscall", "syscall_select", 1),
    "sig_install": ("signal", "signal_install", 1),
    "sig_handle": ("signal", "signal_self", 1),
    "fault_signal": ("fault", "signal_fault", 1),
    "fault_fresh": ("fault", "fault_anon", 1),
    "fault_copied": ("fault", "fault_cow", 1),
    "fault_file": ("fault", "fault_file", 1),
    "mprotect_64": ("fault", "mprotect_256K", 1),
    "mmap_1m": ("fault", "mmap_1M", 1),
    "mmap_16m": ("fault", "mmap_16M", 1),
    "mmap_16m_huge": ("fault", "mmap_16M_huge", 1),
    "fork_exit": ("process", "fork_exit", 1),
    "fork_32m": ("process", "fork_32M", 1),
    "fork_exec": ("process", "fork_exec", 1),
    "sh_c": ("process", "shell", 1),
    "ctx_2_0k": ("switch", "switch_2", 1),
    "ctx_8_16k": ("switch", "switch_8_16K", 1),
    "futex": ("switch", "futex_turns", 1),
    "pipe": ("switch", "pipe_latency", 1),
    "pipe_64k": ("switch", "pipe_bandwidth", 1 / 16),  # that is of 1 MiB
    "unix": ("switch", "unix_latency", 1),
    "tcp": ("switch", "tcp_latency", 1),
    "tcp_4m": ("switch", "tcp_bandwidth", 1),
}

BEGIN = r"@@ begin (\w+)[\r\n]"
ROW = r"@@ row (\w+) \S+ (\S+) \S+ (\S+) (\d+)[\r\n]"
FAILED = r"@@ fail ([^\r\n]*)[\r\n]"
END = r"@@ end[\r\n]"


def programs():
    """What rows() needs in a machine: its files."""
    return {"/bin/rows": setting.program("rows", "programs/rows*.c")}


def chosen(words):
    """Names of rows that begin with one of the words, or all."""
    return [name for name in ROWS if not words or name.startswith(tuple(
        words))]


def rows(m, names, ms, look):
    """Run rows at a shell; {name: what each did}, in the order of ROWS.

    look() reads meters, before and after a row, when the program waits. A row
    is its low and mean in nanoseconds for an operation, the number of
    operations, and the two looks.
    """
    m.type("rows -i -t %d -f /rows.tmp %s\n" % (
        ms, " ".join(ROWS[n][1] for n in names)))
    found, before = {}, None
    while True:
        got = m.expect(BEGIN, ROW, FAILED, END, timeout=120)
        if got.re.pattern == END:
            break
        if got.re.pattern == FAILED:
            raise machine.Failure("row %s: see %s" % (got[1], m.log))
        if got.re.pattern == ROW and got[4] == "0":
            raise machine.Failure("row %s: not one operation in %d ms: give "
                                  "it more (--ms)" % (got[1], ms))
        if got.re.pattern == BEGIN:
            before = look()
        else:
            found[got[1]] = [float(w) for w in got.groups()[1:]], before, \
                look()
        m.send("\n")
    return {name: _row(found[ROWS[name][1]], ROWS[name][2])
            for name in names}


def _row(found, times):
    (low, mean, operations), before, after = found
    return {"low": low * times, "mean": mean * times,
            "operations": operations / times, "before": before,
            "after": after}
