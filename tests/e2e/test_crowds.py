# SPDX-License-Identifier: MIT
"""More vCPUs than processors, by far: 64 guests at once, a guest and a dom0 of
32 vCPUs each (those beyond the shared page's 32 places have their vcpu_info
elsewhere, and so have Linux's all), on two processors.
"""

import re

import pytest

import machine
from test_hostile import domains_program, hostile_kernel
from toolstack import (KERNEL, attached, audit, config, fine, free_memory,
                       guest_initramfs, guest_up, nothing_left, toolstack,
                       until)

pytestmark = pytest.mark.xdist_group("crowds")

GUESTS = 64
VCPUS = 32


@pytest.fixture(scope="module")
def dom0():
    files = {"/bin/domains": domains_program(),
             "/guest/hostile": hostile_kernel(),
             "/guest/vmlinuz": machine.kernel(KERNEL),
             "/guest/initramfs": guest_initramfs(),
             "/etc/xen/many": config("many", vcpus=VCPUS, memory=256)}
    with toolstack("crowds", "dom0_mem=400M dom0_max_vcpus=2", kernel=KERNEL,
                   files=files, mem="1280") as m:
        yield m


def test_64_guests(dom0):
    """They end by themselves, all about the same time. Then all want to run
    all the time, and do, dom0 with its larger weight beside them."""
    fine(dom0, "domains -n %d -m 4 -c 1 idle >/tmp/ends" % GUESTS, timeout=240)
    fine(dom0, "xl sched-credit2 -d 0 -w 65535")
    fine(dom0, "domains -n %d -m 4 -c 1 -t 5 spin >/tmp/spins" % GUESTS,
         timeout=240)
    fine(dom0, "xl sched-credit2 -d 0 -w 256")
    ends, spins = (fine(dom0, "cat /tmp/" + f) for f in ("ends", "spins"))
    assert ends.count("RFTEST pass") == 2 * GUESTS, ends
    for said in ends, spins:
        assert re.search(r"^DOMAINS left 0 lost (0|-\d+) pages", said, re.M)
    assert spins.count("spinning") == spins.count("destroyed") == 2 * GUESTS
    for n, least in re.findall(r"^RAN (\d+) from (\d+) to", spins, re.M):
        assert int(n) == GUESTS and int(least) > 50  # of 156 ms each
    audit(dom0)


def test_guest_of_32(dom0):
    """Comes up, loses vCPUs and takes them again, asked from outside and from
    inside."""
    m = dom0
    m.free = free_memory(m)

    def in_it(command, timeout=240):
        out = []
        attached(m, "xl console many",
                 lambda: (m.send("\n"), m.expect("guest [^ ]* # "),
                          out.append(fine(m, command, timeout=timeout))))
        return out[0].strip()

    attached(m, "xl create -c /etc/xen/many", lambda: guest_up(m))
    assert in_it("nproc") == str(VCPUS)
    fine(m, "xl vcpu-set --ignore-host many 20")
    until(m, "[ $(xl vcpu-list many | grep -c -e --p) = %d ]" % (VCPUS - 20),
          seconds=120)
    assert in_it("nproc") == "20"
    fine(m, "xl vcpu-set --ignore-host many %d" % VCPUS)
    switch = ("for i in $(seq %d %d); do until echo %d >/sys/devices/system/"
              "cpu/cpu$i/online; do sleep 0.2; done 2>/dev/null; done; nproc")
    assert in_it(switch % (20, 31, 1)) == str(VCPUS)
    assert in_it(switch % (1, 8, 0)) == str(VCPUS - 8)
    assert in_it(switch % (1, 8, 1)) == str(VCPUS)
    assert in_it("for i in $(seq 64); do (ls -lR /sys/class | md5sum) & done "
                 ">/dev/sums; wait; sort -u /dev/sums | wc -l") == "1"
    fine(m, "xl destroy many")
    nothing_left(m)


def test_dom0_of_32(program):
    with toolstack("crowds-dom0",
                   "dom0_mem=700M dom0_max_vcpus=%d" % VCPUS, kernel=KERNEL,
                   files={"/bin/load": program("load")}) as m:
        assert fine(m, "nproc").strip() == str(VCPUS)
        assert len(re.findall(r"^Domain-0 ", fine(m, "xl vcpu-list"),
                              re.M)) == VCPUS
        fine(m, "(for i in 1 2 3 4 5 6 7 8; do load fork 5 & done; wait) "
             ">/tmp/out; [ $(grep -c 'LOAD done' /tmp/out) = 8 ]", timeout=300)
        online = "/sys/devices/system/cpu/cpu$i/online"
        for up in 0, 1:
            fine(m, "for i in $(seq 1 31); do echo %d >%s; done"
                 % (up, online), timeout=240)
            assert fine(m, "nproc").strip() == ("32" if up else "1")
        audit(m)
