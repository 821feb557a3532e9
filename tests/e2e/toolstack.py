# SPDX-License-Identifier: MIT
"""What stories with Xen's stock tools share: a small guest, its file for xl,
and questions and waits in dom0's shell. m is the machine, at that shell."""

import contextlib
import re

import machine
from conftest import is_ours

KERNEL = "6.1"
UP = "RINGFORT-GUEST-UP"

# A guest's first process. The word "crash" makes it panic its kernel.
INIT = b"""#!/bin/busybox sh
export PATH=/bin:/sbin PS1='guest \\w # '
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
! grep -qw crash /proc/cmdline || echo c >/proc/sysrq-trigger
echo RINGFORT-GUEST-UP
while :; do
	setsid cttyhack sh </dev/console
done
"""

# What the guest's kernel runs when "xl shutdown" asks it to power off.
POWEROFF = b"#!/bin/busybox sh\nexec /bin/busybox poweroff -f\n"


def guest_initramfs():
    return machine.archive({
        "/bin/busybox": "/bin/busybox", "/init": INIT,
        "/sbin/poweroff": POWEROFF, "/proc/.keep": b"", "/sys/.keep": b"",
        "/dev/.keep": b""})


def config(name, words="", **changes):
    """What a file of xl's has to say for a guest of this name."""
    options = {"name": name, "type": "pv", "kernel": "/guest/vmlinuz",
               "ramdisk": "/guest/initramfs", "memory": 128, "vcpus": 1,
               "extra": ("console=hvc0 quiet " + words).strip()}
    options.update(changes)
    lines = ["%s = %s" % (key, '"%s"' % value if isinstance(value, str)
                          else value) for key, value in options.items()]
    return "\n".join(lines + [""]).encode()


@contextlib.contextmanager
def toolstack(name, append, **how):
    """A machine at dom0's shell, where the toolstack is up; m.free: what of
    its memory is. how: as for Machine."""
    with machine.Machine("e2e/" + name, append=append,
                         dom0="quiet rf.tools=wait", **how) as m:
        m.expect("RINGFORT-TOOLS-UP", timeout=180)
        m.shell()
        m.free = free_memory(m)
        yield m
        assert not m.triple_fault()


def fine(m, command, timeout=60):
    """The output of a command that has to succeed."""
    status, output = m.run(command, timeout=timeout)
    assert status == 0, output
    return output


def until(m, condition, seconds=30):
    """Wait until the condition, a command in the shell, succeeds.

    It is repeated from here, so that no shell waits that somebody may have to
    use to find out why.
    """
    end = m.now + seconds * machine.SCALE
    while m.run(condition)[0] != 0:
        assert m.now < end, "not so in %d s: %s" % (seconds, condition)
        m.silence(0.2)


def free_memory(m):
    """In MiB."""
    return int(re.search(r"free_memory +: (\d+)", fine(m, "xl info"))[1])


def states(m):
    """{name: the letters of its state} of all domains."""
    rows = [row.split() for row in fine(m, "xl list").splitlines()[1:]]
    return {row[0]: row[4].replace("-", "") for row in rows}


def attached(m, command, action):
    """Run a command that attaches to a guest's console; leave it again."""
    m.send(command + "\n")
    try:
        action()
    finally:
        m.send("\x1d")
        m.expect("dom0 [^ ]* # ")


def guest_up(m):
    m.expect(UP + r"[\r\n]")
    m.expect("guest [^ ]* # ")


def alive(m):
    """The guest called "one" answers on its console."""
    def ask():
        m.send("\n")
        m.expect("guest [^ ]* # ")
        assert fine(m, "echo $((6 * 7))").strip() == "42"
    attached(m, "xl console one", ask)


def audit(m):
    """Ringfort's frame and grant auditor finds nothing.

    The log has dom0's console in it, and so what is shown of the log: only
    an emptied one tells what the auditor says now.
    """
    if not is_ours():
        return
    fine(m, "xl dmesg -c >/dev/null; xl debug-keys a; xl dmesg >/tmp/dmesg")
    said = fine(m, "grep '^ringfort: audit:' /tmp/dmesg").splitlines()
    assert len(said) == 1 and "audit: 0 differences" in said[0]


def nothing_left(m):
    """dom0 is alone, and all memory is back."""
    until(m, "[ $(xl list | wc -l) = 2 ]")
    assert list(states(m)) == ["Domain-0"]
    assert free_memory(m) == m.free
    assert fine(m, "xenstore-list /local/domain").split() == ["0"]
    for path in "/vm", "/libxl":
        assert m.run("xenstore-list %s 2>/dev/null" % path)[1].strip() == ""
    audit(m)
