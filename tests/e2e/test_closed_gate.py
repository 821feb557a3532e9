# SPDX-License-Identifier: MIT
"""Debian's kernels behind a closed gate: in ring 1, the hypervisor not mapped
while they run (docs/gate.md). flip changes the mode at every exit."""

import contextlib
import re
import threading

import pytest

import border
import machine
import test_hostile
from conftest import KERNELS
from toolstack import (INIT, KERNEL, attached, config, fine, guest_up,
                       toolstack, until)

pytestmark = pytest.mark.ours


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("mode", ["closed", "flip", "adaptive"])
def test_closed_gate(boot, program, kernel, mode):
    m = boot(kernel=kernel, cpu="max", cpus=1, dom0="rf.tools=0",
             append="dom0_mem=512M dom0_max_vcpus=2 dom0-gate=" + mode,
             files={"/bin/" + p: program(p)
                    for p in (*border.PROGRAMS, "probes")})
    m.expect("closed gate: ring 1 does not hold on this machine")
    m.dom0_up()
    m.shell()
    border.cross(m, "" if mode == "closed" else "m2p-shown")
    assert fine(m, "probes", timeout=120).strip() == "PROBES done 0"
    changes, writes = border.counted(m, "syscall", "cr3_mode")
    assert writes < changes * (2 if mode == "flip" else 1)


@contextlib.contextmanager
def nmi_storm(m):
    """NMIs until the end of the block: some forty a second, since the kernel
    has two lines to say about each, which a busy host takes its time to show.
    They fall between any other words on the console: nobody can talk there.
    """
    over = threading.Event()

    def storm():
        while not over.wait(0.02):
            m.ask("inject-nmi")
    thread = threading.Thread(target=storm)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("mode", ["closed", "adaptive"])
def test_nmi_storm(boot, program, mode):
    """NMIs between any two instructions of the ways in and out, which have to
    put back what they find: programs go on as if nothing had been."""
    m = boot(cpu="max", cpus=1, dom0="rf.tools=0",
             append="dom0_mem=512M dom0-gate=" + mode,
             files={"/bin/load": program("load")})
    m.dom0_up()
    m.shell()
    m.run("{ for load in 'fork 200' 'syscall 2000000' 'memory 15'; do "
          "load $load >/tmp/said || echo $load; done >/tmp/failed; "
          "touch /tmp/over; } & true")
    with nmi_storm(m):
        m.silence(15)
    m.run("until [ -e /tmp/over ]; do sleep 1; done", timeout=240)
    status, output = m.run("cat /tmp/failed; grep NMI: /proc/interrupts")
    assert status == 0 and not re.search("fork|syscall|memory", output)
    assert int(re.search(r"NMI: +(\d+)", output)[1]) > 50


def with_guest(boot, program, gate):
    """A machine at dom0's shell that can make a guest called "one"."""
    files = {"/init": INIT, "/bin/busybox": "/bin/busybox",
             **{"/bin/" + p: program(p) for p in ("gate", "load", "probes")}}
    files.update({"/%s/.keep" % d: b"" for d in ("sbin", "proc", "sys", "dev")})
    m = boot(cpu="max", cpus=1, dom0="quiet rf.tools=wait",
             append="dom0_mem=512M gate=" + gate, mem="1024",
             files={"/guest/vmlinuz": machine.kernel("6.1"),
                    "/guest/initramfs": machine.archive(files),
                    "/etc/xen/one": config("one", vcpus=2)})
    m.expect(r"gate=%s[: ]" % gate)
    m.expect("RINGFORT-TOOLS-UP")
    m.shell()
    return m


def crossings(m):
    """{name: number} of debug key c, all domains together."""
    fine(m, "xl dmesg -c >/dev/null; xl debug-keys c; xl dmesg >/tmp/dmesg")
    said = fine(m, "grep '^ringfort: counters:' /tmp/dmesg")
    return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", said)}


def online(number):
    """Take the second vCPU away from inside (0), or take it back (1)."""
    return "echo %d >/sys/devices/system/cpu/cpu1/online" % number


@pytest.mark.parametrize("gate", ["on", "adaptive", "flip"])
def test_guest(boot, program, gate):
    """Its programs, its own breakpoints, and a vCPU that comes and goes, asked
    from inside and from outside, while it works."""
    m = with_guest(boot, program, gate + ",force")

    def work():
        guest_up(m)
        shown = "" if gate == "on" else " m2p-shown"
        status, output = m.run("gate" + shown, timeout=240)
        assert (status, output.strip()) == (0, "GATE done 0")
        for load in "fork 50", "syscall 100000", "memory 5":
            assert m.run("load " + load, timeout=240)[0] == 0
        assert fine(m, "probes", timeout=240).strip() == "PROBES done 0"
        fine(m, "{ load fork 1000000 >/dev/null 2>&1 & }")
        for _ in range(5):
            fine(m, "%s && %s" % (online(0), online(1)), timeout=120)
        assert fine(m, "nproc").strip() == "2"
    attached(m, "xl create -c /etc/xen/one", work)
    fine(m, "xl vcpu-set --ignore-host one 1")
    until(m, "xl vcpu-list one | grep -q ' 1 .* --p '", seconds=120)
    fine(m, "xl vcpu-set --ignore-host one 2")

    def work_again():
        m.send("\n")
        m.expect("guest [^ ]* # ")
        fine(m, "until %s; do sleep 0.3; done 2>/dev/null" % online(1),
             timeout=120)
        assert fine(m, "nproc; pidof load >/dev/null").strip() == "2"
        assert m.run("load fork 20", timeout=240)[0] == 0
    attached(m, "xl console one", work_again)
    assert crossings(m)["cr3_gate"] > 100
    fine(m, "xl destroy one")


def test_guest_where_ring_1_does_not_hold(boot, program):
    """Nobody insisted: the guest is classic, and a line has said why."""
    m = with_guest(boot, program, "on")
    attached(m, "xl create -c /etc/xen/one", lambda: guest_up(m))
    assert crossings(m)["cr3_gate"] == 0
    fine(m, "xl destroy one")


HOSTILE = {
    "on": ("frames", "privileged", "ports", "grants", "exhaust", "crash"),
    "flip": ("frames", "privileged", "crash"),
}


@pytest.mark.parametrize("gate", HOSTILE)
def test_hostile_guests(gate):
    """They can do no more behind the gate than in classic mode, nor with two
    vCPUs each that are destroyed at work."""
    files = {"/bin/domains": test_hostile.domains_program(),
             "/guest/hostile": test_hostile.hostile_kernel()}
    with toolstack("hostile-gate-" + gate, "dom0_mem=512M dom0_max_vcpus=2 "
                   "gate=%s,force" % gate, kernel=KERNEL, files=files,
                   mem="1024") as m:
        for pair in test_hostile.PAIRS:
            if pair[0] in HOSTILE[gate]:
                test_hostile.test_pair(m, *pair)
        test_hostile.run(m, "-v 2 -d 1500 -c 5 busy busy")
        assert crossings(m)["cr3_gate"] > 100
