"""What the documentation's pages say can be done, can be done; what they list is all there is."""

import ast
import json
import re
import shlex
from pathlib import Path

import nibabel as nib
import pytest
import typer
from PIL import Image

import efface
import efface.errors
from efface.auditing.findings import Kind
from efface.cli import also, app
from efface.methods import TABLE

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="installed without its docs")

PAGES = [*sorted(DOCS.glob("*.md")), ROOT / "README.md"]
RUN = ("api", "frames", "get-started", "plan")
"""Pages whose Python runs as it stands, in a folder with ``in.nii.gz``; methods.md has a test of its own."""


def text_of(name):
    return (DOCS / f"{name}.md").read_text("utf-8")


def blocks(text, *languages):
    return re.findall(rf"^ *```(?:{'|'.join(languages)})\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)


def commands():
    """Every command line of efface that a page shows."""
    for page in PAGES:
        for block in blocks(page.read_text("utf-8"), "console", "bash", "sh"):
            for line in re.findall(r"^(?:\$ )?efface (?!\d)(.*)$", block.replace("\\\n", " "), re.MULTILINE):
                yield pytest.param(line, id=f"{page.stem}: {line}")


@pytest.mark.parametrize("line", list(commands()))
def test_command_is_understood(line):
    words = also.spread(shlex.split(line))
    if not words[0].startswith("-") and "--help" not in words:
        command = typer.main.get_command(app).commands[words[0]]
        command.make_context(words[0], words[1:])  # raises what the shell would print


@pytest.mark.parametrize("page", RUN)
def test_python_runs(page, phantom_image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nib.save(phantom_image, "in.nii.gz")
    names = {}
    for code in blocks(text_of(page), "python"):
        exec(compile(code, f"{page}.md", "exec"), names)
    if Path("raw").exists():
        pytest.importorskip("bidsschematools")
        from efface.bids.dataset import Fate, read_dataset

        assert len(read_dataset(Path("raw")).of(Fate.DEFACE)) == 4


def test_every_check_has_its_limit(phantom_scan):
    rows = {
        name: cells[1]
        for line in text_of("verification").splitlines()
        if line.startswith("| `") and (cells := [cell.strip() for cell in line.strip("|").split("|")])
        for name in re.findall(r"`(\w+)`", cells[0])
    }
    made = efface.plan(phantom_scan, anatomy := efface.locate(phantom_scan), fill="noise")
    result = efface.apply_plan(phantom_scan, made)
    verdicts = [efface.verify(phantom_scan, result, anatomy=anatomy, plan=plan) for plan in (made, None)]
    for check in [*verdicts[0].checks, *verdicts[1].checks]:
        assert re.search(rf"\b{check.threshold:g}\b", rows[check.name]), check


def test_every_check_in_the_source_is_listed():
    listed = text_of("verification")
    for name in ("verification", "foreign", "crossing"):
        tree = ast.parse((ROOT / "src" / "efface" / f"{name}.py").read_text("utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        named = [call.args[0] for call in calls if call.func.id in ("Check", "at_least", "at_most") and call.args]
        assert named
        for value in [each.value for each in named if isinstance(each, ast.Constant)]:
            assert f"`{value}`" in listed, value


def test_reference_pages_ask_for_what_is_generated():
    assert "<!-- commands -->" in text_of("commands")
    assert "<!-- methods -->" in text_of("method-list")


def test_every_public_name_is_in_the_reference():
    documented = set(re.findall(r"^::: efface\.(\w+)$", text_of("api"), re.MULTILINE))
    assert documented | set(vars(efface.errors)) >= set(efface.__all__) - {"__version__"}
    assert "errors" in documented  # the whole module


def test_every_extra_is_listed():
    project = (ROOT / "pyproject.toml").read_text("utf-8").partition("[project.optional-dependencies]")[2]
    extras = set(re.findall(r"^(\w+) = \[", project.partition("\n[project.")[0], re.MULTILINE))
    listed = set(re.findall(r"^\| `(\w+)` \|", text_of("get-started"), re.MULTILINE))
    assert listed == extras - {"test", "dev", "docs", "tables"}


def test_every_answer_of_an_audit_is_explained():
    named = re.findall(r"^\| `([a-z -]+)` \|", text_of("audit"), re.MULTILINE)
    assert named[: len(Kind)] == [kind.value for kind in Kind]


def test_every_method_of_our_own_is_in_the_picture():
    with Image.open(DOCS / "images" / "methods.png") as sheet:
        drawn = {label.split()[0] for label in json.loads(sheet.text["heads"])}
    assert drawn == {"original", *(key for key in TABLE if not key.startswith("external"))}


def test_every_page_is_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    assert sorted(re.findall(r"[\w-]+\.md", menu)) == [page.name for page in sorted(DOCS.glob("*.md"))]


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
            assert target.startswith("https://") or (page.parent / target).is_file(), f"{page.name}: {target}"
