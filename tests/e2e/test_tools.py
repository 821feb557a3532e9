# SPDX-License-Identifier: MIT
"""Where tools/debian.sh looks for packages, on machines of several kinds."""

import os
import subprocess

import machine

DEBIAN = "Debian|http://mirror/debian"
SECURITY = "Debian-Security|http://mirror/debian-security"


def sources(tmp_path, *targets):
    """What use_suites would read where apt itself has these targets."""
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\nprintf '%%s\\n' %s\n"
                   % " ".join("'%s'" % t for t in targets))
    apt.chmod(0o755)
    out = subprocess.run(
        ["bash", "-c", ". tools/lib.sh; . tools/debian.sh; "
         "sources_for bookworm bookworm-security"], cwd=machine.TOP,
        env={**os.environ, "PATH": "%s:%s" % (tmp_path, os.environ["PATH"])},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="latin1",
        check=False)
    lines = out.stdout.splitlines()
    assert all(" check-valid-until=no " in line for line in lines)
    return [line.split("] ")[1] for line in lines], out


def test_both_mirrors(tmp_path):
    assert sources(tmp_path, DEBIAN, SECURITY)[0] == [
        "http://mirror/debian bookworm main",
        "http://mirror/debian-security bookworm-security main"]


def test_no_security_mirror(tmp_path):
    """As debootstrap leaves a machine."""
    found, out = sources(tmp_path, DEBIAN)
    assert found == ["http://mirror/debian bookworm main"]
    assert out.returncode == 0


def test_no_mirror_at_all(tmp_path):
    found, out = sources(tmp_path, "Other|http://mirror/other")
    assert not found
    assert out.returncode != 0
    assert "Run 'apt-get update' as root" in out.stderr
