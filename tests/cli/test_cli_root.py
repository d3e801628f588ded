"""``efface`` itself: help, version, errors as one line, and a light start."""

import io
import json
import subprocess
import sys

import pytest

from efface.cli import answers, main
from efface.version import __version__

HEAVY = ("numpy", "scipy", "nibabel", "SimpleITK", "onnxruntime", "PIL", "jinja2")


def fail_with(monkeypatch, error):
    def deface(*arguments, **options):
        raise error

    monkeypatch.setattr("efface.pipeline.deface", deface)


def test_version(efface):
    said = efface("--version")
    assert (said.status, said.out, said.err) == (0, f"efface {__version__}\n", "")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_commands_and_exit_statuses(efface, option):
    said = efface(option)
    assert said.status == 0
    assert said.err == ""
    for word in ("deface", "verify", "render", "methods", "demo", "train", "Exit status: 0 verified", "4"):
        assert word in said.out


def test_no_command_shows_help_and_ends_with_2(efface):
    said = efface()
    assert said.status == 2
    assert said.out == ""
    assert said.err.startswith("Usage: efface")


@pytest.mark.parametrize("arguments", [["--nose"], ["polish"], ["methods", "--nose"], ["demo", "--overwrite"]])
def test_unknown_words_end_with_2(efface, arguments):
    said = efface(*arguments)
    assert said.status == 2
    assert said.out == ""
    assert said.line.startswith("efface: error: ")


def test_an_unexpected_error_is_one_line(efface, monkeypatch, tmp_path):
    fail_with(monkeypatch, RuntimeError("first\nsecond"))
    said = efface("deface", "in.nii.gz", tmp_path / "out.nii.gz")
    assert said.status == 1
    assert "RuntimeError: first second" in said.line
    assert "-v" in said.line


def test_verbose_shows_the_traceback(efface, monkeypatch, tmp_path):
    fail_with(monkeypatch, RuntimeError("first"))
    said = efface("deface", "in.nii.gz", tmp_path / "out.nii.gz", "-v")
    assert said.status == 1
    assert "Traceback" in said.err


@pytest.mark.parametrize(
    ("error", "status", "word"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 1, "memory"),
        (OSError(28, "No space", "x"), 1, "No space"),
    ],
)
def test_what_the_system_does(efface, monkeypatch, tmp_path, error, status, word):
    fail_with(monkeypatch, error)
    said = efface("deface", "in.nii.gz", tmp_path / "out.nii.gz", "--json")
    assert said.status == status
    assert word in said.line
    assert said.document["exit_status"] == status


def test_a_name_that_the_terminal_cannot_show(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    answers.say("wrote Müller\udcff.nii.gz")
    stream.flush()
    assert stream.buffer.getvalue() == b"wrote M\\xfcller\\udcff.nii.gz\n"


def test_a_command_leaves_the_library_log_as_it_was(efface):
    from efface.cli.logs import LOG

    before = LOG.level, list(LOG.handlers)
    main(["methods", "-v"])
    assert (LOG.level, list(LOG.handlers)) == before


@pytest.mark.parametrize(
    "arguments", [["--help"], ["deface", "--help"], ["deface", "only-one"], ["render", "-h"], ["--version"]]
)
def test_starts_without_heavy_imports(arguments):
    code = (
        "import json, sys\nfrom efface.cli import main\n"
        f"status = main({arguments!r})\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "efface", "polish"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "polish" in done.stderr


def test_a_file_name_cannot_steer_the_terminal(efface, tmp_path):
    """Names hold anything but a slash and NUL; escape codes in one would clear the screen or hide a refusal."""
    name = "scan\x1b[2J\u202e.nii.gz"
    (tmp_path / name).write_bytes(b"no scan")
    refused, audited = efface("deface", tmp_path / name, tmp_path / "out.nii.gz"), efface("audit", tmp_path)
    assert refused.status == 4
    for said in (refused.out, refused.err, audited.out, audited.err):
        assert not {"\x1b", "\u202e"} & set(said)
    assert "scan\\x1b[2J\\u202e.nii.gz" in refused.line
    assert "\\x1b[2J" in audited.out + audited.err
