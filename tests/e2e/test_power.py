# SPDX-License-Identifier: MIT
"""dom0's poweroff and reboot are the machine's."""

import pytest

from conftest import KERNELS


@pytest.mark.parametrize("kernel", KERNELS)
def test_poweroff(boot, kernel):
    m = boot(kernel=kernel, dom0="rf.tools=0")
    m.shell()
    m.send("poweroff\n")
    m.end("guest-shutdown")


@pytest.mark.parametrize("kernel", KERNELS)
def test_reboot(boot, kernel):
    m = boot(kernel=kernel, dom0="rf.tools=0")
    m.shell()
    m.send("reboot\n")
    m.end("guest-reset")


def test_reboot_comes_up_again(boot):
    m = boot(reboot=True, dom0="rf.tools=0")
    m.shell()
    m.send("reboot\n")
    m.dom0_up()
    m.shell()
    m.send("poweroff\n")
    m.end("guest-shutdown")


def test_script_mode_ends_by_itself(boot):
    m = boot(dom0="rf.tools=0 rf.run=/script",
             files={"/script": b"echo script runs; exit 3\n"})
    m.expect("RINGFORT-RUN[\r\n]+script runs[\r\n]+RINGFORT-EXIT 3[\r\n]")
    m.end("guest-shutdown")
