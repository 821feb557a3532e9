# SPDX-License-Identifier: MIT
"""What the summary says follows from the rows."""

from conftest import Made
from evaluation import claims, settings
from evaluation.results import Results


def judged(data):
    return {c.key: c for c in claims.judge(Results(data=data))}


def pick(claim, subject, other, what):
    return next(c for c in claim.comparisons if (
        c.subject, c.other, c.what) == (subject, other, what))


def test_each_claim_has_each_full_virtualization(made):
    found = judged(made())
    full = {s.name for s in settings.SETTINGS.values() if s.kind in (
        settings.FULL, settings.SOFT)}
    rows_of = {s.name for s in settings.SETTINGS.values() if s.rows_of}
    assert set(found) == {"execution", "cpu", "io", "scaling", "stability"}
    for key, claim in found.items():
        for subject in claims.SUBJECTS:
            against = {c.other for c in claim.comparisons
                       if c.subject == subject}
            assert against == (full if key == "io" else full - rows_of), key


def test_ratios_and_verdicts(made):
    claim = judged(made())["execution"]
    behind = pick(claim, "ringfort-guest", "kvm-npt", "speed of all rows")
    even = pick(claim, "ringfort-gate-guest", "kvm-npt", "speed of all rows")
    ahead = pick(claim, "ringfort-guest", "tcg", "speed of all rows")
    assert abs(behind.ratio - 1.5 / 3.3) < 0.03
    assert abs(ahead.ratio - 25 / 3.3) < 0.3
    assert [c.verdict for c in (behind, even, ahead)] == ["no", "even", "yes"]
    assert behind.interval[0] < behind.ratio < behind.interval[1]
    assert claim.verdict == "partly"


def test_one_round_has_no_intervals(made):
    claim = judged(made(rounds=1))["execution"]
    assert all(c.interval is None for c in claim.comparisons)


def test_a_setting_that_cannot_run_says_why(made):
    results = Results(data=made(without=("kvm-shadow",)))
    assert results.missing() == {"kvm-shadow": "it broke",
                                 "kvm-shadow-emulated": "it broke"}


def test_a_row_that_one_lacks_is_told_of(made):
    data = made()
    for visit in data["visits"]:
        visit["findings"] = [f for f in visit["findings"] if (
            f["setting"], f.get("row")) not in (
                ("xen-pv", "fork_exit"), ("kvm-npt", "scale"))]
    assert Results(data=made()).gaps() == {}
    assert Results(data=data).gaps() == {
        "xen-pv": ["fork and exit"],
        "kvm-npt": ["1 guest", "2 guests", "4 guests"]}


def test_a_few_events_have_no_tail(made):
    data = made()
    for visit in data["visits"]:
        for f in visit["findings"]:
            if f["setting"] == "tcg" and "quantiles" in f:
                f["operations"] = 5
    results = Results(data=data)
    assert claims.tail(results, "kvm-npt", "lat_timer")
    assert claims.tail(results, "tcg", "lat_timer") is None


def test_neighbours(made):
    results = Results(data=made())
    found = claims.beside(results, "kvm-npt")
    assert set(found) == {"memory"} and 1.3 < found["memory"] < 1.5


def test_instructions_are_counted_apart():
    """They are exact, and no part of times."""
    results = Results(data=Made(rounds=2).count().data)
    assert results.instructions("kvm-npt", "syscall_null") == 450
    assert len(results.series("kvm-npt", "syscall_null")) == 2
    claim = next(c for c in claims.judge(results) if c.key == "cpu")
    found = pick(claim, "ringfort-guest", "kvm-shadow",
                 "instructions at equal work")
    assert abs(found.ratio - 5 / 3.3) < 1e-6 and found.verdict == "yes"
