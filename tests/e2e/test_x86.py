# SPDX-License-Identifier: MIT
"""Awkward programs in dom0, in every mode that its kernel can run in.

programs/x86.c has flags at system calls, LDTs, signals that return to odd
segments, watchpoints behind MOV SS and vector registers under load;
programs/compat.c is a 32-bit program; programs/probes.c has breakpoints in the
kernel's text. All say the same on bare hardware.
"""

import pytest

OURS = pytest.mark.ours

# Mode, processor, and the way by which 32-bit programs enter on it. The last
# is Intel's, without the promise that it has no Meltdown fault: classic.
MODES = [
    pytest.param("off", "qemu64", "SYSCALL"),
    pytest.param("off", "max", "SYSCALL"),
    pytest.param("open", "qemu64", "SYSCALL", marks=OURS),
    pytest.param("open", "max", "SYSCALL", marks=OURS),
    pytest.param("closed", "max", "SYSCALL", marks=OURS),
    pytest.param("adaptive", "max", "SYSCALL", marks=OURS),
    pytest.param("flip", "max", "SYSCALL", marks=OURS),
    pytest.param("open", "qemu64,vendor=GenuineIntel", "SYSENTER",
                 marks=OURS),
]


@pytest.mark.parametrize("gate,cpu,way", MODES)
def test_programs(boot, program, gate, cpu, way):
    m = boot(cpu=cpu, dom0="rf.tools=0",
             append="dom0_mem=512M dom0-gate=" + gate,
             files={"/bin/" + p: program(p) for p in ("x86", "compat")})
    m.dom0_up()
    m.shell()
    status, output = m.run("x86", timeout=180)
    assert (status, output.strip()) == (0, "X86 done 0")
    status, output = m.run("compat", timeout=180)
    assert (status, output.strip()) == (0, "COMPAT by %s done 0" % way)


# Behind the closed gate: test_closed_gate.
@pytest.mark.parametrize("gate", ["off", pytest.param("open", marks=OURS)])
def test_probes(boot, program, gate):
    """On one processor, since the kernel changes its text here (StaleCode in
    tools/machine.py)."""
    m = boot(dom0="rf.tools=0", append="dom0_mem=512M dom0-gate=" + gate,
             cpus=1, files={"/bin/probes": program("probes")})
    m.dom0_up()
    m.shell()
    status, output = m.run("probes", timeout=180)
    assert (status, output.strip()) == (0, "PROBES done 0")
