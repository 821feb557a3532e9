# SPDX-License-Identifier: MIT
"""Time as programs in dom0 see it, on several vCPUs that move about."""

import re
import time

from conftest import is_ours

SYSTEM_CALLS = r"^syscall +T= +(\d+)"


def system_calls(m):
    return int(re.search(SYSTEM_CALLS, m.run("xenperf")[1], re.M)[1])


def test_one_time_for_all(boot, program):
    """Never back, from whatever processor; right to the second; for free."""
    m = boot(append="dom0_mem=512M dom0_max_vcpus=4",
             dom0="quiet rf.tools=wait",
             files={"/bin/clocks": program("clocks")})
    m.expect("RINGFORT-TOOLS-UP")
    m.shell()
    source = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    assert m.run("cat " + source)[1].strip() == "xen"
    before = time.time()
    said = int(m.run("date +%s")[1])
    assert before - 3 <= said <= time.time() + 3
    m.run("(clocks 4 12 >/tmp/clocks &)")
    for i in range(12):
        m.run("xl vcpu-pin 0 %d %d" % (i % 4, i // 4 % 2))
    m.run("for i in 0 1 2 3; do xl vcpu-pin 0 $i all; done")
    status, output = m.run("until [ -s /tmp/clocks ]; do sleep 1; done; "
                           "cat /tmp/clocks", timeout=120)
    reads, turns, back = map(int, re.search(
        r"CLOCKS reads (\d+) turns (\d+) back (\d+)", output).groups())
    assert back == 0 and turns > 10, output
    if not is_ours():
        return
    before = system_calls(m)
    output = m.run("clocks 2 2")[1]
    reads = int(re.search(r"reads (\d+)", output)[1])
    assert system_calls(m) - before < reads / 4, output
