"""``efface train`` runs the training script, or says what is missing."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from efface.cli import train


def test_what_is_missing_is_named(efface, monkeypatch):
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    said = efface("train", "--out", "run")
    assert said.status == 2
    assert "torch" in said.line
    assert "extra train" in said.line


@pytest.mark.parametrize("status", [0, 3])
def test_arguments_and_exit_status_are_passed_on(efface, monkeypatch, status):
    seen = []
    monkeypatch.setattr(train, "find_spec", lambda name: SimpleNamespace())
    monkeypatch.setattr(
        subprocess, "run", lambda command, check: seen.append(command) or SimpleNamespace(returncode=status)
    )
    said = efface("train", "--out", "run", "--held-out", "1", "7")
    assert said.status == status
    assert seen == [[sys.executable, train._script(), "--out", "run", "--held-out", "1", "7"]]


def test_the_script_is_there():
    assert train._script().is_file()
