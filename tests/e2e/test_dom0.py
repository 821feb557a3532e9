# SPDX-License-Identifier: MIT
"""Each of Debian's kernels as dom0: it comes up and does what it should.

The stories of one kernel share one machine; it boots in the first of them.
"""

import re
import time

import pytest

import machine
from conftest import KERNELS, is_ours

MEMORY_MIB = 512


@pytest.fixture(scope="module", params=[
    pytest.param(k, marks=pytest.mark.xdist_group("dom0-" + k))
    for k in KERNELS])
def dom0(request, program):
    """A machine at dom0's shell."""
    files = {"/bin/" + name: program(name)
             for name in ("load", "clock", "grants")}
    with machine.Machine("e2e/dom0-" + request.param, kernel=request.param,
                         append="dom0_mem=%dM" % MEMORY_MIB,
                         dom0="rf.tools=0", files=files) as m:
        m.dom0_up()
        m.shell()
        m.kernel = request.param
        yield m
        assert not m.triple_fault()


def test_userspace(dom0):
    status, output = dom0.run("uname -r")
    assert status == 0
    with open(machine.kernel(dom0.kernel, "version")) as f:
        assert output.strip() == f.read().strip()


def test_runs_paravirtualized(dom0):
    output = dom0.run("cat /sys/hypervisor/type /sys/hypervisor/guest_type")[1]
    assert output.split() == ["xen", "PV"]


def test_memory_is_what_was_given(dom0):
    info = "/sys/devices/system/xen_memory/xen_memory0/info/current_kb"
    given = int(dom0.run("cat " + info)[1]) / 1024
    assert abs(given - MEMORY_MIB) <= 2
    meminfo = dom0.run("grep MemTotal /proc/meminfo")[1]
    usable = int(meminfo.split()[1]) / 1024
    assert MEMORY_MIB * 0.6 < usable < MEMORY_MIB


def test_console_takes_input(dom0):
    dom0.send("echo RE'ADY'; read -r line; echo \"<$line>\"\n")
    dom0.expect("READY[\r\n]")
    typed = "The quick brown fox, 0123456789 ~!@#$%^&*()_+{}|:<>?"
    dom0.send(typed + "\n")
    dom0.expect(re.escape(typed) + r"[\r\n]+<" + re.escape(typed) + ">")


def test_console_takes_long_lines(dom0):
    """More than any hypervisor keeps for a dom0 that is slow to read."""
    typed = "-".join(str(i) for i in range(150))
    assert dom0.run("echo " + typed)[1].strip() == typed


def test_console_long_output(dom0):
    status, output = dom0.run("seq 1 3000")
    assert status == 0
    assert output.split() == [str(i) for i in range(1, 3001)]


def test_interrupt_key(dom0):
    dom0.send("echo RE'ADY'; cat\n")
    dom0.expect("READY[\r\n]")
    dom0.send("here\n")
    dom0.expect("here[\r\n]+here[\r\n]")
    dom0.send("\x03")
    dom0.expect("dom0 [^ ]* # ")
    assert dom0.run("true")[0] == 0


@pytest.mark.parametrize("kind, count", [
    ("fork", 300), ("syscall", 200000), ("memory", 20)])
def test_load(dom0, kind, count):
    status, output = dom0.run("load %s %d" % (kind, count), timeout=120)
    assert (status, output.strip()) == (0, "LOAD done %d" % count)


def audit(m):
    """The frame and grant auditor finds nothing, and no grant is in use."""
    m.send("\x01\x01\x01")
    m.expect("input goes to the hypervisor")
    m.send("a")
    m.expect("audit: 0 differences")
    m.send("g")
    m.send("\x01\x01\x01")
    m.expect("input goes to d")
    state = m.child.before.decode("latin1")
    assert "grant: d0 table" in state and "used by" not in state
    m.send("\n")
    m.expect("dom0 [^ ]* # ")


def test_grants(dom0):
    dom0.run("modprobe xen-gntdev; modprobe xen-gntalloc")
    status, output = dom0.run("grants", timeout=120)
    assert (status, output.strip()) == (0, "GRANTS fine")
    if is_ours():
        audit(dom0)


def test_dd(dom0):
    status, output = dom0.run(
        "dd if=/dev/zero of=/dev/null bs=1 count=50000", timeout=120)
    assert status == 0 and "50000+0 records out" in output


def test_sleep_wakes_in_time(dom0):
    output = dom0.run("time sleep 2")[1]
    real = re.search(r"real\s+(\d+)m\s*([\d.]+)s", output)
    took = int(real[1]) * 60 + float(real[2])
    assert 2.0 <= took < 2.5


def look_at_clocks(m):
    """dom0's two clocks and the host's at one moment, and how unsure it is.

    The answer lies between the host's clock before the question and after
    it; of many tries the quickest is the best.
    """
    tries = []
    for _ in range(20):
        before = time.monotonic()
        m.send("\n")
        seen = m.expect(r"CLOCK ([\d.]+) ([\d.]+)[\r\n]", timeout=20)
        after = time.monotonic()
        tries.append((after - before, (before + after) / 2,
                      float(seen[1]), float(seen[2])))
    return min(tries)


def test_clock_keeps_time(dom0):
    dom0.send("echo RE'ADY'; clock\n")
    dom0.expect("READY[\r\n]")
    unsure, host0, wall0, boot0 = look_at_clocks(dom0)
    assert abs(wall0 - time.time()) < 5
    # The one thing here that takes a minute: a minute of quiet console.
    dom0.silence(60)
    unsure1, host1, wall1, boot1 = look_at_clocks(dom0)
    dom0.send("\x04")
    dom0.run("true")
    real = host1 - host0
    limit = 0.001 * real
    print("clock: %.6f s of %.6f, %.6f of dom0's wall clock, unsure by %.6f"
          % (boot1 - boot0, real, wall1 - wall0, unsure + unsure1))
    assert unsure + unsure1 < limit, "the host is too busy to measure"
    assert abs(boot1 - boot0 - real) < limit
    assert abs(wall1 - wall0 - real) < limit
