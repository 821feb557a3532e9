# SPDX-License-Identifier: MIT
"""Drives one booted machine of the lab and takes its rows.

Lines of the console that start with @@ are the lab's. At the first and the
last line of each row the harness looks at the machine from outside as well:
how long its processors were busy (so all that hypervisor, control domain and
device emulation did for the row is in it), how long they had to wait for a
processor of the host, and how often the emulated TLBs were flushed.
"""

import re

import machine
import metered
import setting
from evaluation import images

LINE = r"@@ ([^\r\n]*)[\r\n]"
END = r"RF-DONE (\d+)[\r\n]"
QUANTILES = (1, 10, 25, 50, 75, 90, 99, 99.9, 100)


class Computer(metered.Machine):
    """The machine of a settings.Host.

    scripts: {name: commands}, files /lab/NAME in it; a console is no place
    for long lines.
    """

    def __init__(self, host, computer, disks, scripts, icount=False):
        self.linux = host.boot == "linux"
        words = "rf.tools=%s quiet" % ("0" if self.linux else "wait")
        # One processor for the rows, whatever the hypervisor has besides.
        alone = self.linux and not host.settings[0].guest
        if alone:
            words += " maxcpus=1"
        append = "dom0_mem=%dM dom0_max_vcpus=1 %s" % (
            computer.dom0_mem, host.append)
        extra = ["-icount", "shift=0,sleep=off"] if icount else []
        for path, mode in disks:
            extra += ["-drive", "file=%s,if=virtio,format=raw,%s"
                      % (path, mode)]
        if self.linux:
            # The emulated TSC is steady, though CPUID does not say so.
            append = "console=ttyS0 panic=-1 tsc=reliable " + words
        super().__init__(
            "bench/" + host.name, bare=self.linux, kernel=computer.kernel,
            hv=machine.kernel(computer.kernel) if self.linux
            else setting.images()[host.boot], append=append,
            dom0="panic=-1 " + words,
            files={**images.files(computer.kernel), **{
                "/lab/" + name: text.encode()
                for name, text in scripts.items()}}, mem=str(computer.mem),
            cpus=1 if icount else computer.cpus, cpu=computer.cpu,
            extra=extra)
        self.argv[self.argv.index("-accel") + 1] = computer.accel


class Target:
    """A booted machine at its shell, and what it has said so far."""

    def __init__(self, m, record):
        self.m = m
        self.record = record  # called with one dictionary for each finding
        self.exits = None
        self.began = None
        self.idle_from = None
        self.overhead = 0  # seconds of processor time of a row of nothing
        self.counting = False
        self.counters = None
        self.counted = None  # the row that the next counters belong to

    def boot(self):
        wall = self.m.dom0_up(timeout=300)
        busy = self.m.load()[0]
        if not self.m.linux:
            said = self.m.expect(r"RINGFORT-TOOLS-(UP|FAILED) [^\r\n]*[\r\n]",
                                 timeout=120)
            if said[1] == "FAILED":
                raise machine.Failure("Xen's tools did not start: " +
                                      self.m.log)
        self.m.shell()
        self.do("/lab/host prepare")
        return {"wall": wall, "busy": busy}

    def do(self, command, timeout=120):
        """A command that has to succeed; what it printed."""
        status, said = self.m.run(command, timeout=timeout)
        if status:
            raise machine.Failure("%s: %s\n%s" % (self.m.name, command, said))
        return said

    def numbers(self, command, key, timeout=120):
        """The numbers of the lines "@@ KEY …" that a command prints."""
        found = re.findall(r"@@ %s ([^\r\n]*)" % key, self.do(command,
                                                              timeout))
        return [line.split() for line in found]

    def follow(self, command, setting, timeout=300, lines=None):
        """Run a command that prints rows, and record them for a setting.

        lines: called with each line's words; its result, if any, is the
        setting from there on.
        """
        self.m.send("echo RF-'BEGIN'; %s; echo RF-'DONE' $?\n" % command)
        self.m.expect(r"RF-BEGIN[\r\n]+", timeout=60)
        start = self.m.load()[0]
        end = self.m.now + timeout * machine.SCALE
        while True:
            got = self.m.expect(LINE, END, timeout=max(1, end - self.m.now))
            if got[0].startswith("RF"):
                return int(got[1])
            words = got[1].split()
            if words:
                setting = self._heard(words, setting, start) or setting
                if lines:
                    setting = lines(words) or setting

    def _heard(self, words, setting, start):
        try:
            return self._line(words, setting, start)
        except (ValueError, IndexError):  # the console mixed two lines
            self.record({"setting": setting, "note": "not understood: " +
                         " ".join(words)[:80]})
        return None

    def _line(self, words, setting, start):
        kind, rest = words[0], words[1:]
        if kind == "section":
            return rest[0]
        if kind == "exits":
            self.exits = int(rest[0])
        elif kind == "begin":
            self._counters()
            self.began = self._look()
        elif kind == "row":
            self._row(rest, setting)
        elif kind == "up":
            self.record({"setting": setting, "row": "guest_boot", "unit": "s",
                         "value": float(rest[-1]),
                         "busy": self.m.load()[0] - start})
        elif kind == "idle":
            self.idle_from = (self.m.load()[0], self.m.now)
        elif kind == "idled":
            busy, start = self.idle_from
            self.record({"setting": setting, "row": "idle",
                         "unit": "% of a CPU", "value": 100 *
                         (self.m.load()[0] - busy) / (self.m.now - start)})
        elif kind == "soak":
            self.record({"setting": setting, "row": "soak", "unit": "s",
                         "value": float(rest[0]), "done": int(rest[1]),
                         "errors": int(rest[2])})
        elif kind == "fail":
            self.record({"setting": setting, "row": rest[0],
                         "failed": " ".join(rest[1:])})
        elif kind == "note":
            self.record({"setting": setting, "note": " ".join(rest)})
        return None

    def _look(self):
        return (*self.m.load(), self.m.flushes(), self.exits)

    def _row(self, words, setting):
        name, unit = words[:2]
        if name == "nothing":
            if self.began:
                self.overhead = self._look()[0] - self.began[0]
            self.began = None
            return
        value, median, mean, operations, *quantiles = map(float, words[2:])
        if not operations:
            self.began = None
            self.record({"setting": setting, "row": name,
                         "failed": "not one operation in the time it had"})
            return
        found = {"setting": setting, "row": name, "unit": unit,
                 "value": value, "median": median, "mean": mean,
                 "operations": operations}
        if quantiles:
            found["quantiles"] = quantiles
        if self.began:
            found.update(self._outside(self.began, operations))
        self.began = None
        self.counted = found
        self.record(found)

    def _counters(self):
        """With "rows -p": the hypervisor's own counters, between rows."""
        if not self.counting:
            return
        before, self.counters = self.counters, self.m.counters()
        if self.counted and before:
            per = self.counted["operations"]
            self.counted["counters"] = {
                k: (n - before.get(k, 0)) / per
                for k, n in self.counters.items()}
        self.counted = None

    def _outside(self, before, operations):
        """What the row cost, seen from outside, for each operation."""
        ran, waited, flushes, exits = self._look()
        run, wait = ran - before[0], waited - before[1]
        found = {"busy_ns": max(0, run - self.overhead) / operations * 1e9,
                 "disturbed": round(wait / (run + wait), 3)
                 if run + wait else 0}
        if flushes is not None:
            found["flushes"] = (flushes - before[2]) / operations
        if exits is not None and before[3] is not None:
            found["exits"] = (exits - before[3]) / operations
        return found

