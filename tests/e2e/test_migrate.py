# SPDX-License-Identifier: MIT
"""Live migration of a guest to the machine it is on.

xl sends the guest's memory while the guest goes on changing it, and again
what was changed meanwhile. Two programs in the guest know what they wrote
and find it afterwards, and see no time go back; and with --debug the
toolstack itself sends all of the stopped guest's memory once more and
compares page by page.

Debian's Xen cannot do this with paravirtual guests: it is built without the
paging that would track their writes.
"""

import re

import pytest

import machine
from toolstack import (INIT, KERNEL, POWEROFF, attached, audit, config, fine,
                       free_memory, guest_up, toolstack)

pytestmark = [pytest.mark.ours, pytest.mark.xdist_group("migrate")]

PROGRAMS = 2
MIGRATE = "xl -vv migrate %s -s '' one 'xl migrate-receive' >/tmp/log 2>&1"


def restless(m):
    """What the guest's programs say: [(rounds, wrong, longest pause)]."""
    return [tuple(map(int, numbers)) for numbers in
            re.findall(r"rounds (\d+) wrong (\d+) gap (\d+)",
                       fine(m, "cat /tmp/restless-*"))]


@pytest.fixture(scope="module", params=["off", "adaptive,force"])
def dom0(request, program):
    """A machine with a guest on it that changes its memory all the time, in
    classic mode and behind a closed gate."""
    initramfs = machine.archive({
        "/bin/busybox": "/bin/busybox", "/init": INIT,
        "/sbin/poweroff": POWEROFF, "/bin/restless": program("restless"),
        **{"/%s/.keep" % d: b"" for d in ("proc", "sys", "dev", "tmp")}})
    files = {"/guest/vmlinuz": machine.kernel(KERNEL),
             "/guest/initramfs": initramfs,
             "/etc/xen/one": config("one", vcpus=2)}
    with toolstack("migrate", "dom0_mem=512M gate=" + request.param,
                   kernel=KERNEL, files=files,
                   mem="1200") as m:
        def begin():
            guest_up(m)
            fine(m, "{ restless %d 6 >/dev/null 2>&1 & }" % PROGRAMS)
            fine(m, "until [ $(ls /tmp/restless-* | wc -l) = %d ]; "
                 "do sleep 0.3; done 2>/dev/null" % PROGRAMS)
        attached(m, "xl create -c /etc/xen/one", begin)
        yield m


def in_guest(m, action):
    def enter():
        m.send("\n")
        m.expect("guest [^ ]* # ")
        action()
    attached(m, "xl console one", enter)


@pytest.mark.parametrize("options", ["", "--debug"])
def test_migrates(dom0, options):
    m = dom0
    seen = []
    in_guest(m, lambda: seen.append(restless(m)))
    before = int(fine(m, "xl domid one"))
    fine(m, MIGRATE % options, timeout=200)
    log = fine(m, "grep -v libxl: /tmp/log")
    assert "Migration successful" in log
    assert not re.search("(?i)mismatch|error|differ", log), log
    assert int(fine(m, "xl domid one")) > before

    def still_right():
        fine(m, "rm /tmp/restless-*; until [ $(ls /tmp/restless-* | wc -l) "
             "= %d ]; do sleep 0.3; done 2>/dev/null" % PROGRAMS)
        seen.append(restless(m))
    in_guest(m, still_right)
    for (rounds, _, _), (later, wrong, gap) in zip(*seen):
        assert later > rounds and wrong == 0
        print("longest pause of a program: %d ms" % gap)


def test_leaves_nothing(dom0):
    m = dom0
    assert fine(m, "xl list").count("\n") == 3
    fine(m, "xl pause one")  # the auditor counts what stands still
    audit(m)
    fine(m, "xl destroy one; timeout 60 sh -c "
         "'until [ $(xl list | wc -l) = 2 ]; do sleep 0.3; done'", timeout=90)
    assert free_memory(m) == m.free
    audit(m)
