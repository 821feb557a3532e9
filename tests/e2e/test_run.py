# SPDX-License-Identifier: MIT
"""make run, as one types it on a terminal: what the README promises."""

import os
import re
import subprocess

import pexpect
import pytest

import machine

GUESTS = ["debian-1", "linux-6.12-2"]
LOG = os.path.join(machine.LOGS, "e2e", "run.log")


@pytest.fixture
def terminal(request):
    """make run without words; its end is QEMU's."""
    os.makedirs(os.path.dirname(LOG), exist_ok=True)
    with open(LOG, "w", encoding="latin1") as log:
        child = pexpect.spawn(
            "make", ["--no-print-directory", "run"],
            cwd=machine.TOP, encoding="latin1", logfile=log,
            timeout=120 * machine.SCALE)
        yield child
        child.close(force=True)
    if not request.node.failed:
        os.unlink(LOG)


def test_two_guests_beside_dom0(terminal):
    """Both up and listed; the hints for console and network are right."""
    m = terminal
    m.expect("RINGFORT-TOOLS-UP", timeout=300 * machine.SCALE)
    for name in GUESTS:
        m.expect(name + r" is up, 10\.99\.0\.\d+ ",
                 timeout=400 * machine.SCALE)
    m.expect(r"Domain-0 +0 +512 +1 ")
    for name in GUESTS:
        m.expect(r"\n%s +\d+ +\d+ +1 " % name)
    m.expect(r"xl console (\S+) +its console")
    console = m.match[0].partition(" its")[0].strip()
    m.expect(r"(ping -c 3 10\.99\.0\.\d+) ")  # the whole number has come
    ping = m.match[1]
    m.expect("dom0 [^ ]* # ")
    m.sendline(ping)
    m.expect("3 packets received")
    m.sendline(console)
    m.sendline("")
    m.expect("guest [^ ]* # ")
    m.sendline("uname -r")
    m.expect(r"[\r\n]6\.12\.")
    m.send("\x1d")
    m.expect("dom0 [^ ]* # ")
    m.sendline("poweroff")
    m.expect(pexpect.EOF)
    m.close()
    assert m.exitstatus == 0


@pytest.mark.parametrize("word, says", [
    ("GUESTS=abc", "run: GUESTS=abc: give a number of guests, 0 for none"),
    ("GUESTS=08", "run: GUESTS=08: give a number of guests, 0 for none"),
    ("CPUS=two", "run: CPUS=two: give a number of processors"),
    ("KERNEL=nonsense",
     "run: KERNEL=nonsense: give a release line: 6.1, 6.12, 7.2"),
    ("TIMEOUT=0", "run: TIMEOUT=0: give a number of seconds"),
    ("SCRIPT=/none", "run: SCRIPT=/none: no such file"),
])
def test_what_cannot_be_right_is_said_at_once(word, says):
    out = subprocess.run(["make", "--no-print-directory", "run", word],
                         cwd=machine.TOP, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, encoding="latin1",
                         check=False)
    assert out.returncode != 0
    assert out.stdout == ""
    assert out.stderr.splitlines()[0] == says


def test_a_full_disk_is_noticed(tmp_path):
    df = tmp_path / "df"
    df.write_text("#!/bin/sh\nprintf 'Avail\\n   3M\\n'\n")
    df.chmod(0o755)
    out = subprocess.run(
        ["make", "--no-print-directory", "run"], cwd=machine.TOP,
        env={**os.environ, "PATH": "%s:%s" % (tmp_path, os.environ["PATH"])},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="latin1",
        check=False)
    assert out.returncode != 0
    assert out.stderr.splitlines()[0] == \
        "run: 3 MiB are free for %s, and 100 may be needed" % machine.BUILD


def test_more_of_them_with_another_kernel():
    """What GUESTS, KERNEL and CMD ask for."""
    out = subprocess.run(
        ["make", "--no-print-directory", "run", "GUESTS=3", "KERNEL=7.2",
         "TIMEOUT=%d" % (400 * machine.SCALE),
         "CMD=uname -r; xl list"], cwd=machine.TOP,
        stdout=subprocess.PIPE, encoding="latin1", check=False)
    assert out.returncode == 0, out.stdout
    assert re.search(r"^7\.2\.", out.stdout, re.M), out.stdout
    for name in GUESTS + ["linux-7.2-3"]:
        assert re.search("^%s +[0-9]+ +" % name, out.stdout, re.M), out.stdout
