# SPDX-License-Identifier: MIT
"""dom0 behind a closed gate: Debian's kernels in ring 1, the hypervisor not
mapped while they run (docs/gate.md). flip changes the mode at every exit."""

import re

import pytest

from conftest import KERNELS

pytestmark = pytest.mark.ours


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("mode", ["closed", "flip", "adaptive"])
def test_closed_gate(boot, program, kernel, mode):
    m = boot(kernel=kernel, cpu="max", dom0="rf.tools=0",
             append="dom0_mem=512M dom0_max_vcpus=2 dom0-gate=" + mode,
             files={"/bin/gate": program("gate"),
                    "/bin/load": program("load")})
    m.expect("closed gate: ring 1 does not hold on this machine")
    m.dom0_up()
    m.shell()
    shown = "" if mode == "closed" else " m2p-shown"
    status, output = m.run("gate" + shown, timeout=120)
    assert (status, output.strip()) == (0, "GATE done 0")
    for load in "fork 100", "syscall 100000", "memory 10":
        assert m.run("load " + load, timeout=120)[0] == 0
    m.send("poweroff\n")
    counters = m.expect(r"counters: (.*)[\r\n]")[1]
    changes = int(re.search(r"\bsyscall=(\d+)", counters)[1])
    writes = int(re.search(r"\bcr3_mode=(\d+)", counters)[1])
    assert writes < changes * (2 if mode == "flip" else 1)
