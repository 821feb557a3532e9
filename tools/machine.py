# SPDX-License-Identifier: MIT
"""One QEMU machine with a serial console, for tests and benchmarks.

A Machine boots a hypervisor image with a dom0 and is then driven through its
serial port. Nothing here sleeps: everything waits for a line of the console
or for the end of QEMU, with a time limit that raises Failure.

    with Machine("story", append="dom0_mem=512M") as m:
        m.expect("RINGFORT-DOM0-UP")
        m.shell()
        status, output = m.run("uname -r")

The console of every machine is written to build/logs/NAME.log, each line with
the seconds since power-on. SCALE in the environment (default 1) stretches
all time limits for slow hosts. APPEND there has words for every machine's
hypervisor; the story's own come later and so have precedence.
"""

import collections
import json
import os
import re
import socket
import subprocess
import tempfile
import time

import pexpect
from pexpect import fdpexpect

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, "build")
LOGS = os.path.join(BUILD, "logs")
SCALE = float(os.environ.get("SCALE", "1"))
EXTRA = os.environ.get("APPEND", "").split()
DOM0_UP = r"RINGFORT-DOM0-UP ([\d.]+)"
PIECE = 64  # characters typed at once
WRAP = r"(?:[\r\n]|\x1b\[[\d;]*\w)*"


class Failure(AssertionError):
    """A machine did not do what was expected; the text has its last words."""


class StaleCode(Failure):
    """Not the machine's fault but the emulator's. QEMU 7.2 holds no lock on a
    page while it translates it, so it can keep a translation that another
    processor's write has just made untrue. Linux changes its own code while it
    runs, by way of a breakpoint. A processor that executes the breakpoint when
    it is long gone gives up: "int3", with no breakpoint in the code shown. Or,
    if its kernel has kprobes, tries again for ever: "soft lockup"."""

    SAYS = rb"int3: 0000 \[#1\]"
    CODE = rb"Code: [^<]*<(..)>"

    @classmethod
    def is_in(cls, log):
        """True if the first oops of a console's log is of that kind."""
        oops = re.search(cls.SAYS, log)
        code = oops and re.compile(cls.CODE).search(log, oops.end())
        return bool(code) and not re.search(
            rb" cc <", code[0]) and code[1] != b"cc"

    LOCKED_UP = b"BUG: soft lockup"
    INT3 = r"v=03 e=0000 i=1 cpl=[1-3] IP=\w+:(\w+)"
    OFTEN = 100

    @classmethod
    def looped_at(cls, interrupts):
        """Where an `int` log of QEMU's has breakpoints again and again."""
        seen = collections.Counter(re.findall(cls.INT3, interrupts))
        return [int(ip, 16) for ip, n in seen.items() if n >= cls.OFTEN]


def kernel(line, name="vmlinuz"):
    """Path of a file of one of the kernels that tools/fetch-kernel got."""
    return os.path.join(BUILD, "kernels", line, name)


def archive(files):
    """A cpio archive of {path in dom0: bytes or path of a host file}."""
    with tempfile.TemporaryDirectory() as root:
        for path, content in files.items():
            dest = os.path.join(root, path.lstrip("/"))
            os.makedirs(os.path.dirname(dest), exist_ok=True)
            if isinstance(content, str):
                with open(content, "rb") as f:
                    content = f.read()
            with open(dest, "wb") as f:
                f.write(content)
            os.chmod(dest, 0o755)
        out = os.path.join(root, "..", os.path.basename(root) + ".cpio")
        subprocess.run([os.path.join(TOP, "tools", "mkcpio"), out, root],
                       check=True)
        with open(out, "rb") as f:
            data = f.read()
        os.unlink(out)
        return data


class ConsoleLog:
    """What pexpect reads goes here: lines with the time they began at."""

    def __init__(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.file = open(path, "w", encoding="latin1")
        self.start = time.monotonic()
        self.fresh = True

    def write(self, data):
        for line in data.decode("latin1").replace("\r", "") \
                        .splitlines(keepends=True):
            if self.fresh:
                self.file.write("%8.3f " % (time.monotonic() - self.start))
            self.file.write(line)
            self.fresh = line.endswith("\n")

    def flush(self):
        self.file.flush()


class Machine:
    """A virtual machine; see the head of this file.

    hv       hypervisor image (default: HV in the environment, or ours)
    kernel   which of Debian's kernels is dom0's: "6.1", "6.12" or "7.2"
    append   further words for the hypervisor ("console=com1" is there)
    dom0     further words for dom0's kernel ("console=hvc0" is there)
    files    programs to add to dom0's initramfs, as archive() takes them
    modules  the boot modules in place of kernel and initramfs: a list of
             (path, words)
    mem, cpus, cpu, machine   as QEMU's -m, -smp, -cpu and -machine
    extra    further options for QEMU
    reboot   may the machine reboot? Otherwise a reset ends QEMU.
    disc     boot this ISO image and not hv
    disks    {name: image} of disks for dom0, /dev/disk/NAME after its
             program "disks"; nothing of what is written to them is kept
    """

    def __init__(self, name, hv=None, kernel="6.1", append="dom0_mem=512M",
                 dom0="", files=None, modules=None, mem="1024", cpus=2,
                 cpu="qemu64", machine="pc", extra=(), reboot=False,
                 disc=None, disks=None):
        self.name = name
        self.reboots = reboot
        self.hv = hv or default_hv()
        self.log = os.path.join(LOGS, name + ".log")
        self.tmp = tempfile.TemporaryDirectory(prefix="ringfort-")
        self.debug = os.path.join(self.tmp.name, "debug")
        self.listeners = []
        if modules is None:
            modules = self._dom0_modules(kernel, dom0, files)
        self.argv = [
            "qemu-system-x86_64", "-accel", "tcg", "-machine", machine,
            "-cpu", cpu, "-smp", str(cpus), "-m", mem, "-display", "none",
            "-nic", "none", "-name", "ringfort,debug-threads=on",
            "-serial", "unix:" + self._socket("com1"),
            "-qmp", "unix:" + self._socket("qmp"),
            "-d", "cpu_reset", "-D", self.debug]
        if not reboot:
            self.argv.append("-no-reboot")
        if disc:
            self.argv += ["-cdrom", disc, "-boot", "d"]
        else:
            self.argv += self._kernel_options(append, modules)
        for disk, image in (disks or {}).items():
            self.argv += [
                "-drive", "file=%s,if=none,id=%s,format=raw,snapshot=on,"
                "cache=unsafe" % (image, disk),
                "-device", "virtio-blk-pci,drive=%s,serial=%s" % (disk, disk)]
        self.argv += list(extra)

    def _kernel_options(self, append, modules):
        options = ["-kernel", self.hv,
                   "-append",
                   " ".join(["console=com1", *EXTRA, append]).strip()]
        if modules:
            options += ["-initrd", ",".join(
                (path + " " + words).strip().replace(",", ",,")
                for path, words in modules)]
        return options

    def _dom0_modules(self, line, words, files):
        initrd = kernel(line, "initramfs")
        if files:
            joined = os.path.join(self.tmp.name, "initramfs")
            with open(joined, "wb") as out, open(initrd, "rb") as base:
                out.write(base.read())
                out.write(archive(files))
            initrd = joined
        return [(kernel(line), ("console=hvc0 " + words).strip()),
                (initrd, "")]

    def _socket(self, name):
        """Path of a new socket; QEMU connects to it when it starts."""
        listener = socket.socket(socket.AF_UNIX)
        listener.settimeout(30)
        listener.bind(os.path.join(self.tmp.name, name))
        listener.listen()
        self.listeners.append(listener)
        return listener.getsockname()

    def __enter__(self):
        console = ConsoleLog(self.log)
        self.start = console.start
        self.qemu = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, stdout=console.file,
            stderr=subprocess.STDOUT)
        try:
            com1, qmp = (s.accept()[0] for s in self.listeners)
        except TimeoutError:
            self.qemu.kill()
            raise Failure("%s: QEMU did not start: see %s"
                          % (self.name, self.log)) from None
        com1.setblocking(True)
        self.child = fdpexpect.fdspawn(com1.detach(), maxread=65536)
        self.child.delaybeforesend = None
        self.child.logfile_read = console
        self.control = qmp.makefile("rw")
        self.events = [json.loads(self.control.readline())]
        self.ask("qmp_capabilities")
        return self

    def __exit__(self, *exc):
        self.qemu.kill()
        self.qemu.wait()
        self.child.close()
        self.control.close()
        for s in self.listeners:
            s.close()
        self.child.logfile_read.file.close()
        self.tmp.cleanup()

    @property
    def now(self):
        """Seconds since power-on."""
        return time.monotonic() - self.start

    def _fail(self, what):
        seen = (self.child.before or b"").decode("latin1").replace("\r", "")
        tail = "\n".join(seen.splitlines()[-12:])
        with open(self.log, "rb") as f:
            log = f.read()
        stale = StaleCode.is_in(log) or (StaleCode.LOCKED_UP in log and
                                         self._runs_into_breakpoints_gone())
        failure = StaleCode if stale else Failure
        raise failure("%s: %s\nlast lines:\n%s\nconsole: %s"
                      % (self.name, what, tail, self.log))

    def monitor(self, line):
        """What QEMU's monitor for people answers to the line."""
        return self.ask("human-monitor-command", **{"command-line": line})

    def _runs_into_breakpoints_gone(self):
        """See StaleCode. A page of the kernel's is mapped where that runs."""
        if self.qemu.poll() is not None:
            return False
        self.monitor("log int,cpu_reset")
        self.silence(0.2)
        self.monitor("log cpu_reset")
        with open(self.debug, encoding="latin1") as f:
            places = StaleCode.looped_at(f.read())
        code = []
        for place in places:
            for cpu in range(len(self.ask("query-cpus-fast"))):
                self.monitor("cpu %d" % cpu)
                code += re.findall(r": 0x(\w\w)",
                                   self.monitor("x/1xb 0x%x" % place))
        return bool(code) and "cc" not in code

    def _why_ended(self):
        """QEMU's own reasons, and what a triple fault found in registers."""
        status = self.qemu.wait(30)
        with open(self.log, encoding="latin1") as f:  # its words have no time
            words = [line for line in f.read().splitlines()
                     if not re.match(r" *\d+\.\d{3} ", line)]
        with open(self.debug, encoding="latin1") as f:
            fault = f.read().partition("Triple fault")[2]
        return "\n".join(["exit status %d" % status] + words[-4:]
                         + self.control.read().splitlines()
                         + fault.splitlines()[:24])

    def expect(self, *patterns, timeout=60):
        """Wait for one of the patterns; its match (of str), or Failure."""
        wanted = [p.encode() for p in patterns] + [pexpect.EOF,
                                                   pexpect.TIMEOUT]
        got = self.child.expect(wanted, timeout=timeout * SCALE)
        if got == len(patterns):
            self._fail("QEMU ended (%s), waiting for %s"
                       % (self._why_ended(), " or ".join(patterns)))
        if got == len(patterns) + 1:
            self._fail("no %s in %d s" % (" or ".join(patterns), timeout))
        text = self.child.after.decode("latin1")
        return re.search(patterns[got], text, re.S | re.M)

    def expect_nothing(self, pattern):
        """Fail if what the console said since the last match has pattern."""
        seen = self.child.before.decode("latin1")
        if re.search(pattern, seen):
            self._fail("unwanted: " + pattern)

    def dom0_up(self, timeout=120):
        """Wait for dom0's user space; seconds since power-on."""
        self.expect(DOM0_UP + r"[\r\n]", timeout=timeout)
        return self.now

    def silence(self, seconds):
        """Let seconds pass; the console is still read, QEMU must not end."""
        if self.child.expect([pexpect.EOF, pexpect.TIMEOUT],
                             timeout=seconds) == 0:
            self._fail("QEMU ended")

    def send(self, text):
        """Type text on the serial console."""
        self.child.send(text)

    def type(self, line):
        """Type a line, each piece when the one before it was echoed: stock
        Xen keeps 128 characters for a dom0 that is slow to read, and drops
        the rest. Where a terminal's line ends the echo has more in it."""
        for i in range(0, len(line), PIECE):
            self.send(line[i:i + PIECE])
            if i + PIECE < len(line):
                self.expect(WRAP.join(map(re.escape,
                                          line[i:i + PIECE][-4:])))

    def shell(self):
        """Wait for dom0's shell, and keep the kernel's messages out of it."""
        self.expect("dom0 [^ ]* # ", timeout=120)
        self.run("dmesg -n 1")

    def run(self, command, timeout=60):
        """Run a short command in dom0's shell: (exit status, output).

        The marks are typed in two halves, so their echo does not match. Some
        hypervisors add a carriage return to dom0's own at each line's end.
        """
        self.type("echo RF-'BEGIN'; %s; echo RF-'DONE' $?\n" % command)
        self.expect(r"RF-BEGIN\r*\n", timeout=timeout)
        end = self.expect(r"RF-DONE (\d+)[\r\n]", timeout=timeout)
        output = self.child.before.decode("latin1").replace("\r", "")
        return int(end[1]), output

    def ask(self, request, **arguments):
        """The answer to one command of QEMU's own protocol, QMP."""
        self.control.write(json.dumps({"execute": request,
                                       "arguments": arguments}) + "\n")
        self.control.flush()
        for line in self.control:
            message = json.loads(line)
            if "return" in message:
                return message["return"]
            self.events.append(message)
        raise Failure("%s: QEMU did not answer %s" % (self.name, request))

    def end(self, reason=None, timeout=60):
        """Wait for QEMU to end by itself; everything it still said.

        The reason, if given, is one of QEMU's: "guest-shutdown" for a
        machine that switched itself off, "guest-reset" for one that reset.
        """
        if self.child.expect([pexpect.EOF, pexpect.TIMEOUT],
                             timeout=timeout * SCALE):
            self._fail("the machine still runs after %d s" % timeout)
        if self.qemu.wait(30) != 0:
            self._fail("QEMU's exit status %s" % self.qemu.returncode)
        self.events += [json.loads(line) for line in self.control]
        reasons = [e["data"]["reason"] for e in self.events
                   if e.get("event") == "SHUTDOWN"]
        if reason and reasons != [reason]:
            self._fail("ended by %s, not %s" % (reasons, reason))
        return self.child.before.decode("latin1").replace("\r", "")

    def halted(self):
        """Is the first CPU halted for good: no interrupt can wake it?"""
        registers = self.monitor("info registers")
        flags = int(re.search(r"[RE]FL=([0-9a-f]+)", registers)[1], 16)
        return "HLT=1" in registers and not flags & 0x200

    def cpu_time(self):
        """Processor time that QEMU has used so far, in seconds."""
        with open("/proc/%d/stat" % self.qemu.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def triple_fault(self):
        """Did a CPU of this machine shut down on a triple fault?"""
        with open(self.debug, encoding="latin1") as f:
            return "Triple fault" in f.read()


def default_hv():
    return os.path.abspath(os.environ.get("HV") or
                           os.path.join(BUILD, "ringfort"))
