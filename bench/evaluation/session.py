# SPDX-License-Identifier: MIT
"""Interleaved rounds over all machines, kept in a file as they are made.

A round boots every machine once, so what disturbs the host disturbs all
settings alike; each round begins with another machine. After every boot the
file is written anew: an interrupted session goes on where it was, and a
session with a time limit ends with what it has. The first round and the one
that counts instructions are made whatever the limit is.

The file is JSON:

    about      the host, the versions, the computer, the command
    options    what was asked for
    visits     [{round, host, seconds, parts, error, findings: [...]}]

The parts of a visit are the seconds that each took.

A finding is a row of a setting (see target.py), or a note.
"""

import collections
import contextlib
import dataclasses
import json
import os
import shutil
import sys
import time

import machine
from evaluation import images, settings, target

LOOP = "10.9.2.1"
PEER = {"xen": "10.9.0.1", "emulated": "10.9.0.1", "virtio": "10.9.1.1"}
DISK = {"xen": "/dev/xvda", "emulated": "/dev/sda", "virtio": "/dev/vda"}
CARD = {"xen": "eth0:10.9.0.2", "emulated": "eth0:10.9.0.2",
        "virtio": "eth1:10.9.1.2"}
NEIGHBOURS = ("cpu", "memory", "process", "timer")
VICTIM = ("syscall_null", "fork_exec", "switch_2", "lat_wakeup", "lat_timer")
# Rows whose hypercalls and crossings Ringfort counts; the last only ends the
# count of the one before.
COUNTED = ("syscall_null", "signal_handle", "fault_anon", "fork_exec",
           "switch_2", "lat_syscall")
TOOLS_DISK = {"xen": "/dev/xvdb", "virtio": "/dev/vdb"}
TRIES = 2  # of a part that is measured only once; guests of emulated hardware
#            virtualization die now and then, and machines under them hang


@dataclasses.dataclass
class Options:
    """What a session does. Times in seconds unless they say otherwise."""
    hosts: tuple = tuple(h.name for h in settings.HOSTS)
    rounds: int = 5
    minutes: float = 70        # begin nothing that would end later, but for
    #                            what is made once; 0 is no limit
    row_ms: int = 100
    idle: int = 4
    guests: tuple = (1, 2, 8, 16)
    tcg_rounds: int = 1        # translation inside an emulator is that slow
    guests_tcg: int = 2
    guest_mem: int = 112
    vcpus: tuple = (1, 2, 4)
    window: int = 4
    neighbours: tuple = NEIGHBOURS
    tools: int = 2             # each of fio and iperf3's rows
    soak: int = 20
    counters: bool = True      # Ringfort's own, for a few rows
    icount: bool = True
    extra_rounds: int = 1      # rounds that have more than rows
    rows: tuple = ()           # prefixes; () is all


QUICK = {"rounds": 3, "minutes": 12, "row_ms": 40, "idle": 2,
         "guests": (1, 4), "tcg_rounds": 1, "guests_tcg": 0, "vcpus": (),
         "window": 3, "neighbours": ("memory",), "tools": 0, "soak": 0,
         "counters": False, "icount": False}


def _words(command):
    """As the kernel's command line of a guest has it."""
    return ",".join(command.split())


def _rows(options, more="", tcg=False):
    ms = options.row_ms // 4 if tcg else options.row_ms
    return " ".join(["/lab/rows -t %d" % ms, more, *options.rows]).strip()


def _counted():
    return "/lab/rows -t 100 -p 700 " + " ".join(COUNTED)


def _io(options, io, peer=None, disk=None):
    return ["/lab/rows -t %d %s" % (options.row_ms, what) for what in
            ("-d " + (disk or DISK[io]), "-n " + (peer or PEER[io]))]


class Visit:
    """One boot of one machine: its settings' rows, one part after another.

    If it is lost after the rows, another is booted for what is left.
    """

    def __init__(self, host, computer, options, more, icount=False):
        self.host, self.computer, self.options = host, computer, options
        self.more = more  # and what is measured only once in a session
        self.icount = icount
        self.findings = []
        self.took = collections.Counter()  # seconds of each part
        self.tries = collections.Counter()  # of each part after the rows
        self.lost = False
        self.guests = [s for s in host.settings if s.guest and not s.rows_of]

    def run(self):
        disk = os.path.join(images.OUT, "disk.%d" % os.getpid())
        if os.path.isdir("/dev/shm"):
            disk = "/dev/shm/ringfort-lab.%d" % os.getpid()
        with open(disk, "wb") as f:
            f.truncate(self.computer.disk << 20)
        tools = images.tools_disk(self.computer.kernel)
        disks = [(disk, "cache=unsafe"), (tools, "readonly=on")]
        try:
            self._boot(disks, self._parts)
            if self.lost:
                self._boot_again(disks)
        finally:
            os.unlink(disk)

    def _boot(self, disks, parts):
        with target.Computer(self.host, self.computer, disks,
                             self._scripts(), self.icount) as m:
            self.target = target.Target(m, self.findings.append)
            parts()

    def _boot_again(self, disks):
        first = self.host.settings[0]
        try:
            self.lost = False
            self._boot(disks, self._rest)
        except (machine.Failure, OSError, ValueError) as e:
            self._note(first, "the second machine: %s" % _first_line(e))
        if self.lost:
            self._note(first, "lost again, and with it all that was left")

    def _scripts(self):
        scripts = {"self": "\n".join(self._own_commands()) + "\n"}
        for s in self.guests:
            scripts["guest-" + s.name] = self._guest_command(
                s, self._guest_plan(s))
            for kind in self.options.neighbours:
                scripts["beside-%s-%s" % (kind, s.name)] = \
                    self._guest_command(s, [_rows(dataclasses.replace(
                        self.options, rows=VICTIM))], io=False)
            scripts["tools-" + s.name] = self._guest_command(
                s, self._tools(s))
            scripts["counted-" + s.name] = self._guest_command(
                s, [_counted()], io=False)
            for n in self.options.vcpus:
                scripts["vcpus-%d-%s" % (n, s.name)] = self._guest_command(
                    s, ["/lab/worker -j %d -s %d" % (n, self.options.window)],
                    io=False, vcpus=n)
        return scripts

    def _tools(self, s):
        """fio, iperf3 and stress-ng in a guest, as far as asked for."""
        o, plan = self.options, ["/lab/tools mount " + TOOLS_DISK[s.io]]
        if o.tools:
            plan += ["/lab/tools fio %s %d" % (DISK[s.io], o.tools),
                     "/lab/tools iperf %s %d" % (PEER[s.io], o.tools)]
        if o.soak:
            plan.append("/lab/tools soak %d" % o.soak)
        return plan

    def _own_commands(self):
        o = self.options
        idle = ["echo @@ idle", "sleep %d" % o.idle, "echo @@ idled"]
        if self.icount:
            return [_rows(o)]
        return [_rows(o), *_io(o, None, LOOP, "/dev/vda"), *idle]

    def _guest_plan(self, s):
        o = self.options
        plan = [_rows(o, tcg=s.guest == "tcg")]
        if self.icount:
            return plan
        plan += ["echo @@ idle", "sleep %d" % o.idle, "echo @@ idled"]
        for t in self.host.settings:
            if t.rows_of == s.name:
                plan += ["echo @@ section " + t.name, *_io(o, t.io)]
        return plan + ["echo @@ section " + s.name, *_io(o, s.io)]

    def _guest_command(self, s, plan, io=True, vcpus=1):
        kinds = [t.io for t in self.host.settings
                 if t.rows_of == s.name] + [s.io]
        words = ["lab.name=" + s.name]
        if io and not self.icount:
            words += ["lab.modules=%s,tools" % ",".join(kinds),
                      "lab.net=" + ",".join(CARD[k] for k in kinds)]
        else:
            kinds = ["none"]
        words.append("lab.do=" + "+".join(map(_words, plan)))
        return "/lab/host run %s g %d %d %s '%s'\n" % (
            s.guest, self.computer.guest_mem, vcpus, ",".join(kinds),
            " ".join(words))

    @contextlib.contextmanager
    def _timed(self, what, s):
        start = time.monotonic()
        try:
            yield
        finally:
            self.took["%s: %s" % (s.name, what)] += round(
                time.monotonic() - start, 1)

    def _parts(self):
        t, first = self.target, self.host.settings[0]
        self.findings.append({"setting": self.host.name, "row": "boot",
                              "unit": "s", **t.boot()})
        self.findings[-1]["value"] = self.findings[-1].pop("wall")
        if not first.guest:
            with self._timed("rows", first):
                t.do("/lab/host loop")
                t.follow("sh /lab/self", first.name, timeout=600)
        self._prepare_guests()
        for s in self.guests:
            with self._timed("rows", s):
                self._follow_guest("guest-" + s.name, s)
        if self.more and not self.icount:
            self._extras(first)

    def _rest(self):
        self.target.boot()
        self._prepare_guests()
        self._extras(self.host.settings[0])

    def _prepare_guests(self):
        if self.guests:
            self.target.do("/lab/host network")
            if self.host.kvm:
                self.target.do("/lab/host kvm " + self.host.kvm)

    def _extras(self, first):
        """After all rows: whatever happens here, those are kept."""
        try:
            if not first.guest:
                self._attempt("counters, tools, soak", first,
                              self._own_extras)
            for s in self.guests:
                self._guest_extras(s)
        except (machine.Failure, OSError, ValueError) as e:
            self.lost = True
            self._note(first, "the machine was lost: %s" % _first_line(e))

    def _own_extras(self, s):
        t, o = self.target, self.options
        if o.counters and self.host.boot == "ringfort":
            self._count(lambda: t.follow(_counted(), s.name))
        if o.tools or o.soak:
            t.do("/lab/host serve")
        if o.tools:
            t.follow("/lab/tools fio /dev/vda %d" % o.tools, s.name)
            t.follow("/lab/tools iperf %s %d" % (LOOP, o.tools), s.name)
        if o.soak:
            t.follow("/lab/tools soak %d" % o.soak, s.name,
                     timeout=o.soak * 3 + 60)
        if not self.guests:
            self._native_vcpus(s)

    def _count(self, part):
        """The rows of a part are for their counts only."""
        t, kept = self.target, self.target.record

        def record(found):
            if "value" in found:
                found.update(row="count", of=found["row"])
            kept(found)

        t.counting, t.record = True, record
        t.counters = t.counted = None
        try:
            part()
        finally:
            t.counting, t.record = False, kept

    def _counters(self, s):
        self._count(lambda: self._follow_guest("counted-" + s.name, s))

    def _run_tools(self, s):
        o = self.options
        if not o.tools and not o.soak:
            return
        self.target.do("/lab/host serve")
        self._follow_guest("tools-" + s.name, s, 300 + 3 * o.soak)

    def _guest_extras(self, s):
        if self.options.counters and self.host.boot == "ringfort":
            self._attempt("counters", s, self._counters)
        self._attempt("fio, iperf3, stress-ng", s, self._run_tools)
        self._attempt("vCPUs", s, self._vcpus)
        self._attempt("neighbours", s, self._neighbours)
        self._attempt("scaling", s, self._scale)  # what kills machines most

    def _attempt(self, what, s, part):
        """A part that fails is told of, tried again, and ends no others."""
        key = s.name, what
        while self.tries[key] < TRIES:
            self.tries[key] += 1
            before = len(self.findings)
            try:
                with self._timed(what, s):
                    part(s)
                self.tries[key] = TRIES
            except (machine.Failure, ValueError, LookupError) as e:
                told = "%s: %s" % (what, _first_line(e))
                if self.tries[key] < TRIES:
                    del self.findings[before:]
                    told += " (tried again)"
                self._note(s, told)
                self._recover(e)

    def _recover(self, error):
        """Back to a shell and no guests, or the machine is lost."""
        m = self.target.m
        if m.qemu.poll() is not None:
            raise error
        m.send("\x03\n")
        m.expect("dom0 [^ ]* # ", timeout=120)
        m.run("/lab/host clear >/dev/null 2>&1", timeout=600)

    def _note(self, s, text):
        self.findings.append({"setting": s.name, "note": text})

    def _follow_guest(self, script, s, timeout=600, mark=None):
        """Run a guest to its end, and find out whether it got there."""
        seen = []

        def look(words):
            seen.append(words[0])
            if words[0] == "work" and len(words) == 3:
                self.last_work = list(map(float, words[1:]))

        before = len(self.findings)
        self.target.follow("sh /lab/" + script, s.name,
                           timeout * _patience(s), look)
        for found in self.findings[before:]:
            found.update(mark or {})
        if "up" not in seen:
            raise machine.Failure(self.guest_problem("did not start"))
        if "down" not in seen:
            raise machine.Failure(self.guest_problem("stopped half-way"))

    def guest_problem(self, what):
        """The last words of a guest that did not do what it should."""
        said = self.target.m.child.before.decode("latin1")
        words = [line.strip() for line in said.replace("\r", "\n").split("\n")
                 if line.strip() and not line.startswith("@@")]
        return "the guest %s: %s" % (what, " / ".join(words[-3:])[:300])

    def _scale(self, s):
        counts = [n for n in self.options.guests
                  if s.guest != "tcg" or n <= self.options.guests_tcg]
        if not counts:
            return
        t, running = self.target, 0
        memory = self._settled_memory()
        for n in counts:
            start = t.m.now
            t.do("/lab/host more %s %d %d %d" % (
                s.guest, self.options.guest_mem, running + 1, n),
                (120 + 15 * n) * _patience(s))
            self._until_up(n, (120 + 15 * n) * _patience(s))
            took, new = t.m.now - start, n - running
            running = n
            self.findings.append({
                "setting": s.name, "row": "scale", "guests": n,
                "boot_each": took / new,
                "memory_each": (memory - self._memory()) / n,
                **self._window(n)})
        t.do("/lab/host clear", 120 + 15 * running)

    def _settled_memory(self):
        """What earlier guests had is given back, which takes a moment."""
        last, now = None, self._memory()
        for _ in range(10):
            if last is not None and abs(now - last) < 2:
                break
            self.target.m.silence(1)
            last, now = now, self._memory()
        return now

    def _memory(self):
        said = self.target.do("/lab/host memory")
        return sum(float(line.split()[2]) for line in said.splitlines()
                   if line.startswith("@@ "))

    def _until_up(self, n, seconds):
        limit = int(seconds * machine.SCALE)
        status, _ = self.target.m.run("/lab/host await %d %d" % (n, limit),
                                      timeout=2 * seconds + 60)
        if status:
            raise machine.Failure("of %d guests not all came up in %d s"
                                  % (n, limit))

    def _window(self, n):
        """What all guests work in some seconds, each by itself."""
        t = self.target
        t.do("/lab/host go", 120 + 15 * n)
        t.m.silence(1.5)
        one = self._worked()
        before, start = t.m.load()[0], t.m.now
        t.m.silence(self.options.window)
        two = self._worked()
        gone = t.m.now - start
        return {"rates": [max(0, two[k][1] - one[k][1]) / max(
                    0.5, two[k][0] - one[k][0]) for k in sorted(one)
                    if k in two],
                "busy": (t.m.load()[0] - before) / gone}

    def _worked(self):
        """{guest: (its seconds, units done)}"""
        return {name: (float(seconds), float(units)) for name, seconds, units
                in self.target.numbers("/lab/host work", "worked")}

    def _vcpus(self, s):
        for n in self.options.vcpus:
            if s.guest == "tcg" and n > 1:
                continue
            self.last_work = None
            self._follow_guest("vcpus-%d-%s" % (n, s.name), s, 200)
            self._work_done(s, n)

    def _native_vcpus(self, s):
        t = self.target
        for n in self.options.vcpus:
            if n > self.computer.cpus:
                continue
            for cpu in range(1, n):
                t.do("echo 1 >/sys/devices/system/cpu/cpu%d/online" % cpu)
            self.last_work = [float(x) for x in t.numbers(
                "/lab/worker -j %d -s %d" % (n, self.options.window),
                "work")[-1]]
            self._work_done(s, n)

    def _work_done(self, s, n):
        if self.last_work:
            seconds, units = self.last_work
            self.findings.append({"setting": s.name, "row": "vcpus",
                                  "vcpus": n, "rate": units / seconds})

    def _neighbours(self, s):
        """A few rows beside a guest that behaves badly."""
        if s.guest == "tcg":
            return
        t = self.target
        for kind in self.options.neighbours:
            t.do("/lab/host start %s bad %d 2 none 'lab.name=bad "
                 "lab.do=/lab/worker,-h,%s,-j,2'"
                 % (s.guest, self.options.guest_mem, kind))
            self._until_up(1, 120)
            try:
                self._follow_guest("beside-%s-%s" % (kind, s.name), s,
                                   mark={"beside": kind})
            finally:
                t.m.run("/lab/host clear", timeout=120)


class Session:
    """All rounds, and the file they are kept in."""

    def __init__(self, path, about, computer, options):
        self.path, self.computer, self.options = path, computer, options
        self.data = {"about": about, "options": vars(options), "visits": []}
        self.start = time.monotonic()
        if os.path.exists(path):
            self._resume()

    def _resume(self):
        """Go on with the file, if it is of the same session and not done."""
        with open(self.path, encoding="utf-8") as f:
            kept = json.load(f)
        mine = json.loads(json.dumps(self.data))
        same = kept["options"] == mine["options"] and all(
            kept["about"].get(k) == mine["about"].get(k)
            for k in ("ringfort", "qemu", "computer"))
        if same and not kept.get("done"):
            print("going on with %s: %d boots are there" % (
                self.path, len(kept["visits"])), file=sys.stderr)
            self.data = kept
        else:
            os.rename(self.path, self.path + ".old")
            print("the results of before are in %s.old" % self.path,
                  file=sys.stderr)

    def save(self):
        os.makedirs(os.path.dirname(os.path.abspath(self.path)),
                    exist_ok=True)
        with open(self.path + ".new", "w", encoding="utf-8") as f:
            json.dump(self.data, f, indent=1)
            f.write("\n")
        os.rename(self.path + ".new", self.path)

    def _done(self, number, host):
        return any(v["round"] == number and v["host"] == host
                   for v in self.data["visits"])

    def _fits(self, number, host):
        """Round 0 is always made: no setting may be missing."""
        if number == "icount":
            return host != "tcg"
        if host == "tcg" and number >= self.options.tcg_rounds:
            return False
        if not self.options.minutes or number == 0:
            return True
        took = [_seconds_of_rows(v) for v in self.data["visits"]
                if v["host"] == host and v["round"] != "icount"]
        took = min(took, default=settings_cost(host))
        gone = time.monotonic() - self.start
        return gone + took < self.options.minutes * 60

    def _todo(self):
        """What is still to do: (round, host). The first round is all that a
        page needs, so then instructions are counted, and then it is made
        again as often as there is time."""
        hosts = [h for h in settings.HOSTS if h.name in self.options.hosts]
        numbers = list(range(self.options.rounds))
        if self.options.icount:
            numbers.insert(1, "icount")
        for number in numbers:
            turn = 0 if number == "icount" else number % len(hosts)
            for host in hosts[turn:] + hosts[:turn]:
                if not self._done(number, host.name) and self._fits(
                        number, host.name):
                    yield number, host

    def run(self, boots=None):
        """All of it, or so many boots; is it done?"""
        for count, (number, host) in enumerate(self._todo()):
            if count == boots:
                return False
            self._visit(number, host)
        self.data["done"] = True
        self.save()
        return True

    def _visit(self, number, host):
        more = number != "icount" and number < self.options.extra_rounds
        print("round %s: %-14s " % (number, host.name), end="",
              file=sys.stderr, flush=True)
        start, error = time.monotonic(), None
        options = self.options
        if number == "icount":
            options = dataclasses.replace(options, row_ms=10)
        for _ in range(2):
            visit = Visit(host, self.computer, options, more,
                          icount=number == "icount")
            try:
                visit.run()
                error = None
                break
            except (machine.Failure, OSError, ValueError) as e:
                error = _first_line(e)
                print("(%s) " % error, end="", file=sys.stderr, flush=True)
        took = time.monotonic() - start
        print("%5.0f s, %d findings" % (took, len(visit.findings)),
              file=sys.stderr, flush=True)
        self.data["visits"].append({
            "round": number, "host": host.name, "seconds": round(took, 1),
            "parts": visit.took, "more": more, "error": error,
            "findings": visit.findings})
        self.save()


def _first_line(error):
    return (str(error) or repr(error)).splitlines()[0]


def _patience(setting):
    """How many times longer a guest may take; translated twice it needs to."""
    return 4 if setting.guest == "tcg" else 1


def _seconds_of_rows(visit):
    """What a visit takes without all that is measured only once."""
    return visit["seconds"] - sum(
        seconds for part, seconds in visit.get("parts", {}).items()
        if not part.endswith(": rows"))


def settings_cost(name):
    return next(h.cost for h in settings.HOSTS if h.name == name)


def free_space():
    """MiB where the disk of the rows goes."""
    place = "/dev/shm" if os.path.isdir("/dev/shm") else images.OUT
    return shutil.disk_usage(place).free >> 20
