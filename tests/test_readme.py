"""What the README says can be done, can be done."""

import re
from pathlib import Path

import nibabel as nib
import pytest

from efface.cli import main

README = Path(__file__).parent.parent / "README.md"
pytestmark = pytest.mark.skipif(not README.exists(), reason="installed without its README")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_two_commands_of_one_line():
    assert blocks("sh") == [
        "python -m pip install . && efface demo\n",
        'python -m pip install ".[test]" && python -m pytest\n',
    ]


def test_python_runs(phantom_image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nib.save(phantom_image, "in.nii.gz")
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "out.nii.gz").read_bytes() == (tmp_path / "steps.nii.gz").read_bytes()


def test_names_every_option(capsys):
    main(["deface", "-h"])
    offered = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    named = set(re.findall(r"^\| `(--[a-z-]+)", README.read_text("utf-8"), re.MULTILINE))
    assert named == offered - {"--help"}


def test_pictures_and_links_are_there():
    for target in re.findall(r"\]\(([^)]+)\)", README.read_text("utf-8")):
        assert target.startswith("https://") or (README.parent / target).is_file(), target
