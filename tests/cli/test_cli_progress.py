"""The bar of a run of many scans, on a terminal only."""

import io
import sys

from efface.batch import Tally
from efface.cli import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_rate_counts_and_time_left(monkeypatch):
    clock = iter([0.0, 10.0, 36.0])
    monkeypatch.setattr(progress, "monotonic", lambda: next(clock))
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress.tallied() as show:
        show(Tally(10, 2))
        show(Tally(10, 2, {"verified": 3, "refused": 1}))
    said = sys.stderr.getvalue()
    assert "6/10" in said
    assert "400 scans/h 3 verified, 1 refused" in said


def test_nothing_is_drawn_elsewhere(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress.tallied() as show:
        show(Tally(10, 0, {"verified": 1}))
    assert sys.stderr.getvalue() == ""
