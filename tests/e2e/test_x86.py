# SPDX-License-Identifier: MIT
"""Awkward programs in dom0, in every mode that its kernel can run in.

programs/x86.c has flags at system calls, LDTs, signals that return to odd
segments, watchpoints behind MOV SS and vector registers under load;
programs/compat.c is a 32-bit program. Both say the same on bare hardware.
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
    pytest.param("flip", "max", "SYSCALL", marks=OURS),
    pytest.param("open", "qemu64,vendor=GenuineIntel", "SYSENTER",
                 marks=OURS),
]


@pytest.mark.parametrize("gate,cpu,way", MODES)
def test_programs(boot, program, gate, cpu, way):
    m = boot(cpu=cpu, dom0="rf.tools=0",
             append="dom0_mem=512M dom0-gate=" + gate,
             files={"/bin/x86": program("x86"),
                    "/bin/compat": program("compat")})
    m.dom0_up()
    m.shell()
    status, output = m.run("x86", timeout=180)
    assert (status, output.strip()) == (0, "X86 done 0")
    status, output = m.run("compat", timeout=180)
    assert (status, output.strip()) == (0, "COMPAT by %s done 0" % way)
