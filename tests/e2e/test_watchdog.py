# SPDX-License-Identifier: MIT
"""The watchdog over the hypervisor's own processors."""

import pytest

pytestmark = pytest.mark.ours


def test_a_processor_that_hangs(boot):
    """Left alone while there is work; found, named and ended when it hangs."""
    m = boot(append="dom0_mem=512M watchdog watchdog_timeout=2",
             dom0="quiet rf.tools=0")
    m.expect("watchdog: a processor silent for 2 s stops the machine")
    m.dom0_up()
    m.shell()
    m.run("i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i + 1)); done")
    m.send("\x01\x01\x01")
    m.expect("input goes to the hypervisor[^\r\n]*[\r\n]")
    m.send("d")
    m.expect(r"cpu 0, (guest|hypervisor)")
    m.expect(r"cpu 1, hypervisor, vector 0x2 \(NMI\)")
    m.expect("back trace:")
    m.send("W")
    m.expect("watchdog: processor 0 is stuck", timeout=120)
    m.expect(r"cpu 0, hypervisor, vector 0x2 \(NMI\)")
    m.expect(r"back trace:[\r\n]+[^\r\n]* hang\+0x")
    m.expect(r"cpu 1, hypervisor, vector 0x2 \(NMI\)")
    m.expect("restarting in")
    m.end("guest-reset")


def test_without_the_option(boot):
    """No key to hang by."""
    m = boot(dom0="quiet rf.tools=0")
    m.dom0_up()
    m.expect_nothing("watchdog")
    m.shell()
    m.send("\x01\x01\x01")
    m.expect("input goes to the hypervisor[^\r\n]*[\r\n]")
    m.send("W")
    m.expect("debug keys:")
    m.expect_nothing("hang")
