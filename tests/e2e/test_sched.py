# SPDX-License-Identifier: MIT
"""Processors shared fairly, by the hypervisor's own account.

What a busy host takes from QEMU looks to the hypervisor like a vCPU that runs
for longer; it charges that, so shares come out right all the same. Hence all
is measured by debug key r: how long vCPUs ran, and how often one that was
woken had to wait by decision of the scheduler's: for another that was chosen
first, or for more than a millisecond until who ran had to give way. A vCPU
that was charged for the host's absence, and so has used more than who runs, is
told apart.
"""

import re

import pytest

import machine
from toolstack import audit, fine, toolstack

KERNEL = "6.1"

pytestmark = [pytest.mark.xdist_group("sched"), pytest.mark.ours]

HOG = b"""#!/bin/busybox sh
echo RINGFORT-HOG-UP
while :; do :; done
"""

WEIGHTS = {"one": 256, "two": 512, "four": 1024}


def config(name):
    return ('name = "%s"\ntype = "pv"\nkernel = "/guest/vmlinuz"\n'
            'ramdisk = "/guest/initramfs"\nmemory = 96\nvcpus = 1\n'
            'extra = "console=hvc0 quiet"\ncpus = "1"\n' % name).encode()


@pytest.fixture(scope="module")
def hogs(program):
    """dom0 on processor 0, three guests that only run on processor 1."""
    files = {"/bin/load": program("load"),
             "/guest/vmlinuz": machine.kernel(KERNEL),
             "/guest/initramfs": machine.archive({
                 "/bin/busybox": "/bin/busybox", "/init": HOG,
                 "/dev/.keep": b""})}
    files.update({"/etc/xen/" + name: config(name) for name in WEIGHTS})
    with toolstack("sched-hogs", "dom0_mem=400M dom0_max_vcpus=1",
                   kernel=KERNEL, files=files, mem="1024") as m:
        fine(m, "xl vcpu-pin Domain-0 0 0")
        for name in WEIGHTS:
            fine(m, "xl create /etc/xen/" + name, timeout=120)
        m.ids = {name: int(fine(m, "xl domid " + name)) for name in WEIGHTS}
        for name in WEIGHTS:
            m.send("xl console %s\n" % name)
            m.expect("RINGFORT-HOG-UP", timeout=180)
            m.send("\x1d")
            m.expect("dom0 [^ ]* # ")
        yield m


class Account:
    """What debug key r tells: the time and each vCPU's, in ms, and wakes."""

    def __init__(self, m):
        fine(m, "xl dmesg -c >/dev/null; xl debug-keys r; xl dmesg >/tmp/r")
        said = fine(m, "grep -E 'rate limit| ran ' /tmp/r")
        self.now = int(re.search(r"at (\d+) ms", said)[1])
        self.vcpu = {(int(d), int(v)): tuple(map(int, numbers))
                     for d, v, *numbers in re.findall(
                         r"d(\d+)\.(\d+): .* ran (\d+) ms, woken (\d+) "
                         r"\((\d+) late\), (\d+) owing", said)}

    def ran(self, domain, vcpu=0):
        return self.vcpu[domain, vcpu][0]


def measured(m, seconds):
    """{name: ms its vCPU ran} and the ms in all, while dom0 sleeps."""
    before = Account(m)
    fine(m, "sleep %d" % seconds, timeout=seconds * 6 + 60)
    after = Account(m)
    return ({name: after.ran(d) - before.ran(d) for name, d in m.ids.items()},
            after.now - before.now)


def set_weights(m, weights):
    for name, weight in weights.items():
        fine(m, "xl sched-credit2 -d %s -w %d -c 0" % (name, weight))


def test_weights(hogs):
    """1 : 2 : 4 on one processor, each within 2 %."""
    set_weights(hogs, WEIGHTS)
    ran, _ = measured(hogs, 10)
    total = sum(ran.values())
    for name, weight in WEIGHTS.items():
        share = ran[name] / total
        assert share == pytest.approx(weight / 1792, rel=0.02), ran


def test_cap(hogs):
    """25 % of a processor, within one point; the rest goes to others."""
    set_weights(hogs, dict.fromkeys(WEIGHTS, 256))
    fine(hogs, "xl sched-credit2 -d one -c 25")
    ran, total = measured(hogs, 10)
    fine(hogs, "xl sched-credit2 -d one -c 0")
    assert 24 <= 100 * ran["one"] / total <= 26, (ran, total)
    assert ran["two"] == pytest.approx(ran["four"], rel=0.02)


def test_wakes_beside_hogs(hogs):
    """dom0, beside three hogs, waits for less than 1 ms when woken, unless it
    has used more than the hog that runs. It sleeps nearly all the time, so
    that it has only by times that the host was away."""
    set_weights(hogs, dict.fromkeys(WEIGHTS, 256))
    fine(hogs, "xl vcpu-pin Domain-0 0 1")
    before = Account(hogs)
    fine(hogs, "load sleep 300", timeout=240)
    after = Account(hogs)
    fine(hogs, "xl vcpu-pin Domain-0 0 0")
    woken, late, owing = (after.vcpu[0, 0][i] - before.vcpu[0, 0][i]
                          for i in (1, 2, 3))
    assert woken >= 150, (woken, late, owing)
    assert late <= woken * 0.05, (woken, late, owing)


@pytest.fixture(scope="module")
def crowd(program):
    """dom0 with four vCPUs on two processors."""
    with toolstack("sched-crowd",
                   "dom0_mem=512M maxcpus=2 dom0_max_vcpus=4", kernel=KERNEL,
                   cpus=4, files={"/bin/load": program("load")}) as m:
        yield m


def test_crowd(crowd):
    """Parallel fork, memory and exec while the vCPUs are moved about, and
    all stand still for the auditor again and again."""
    m = crowd
    assert fine(m, "nproc").strip() == "4"
    fine(m, "xl dmesg -c >/dev/null")
    fine(m, "touch /tmp/go; while [ -e /tmp/go ]; do for c in 0 1 all; do "
         "for v in 0 1 2 3; do xl vcpu-pin 0 $v $c; done; done; "
         "done >/dev/null 2>&1 & echo started")
    fine(m, "while [ -e /tmp/go ]; do xl debug-keys a; done & echo started")
    fine(m, "(for i in 1 2; do load fork 25 & load memory 3 & "
         "(for j in 1 2 3 4 5 6 7 8 9; do /bin/true; uname >/dev/null; done)& "
         "done; wait) >/tmp/out 2>&1", timeout=600)
    fine(m, "rm /tmp/go; cat /tmp/out; [ $(grep -c 'LOAD done' /tmp/out) = 4 ]")
    fine(m, "for v in 0 1 2 3; do xl vcpu-pin 0 $v all; done")
    audits = re.findall(r"audit: (.*) differences", fine(m, "xl dmesg"))
    assert audits and set(audits) == {"0"}, audits


def test_all_stand_still(crowd):
    """The keys wake dom0 at the very time when the auditor is called: one
    processor takes a vCPU from the other that waits for it to stand still."""
    for _ in range(300):
        crowd.send("\n\x01\x01\x01a\x01\x01\x01")
        crowd.expect("audit: 0 differences")
        crowd.expect("input goes to dom0")
    fine(crowd, "true")


def test_hotplug_from_inside(crowd):
    online = "/sys/devices/system/cpu/cpu%d/online"
    for cpu in 3, 2, 1:
        fine(crowd, "echo 0 >" + online % cpu)
    assert fine(crowd, "nproc").strip() == "1"
    for cpu in 1, 2, 3:
        fine(crowd, "echo 1 >" + online % cpu)
    assert fine(crowd, "nproc").strip() == "4"
    audit(crowd)
