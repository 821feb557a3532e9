# SPDX-License-Identifier: MIT
"""Several computers: their rounds become one session's."""

import json
import os

import pytest

from evaluation import fleet
from evaluation.results import Results

ROW = ("kvm-npt", "syscall_null")


@pytest.fixture
def ssh(made, tmp_path, monkeypatch):
    """An ssh that hands out results, but not those of "broken"."""
    for host, slower in (("one", 1), ("two", 10)):
        data = made(rounds=2, seed=slower, factors={ROW: 1.0})
        for visit in data["visits"]:
            for f in visit["findings"]:
                if "value" in f:
                    f["value"] *= slower
        (tmp_path / (host + ".json")).write_text(json.dumps(data))
    script = tmp_path / "ssh"
    script.write_text('#!/bin/sh\nexec cat %s/"$3".json\n' % tmp_path)
    script.chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path, os.environ["PATH"]))


def test_rounds_of_all_are_kept_apart(ssh, capfd):
    found = fleet.run(["one:/x", "two:/y", "broken:/z"], ["--quick"], "abc")
    assert set(found) == {"one", "two"}
    assert "broken failed" in capfd.readouterr().err
    results = Results(data=fleet.merge(found))
    assert len(results.series(*ROW)) == 4
    # Ten times slower computers have the same ratios.
    ratios = results.slower("kvm-npt", "native", "syscall_null")
    assert len(ratios) == 4
    assert all(1.3 < r < 1.7 for r in ratios)


def test_a_place_needs_a_folder():
    with pytest.raises(SystemExit, match="HOST:FOLDER"):
        fleet.run(["one"], [], "abc")
