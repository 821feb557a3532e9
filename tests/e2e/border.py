# SPDX-License-Identifier: MIT
"""The border between dom0's kernel and its programs, crossed in any mode."""

import re

PROGRAMS = ("gate", "load")


def cross(m, words=""):
    """What programs see of it is as on bare hardware; then they cross it often.
    The words are those of programs/gate.c."""
    status, output = m.run(("gate " + words).strip(), timeout=120)
    assert (status, output.strip()) == (0, "GATE done 0")
    for load in "fork 100", "syscall 100000", "memory 10":
        assert m.run("load " + load, timeout=120)[0] == 0


def counted(m, *names):
    """Those of the hypervisor's sums when dom0 has powered off."""
    m.send("poweroff\n")
    counters = m.expect(r"counters: (.*)[\r\n]")[1]
    return [int(re.search(r"\b%s=(\d+)" % name, counters)[1])
            for name in names]
