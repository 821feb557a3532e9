# SPDX-License-Identifier: MIT
"""The report's chief tables as plain text."""

import json
import os
import re
import subprocess

from conftest import TOP, Made
from evaluation import settings


def told(tmp_path, **options):
    data = tmp_path / "results.json"
    data.write_text(json.dumps(Made(**options).data))
    return subprocess.run(
        [os.path.join(TOP, "bench", "page"), "--text", data], check=True,
        capture_output=True, text=True).stdout


def line(text, start):
    """The numbers of the only line that begins so."""
    found = re.findall("^%s  (.*)$" % re.escape(start), text, re.M)
    assert len(found) == 1, start
    return [float(word) for word in found[0].split() if word != "-"]


def test_every_setting_is_told(tmp_path):
    text = told(tmp_path)
    at = text.index("times slower than native")
    for s in settings.SETTINGS.values():
        if s.name != "native":
            assert line(text[at:], s.label)
    assert "not measured" not in text


def test_ratios_are_those_of_the_rows(tmp_path):
    text = told(tmp_path)
    slower = line(text[text.index("times slower than native"):],
                  settings.SETTINGS["xen-dom0"].label)
    assert all(5 < value < 7 for value in slower)


def test_what_is_missing_has_its_reason(tmp_path):
    text = told(tmp_path, without=("tcg",))
    assert "QEMU translation, virtio: it broke" in text
