# SPDX-License-Identifier: MIT
"""The regression guard finds what moved, and nothing else."""

import json
import os
import subprocess

import pytest

from conftest import TOP
from evaluation import guard, stats
from evaluation.results import Results

ROW = ("ringfort-guest", "syscall_null")
RATE = ("ringfort-guest", "disk_read")


def judged(old, new):
    return {(m.setting, m.row): m for m in guard.moves(
        Results(data=old), Results(data=new))}


def moved(found):
    return {key: m.verdict for key, m in found.items()
            if m.verdict in ("worse", "better")}


def test_noise_alone_is_no_move(made):
    found = judged(made(seed=1), made(seed=2))
    assert len(found) > 300
    assert not moved(found)


def test_worse_and_better_rows_are_found(made):
    found = moved(judged(made(rounds=7, seed=1), made(
        rounds=7, seed=2, factors={ROW: 1.3, RATE: 0.7})))
    assert found == {ROW: "worse", RATE: "better"}


def test_of_rates_less_is_worse(made):
    found = judged(made(rounds=7, seed=1),
                   made(rounds=7, seed=2, factors={RATE: 1.4}))
    assert found[RATE].verdict == "worse"
    assert found[RATE].change == pytest.approx(0.4, abs=0.08)


def test_the_interval_holds_the_change(made):
    move = judged(made(rounds=7, seed=1),
                  made(rounds=7, seed=2, factors={ROW: 1.3}))[ROW]
    low, high = move.interval
    assert low < 0.3 < high and high - low < 0.2


def test_small_moves_are_left_alone(made):
    found = judged(made(rounds=9, seed=1),
                   made(rounds=9, seed=2, factors={ROW: 1.02}))
    assert found[ROW].verdict == "same"


def test_few_rounds_only_give_hints(made):
    found = judged(made(rounds=2, seed=1),
                   made(rounds=2, seed=2, factors={ROW: 2}))
    assert found[ROW].verdict == "worse" and not found[ROW].tested
    assert "hint" in guard.text(list(found.values()))


def test_one_round_never_judges(made):
    found = judged(made(rounds=1, seed=1),
                   made(rounds=1, seed=2, factors={ROW: 2}))
    assert found[ROW].verdict == "unclear"


@pytest.mark.parametrize("factors, status", [({}, 0), ({ROW: 1.5}, 1)])
def test_the_command(made, tmp_path, factors, status):
    for name, data in (("old", made(seed=1, rounds=7)),
                       ("new", made(seed=2, rounds=7, factors=factors))):
        (tmp_path / name).write_text(json.dumps(data))
    done = subprocess.run(
        [os.path.join(TOP, "bench", "compare"), tmp_path / "old",
         tmp_path / "new"], capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    assert "rows compared" in done.stdout
    assert ("syscall_null" in done.stdout) == bool(factors)


def test_a_file_that_is_none(tmp_path):
    done = subprocess.run([os.path.join(TOP, "bench", "compare"), tmp_path,
                           "/none"], capture_output=True, text=True)
    assert done.returncode == 2 and "cannot read" in done.stderr


def test_benjamini_hochberg():
    found = stats.adjusted({"a": 0.01, "b": 0.04, "c": 0.03, "d": None})
    assert found["a"] == pytest.approx(0.03)
    assert found["b"] == found["c"] == pytest.approx(0.04)
    assert found["d"] is None


def test_fairness():
    assert stats.jain([3, 3, 3]) == pytest.approx(1)
    assert stats.jain([1, 0, 0, 0]) == pytest.approx(0.25)
    assert stats.jain([]) is None


def test_intervals_repeat_and_hold_the_median():
    values = [9, 10, 11, 10.5, 9.5]
    assert stats.interval(values) == stats.interval(values)
    low, high = stats.interval(values)
    assert low < 10 < high
    assert stats.interval([1]) is None
