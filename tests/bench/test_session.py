# SPDX-License-Identifier: MIT
"""Sessions: what is asked of guests, rounds, resuming, time limits."""

import json
import re

import pytest

import machine
from evaluation import session, settings, target

COMPUTER = settings.Computer()
MOST = 1023  # characters that a PV guest's command line may have


class FakeVisit:
    """A boot that takes no time; machines in broken fail."""

    broken = ()
    made = []

    def __init__(self, host, computer, options, more, icount=False):
        self.host, self.findings, self.took = host, [], {}

    def run(self):
        FakeVisit.made.append(self.host.name)
        if self.host.name in FakeVisit.broken:
            raise machine.Failure("no shell\nlast lines: …")
        self.findings.append({"setting": self.host.settings[0].name,
                              "row": "cpu_int", "unit": "ns", "value": 1})


@pytest.fixture
def fake(monkeypatch, tmp_path):
    monkeypatch.setattr(session, "Visit", FakeVisit)
    FakeVisit.broken, FakeVisit.made = (), []

    def run(about=None, **options):
        options.setdefault("icount", False)
        s = session.Session(str(tmp_path / "r.json"),
                            about or {"ringfort": "abc"}, COMPUTER,
                            session.Options(**options))
        s.run()
        return s.data["visits"]
    return run


def names(visits):
    return [v["host"] for v in visits]


def test_rounds_are_interleaved(fake):
    visits = fake(rounds=2, hosts=("native", "xen", "kvm-npt"))
    assert names(visits) == ["native", "xen", "kvm-npt",
                             "xen", "kvm-npt", "native"]


def test_translation_has_fewer_rounds(fake):
    visits = fake(rounds=3, tcg_rounds=1, hosts=("native", "tcg"))
    assert names(visits).count("tcg") == 1
    assert names(visits).count("native") == 3


def test_a_machine_that_fails_is_tried_again_and_told_of(fake):
    FakeVisit.broken = ("xen",)
    visits = fake(rounds=1, hosts=("native", "xen"))
    assert FakeVisit.made == ["native", "xen", "xen"]
    assert [v["error"] for v in visits] == [None, "no shell"]


def test_an_interrupted_session_goes_on(fake, tmp_path):
    fake(rounds=2, hosts=("native", "xen"))
    path = tmp_path / "r.json"
    data = json.loads(path.read_text())
    del data["visits"][2:], data["done"]
    path.write_text(json.dumps(data))
    FakeVisit.made = []
    visits = fake(rounds=2, hosts=("native", "xen"))
    assert FakeVisit.made == ["xen", "native"] and len(visits) == 4


def test_instructions_are_counted_before_rounds_are_repeated(fake):
    visits = fake(rounds=3, icount=True, minutes=1e-6,
                  hosts=("native", "tcg"))
    assert [(v["round"], v["host"]) for v in visits] == [
        (0, "native"), (0, "tcg"), ("icount", "native")]


def test_some_boots_at_a_time(fake, tmp_path):
    options = session.Options(rounds=2, icount=False,
                              hosts=("native", "xen"))
    for left in 3, 2, 1, 0:
        s = session.Session(str(tmp_path / "r.json"), {"ringfort": "abc"},
                            COMPUTER, options)
        assert s.run(1) is (left == 0)
    assert names(s.data["visits"]) == ["native", "xen", "xen", "native"]


class LosingTarget:
    """A machine that dies after the rows."""

    def __init__(self):
        self.m = self

    def boot(self):
        return {"wall": 1, "busy": 1}

    def do(self, *_):
        pass

    def follow(self, command, *_, **__):
        if command != "sh /lab/self":
            raise machine.Failure("the machine is gone")

    @property
    def qemu(self):
        return self

    def poll(self):
        return 1


def test_extras_that_kill_the_machine_leave_the_rows():
    host = next(h for h in settings.HOSTS if h.name == "native")
    visit = session.Visit(host, COMPUTER, session.Options(), True)
    visit.target = LosingTarget()
    visit._parts()
    notes = [f["note"] for f in visit.findings if "note" in f]
    assert visit.findings[0]["row"] == "boot" and len(notes) == 2
    assert "lost: the machine is gone" in notes[1] and visit.lost


class FailingTarget(LosingTarget):
    """Alive; its programs fail as often as they are told to."""

    def __init__(self, failures):
        super().__init__()
        self.failures = failures

    def send(self, _):
        pass

    def expect(self, *_, **__):
        pass

    def run(self, *_, **__):
        return 0, ""

    def poll(self):
        return None

    def try_it(self, findings):
        findings.append({"row": "half"})
        self.failures -= 1
        if self.failures >= 0:
            raise machine.Failure("no")
        findings.append({"row": "whole"})


@pytest.mark.parametrize("failures, rows", [
    (0, ["half", "whole"]), (1, ["half", "whole"]), (2, ["half"])])
def test_parts_that_fail_are_tried_again(failures, rows):
    host = next(h for h in settings.HOSTS if h.name == "native")
    visit = session.Visit(host, COMPUTER, session.Options(), True)
    visit.target = FailingTarget(failures)
    visit._attempt("it", host.settings[0],
                   lambda _: visit.target.try_it(visit.findings))
    assert [f["row"] for f in visit.findings if "row" in f] == rows
    assert len([f for f in visit.findings if "note" in f]) == failures


class Dying(LosingTarget):
    """Dies in its first attempt at fio; the next machine does not."""

    machines = 0

    def __init__(self, *_):
        super().__init__()
        Dying.machines += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def follow(self, command, setting, *_, **__):
        if "fio" in command and Dying.machines == 1:
            raise machine.Failure("the machine is gone")
        self.record({"setting": setting, "row": command})

    def numbers(self, *_):
        return [["1", "1"]]


def test_a_lost_machine_is_booted_again_for_the_rest(monkeypatch, tmp_path):
    monkeypatch.setattr(session.target, "Computer", Dying)
    monkeypatch.setattr(session.target, "Target", lambda m, record: (
        setattr(m, "record", record), m)[1])
    monkeypatch.setattr(session.images, "tools_disk", lambda _: "")
    Dying.machines = 0
    host = next(h for h in settings.HOSTS if h.name == "native")
    visit = session.Visit(host, COMPUTER, session.Options(), True)
    visit.run()
    rows = [f["row"] for f in visit.findings if "row" in f]
    assert Dying.machines == 2
    assert rows.count("boot") == 1 and rows.count("sh /lab/self") == 1
    assert sum("fio" in r for r in rows) == 1
    assert sum(r == "vcpus" for r in rows) == 2
    assert len([f for f in visit.findings if "note" in f]) == 2


def test_no_guests_at_once():
    host = next(h for h in settings.HOSTS if h.name == "tcg")
    visit = session.Visit(host, COMPUTER, session.Options(guests_tcg=0), True)
    visit.target = LosingTarget()
    visit._scale(settings.SETTINGS["tcg"])
    assert visit.findings == []


def test_other_sources_or_options_begin_anew(fake, tmp_path):
    fake(rounds=1, hosts=("native",))
    for changes in ({"about": {"ringfort": "def"}}, {"row_ms": 7}):
        FakeVisit.made = []
        fake(rounds=1, hosts=("native",), **changes)
        assert FakeVisit.made == ["native"]
        assert (tmp_path / "r.json.old").exists()


def test_a_time_limit_spares_the_first_round(fake):
    visits = fake(rounds=5, minutes=1e-6, hosts=("native", "xen"))
    assert names(visits) == ["native", "xen"]


def scripts():
    for host in settings.HOSTS:
        visit = session.Visit(host, COMPUTER, session.Options(), True)
        for name, text in visit._scripts().items():
            yield host, name, text


def test_guests_command_lines_fit():
    for host, name, text in scripts():
        for words in re.findall(r"'(lab\.name=.*)'", text):
            assert len(words) + 40 < MOST, name


def test_each_setting_has_its_rows():
    """Each guest's plan has the devices of all its settings."""
    for host in settings.HOSTS:
        visit = session.Visit(host, COMPUTER, session.Options(), True)
        made = visit._scripts()
        for s in visit.guests:
            text = made["guest-" + s.name]
            assert "lab.do=/lab/rows,-t," in text
            for t in host.settings:
                if t.name == s.name or t.rows_of == s.name:
                    assert "@@,section," + t.name in text
                    assert "/lab/rows,-t,%d,-d,%s" % (
                        session.Options().row_ms, session.DISK[t.io]) in text
            assert ",tools " in made["tools-" + s.name]


class FakeMachine:
    """A console that says what it is told to, and processors that run."""

    def __init__(self, lines):
        self.lines, self.now, self.ran = list(lines), 0, 0

    def send(self, text):
        pass

    def load(self):
        self.ran += 1
        return self.ran, 0

    def flushes(self):
        return 300 * self.ran

    def expect(self, *patterns, timeout=0):
        text = self.lines.pop(0)
        return next(m for p in patterns if (m := re.search(p, text)))


def follow(*lines):
    found = []
    t = target.Target(FakeMachine(
        ["RF-BEGIN\n", *(line + "\n" for line in lines), "RF-DONE 0\n"]),
        found.append)
    t.follow("command", "native")
    return found


def test_rows_are_read():
    row, = follow("@@ begin a", "@@ row a ns 1 2 3 100")
    assert (row["setting"], row["row"], row["value"]) == ("native", "a", 1)
    assert row["flushes"] == 3 and row["busy_ns"] == 1e7


def test_an_empty_rows_cost_is_taken_off():
    *_, row = follow("@@ begin nothing", "@@ row nothing ns 1 1 1 1",
                     "@@ begin a", "@@ row a ns 1 2 3 100")
    assert row["row"] == "a" and row["busy_ns"] == 0


def test_sections_and_quantiles():
    row, = follow("@@ section xen-pv", "@@ begin l",
                  "@@ row l us 1 1 1 9 1 2 3 4 5 6 7 8 9")
    assert row["setting"] == "xen-pv"
    assert row["quantiles"] == list(range(1, 10))


def test_a_row_that_does_nothing_has_failed():
    found = follow("@@ begin a", "@@ row a ns 0 0 0 0",
                   "@@ begin b", "@@ row b ns 1 2 3 100")
    assert found[0] == {"setting": "native", "row": "a",
                        "failed": "not one operation in the time it had"}
    assert found[1]["busy_ns"] == 1e7


def test_garbled_lines_are_told_of():
    found = follow("@@ row a ns 1 2xen 3 100", "@@ fail b no such disk")
    assert "not understood" in found[0]["note"]
    assert found[1] == {"setting": "native", "row": "b",
                        "failed": "no such disk"}
