"""What a study writes down: tables, the page, the text of methods."""

from dataclasses import replace

import pandas as pd
import pytest
from known_answers import known_study, part

from efface.study.analyses import analyse, familiar, gao, privacy, theyers
from efface.study.analyses.items import Figure
from efface.study.methods_text import methods_text
from efface.study.page import _cell, write_page
from efface.study.tables import write_tables


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return known_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def sections(study):
    return analyse(study)


def test_page_and_files(study, sections):
    paths = write_tables(study)
    assert pd.read_parquet(study.folder / "tables" / "units.parquet").shape[0] == 24 * 3
    assert {path.suffix for path in paths} == {".parquet", ".tsv"}
    units = pd.read_csv(study.folder / "tables" / "units.tsv", sep="\t")
    assert set(units["config_sha256"]) == {study.config.sha256}
    page = write_page(study, sections).read_text("utf-8")
    assert "PRIVATE" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert "Not run:" in page
    assert '<th scope="col">method</th>' in page
    assert '<th scope="col" class="number">total</th>' in page  # above its numbers
    assert "Familiar AM" in page
    for kind in ("png", "svg"):
        assert (study.folder / "figures" / f"gao-figure-2-network.{kind}").stat().st_size > 1000
    text = (study.folder / "methods.md").read_text("utf-8")
    assert "24 head MRI scans of 6 participants" in text
    assert "Randolph" in text
    assert "simulated" not in text


def renamed(study, cohort):
    """The same study with another name for the young."""
    frames = {
        name: frame.replace({"cohort": {"young": cohort}}) if "cohort" in frame else frame
        for name, frame in study.frames.items()
    }
    return replace(study, frames=frames)


def test_the_same_study_gives_the_same_files(study, tmp_path):
    written = []
    for name in ("one", "two"):
        changed = replace(study, folder=tmp_path / name)
        (tmp_path / name).mkdir()
        write_page(changed, [part(theyers, changed)])
        written.append({path.name: path.read_bytes() for path in (tmp_path / name / "figures").iterdir()})
    assert written[0] == written[1]


def test_any_name_of_a_cohort_can_be_shown(study, tmp_path):
    """Not as a formula, which matplotlib would take it for, and not as a page's script."""
    changed = replace(renamed(study, "$x$ and $\\frac$ <script>alert(1)</script>"), folder=tmp_path)
    page = write_page(changed, [part(theyers, changed)]).read_text("utf-8")
    assert "<script" not in page
    assert (tmp_path / "figures" / "theyers-figure-2-drawn.png").is_file()
    assert "please report it" not in page


def test_a_figure_that_cannot_be_drawn_costs_no_other(study, tmp_path, monkeypatch):
    sections = [part(gao, study)]
    figure = next(item for item in sections[0].items if isinstance(item, Figure))

    def fail(*_, **__):
        message = "no such font"
        raise ValueError(message)

    monkeypatch.setattr(figure.drawing, "savefig", fail)
    page = write_page(replace(study, folder=tmp_path), sections).read_text("utf-8")
    assert "no such font" in page
    assert page.count("<img") >= 2


def test_the_text_of_methods_says_what_was_done_and_nothing_else(study, sections, tmp_path):
    """A text to be pasted into a paper must not claim an analysis that could not be made."""
    text = methods_text(study, sections)
    for words in ("repeated-measures analysis of variance", "Pearson", "one-way analysis", "sign flips", "dlib"):
        assert words in text
    assert "CenterFace" not in text  # it is not among the detectors that ran
    scans = study["scans"].assign(contrast="T1w", age=None)
    few = study["coverage"].assign(contrast="T1w", age=None)
    options = replace(study.config.options, groups=("nothing",), attacks=())
    frames = {**study.frames, "scans": scans, "coverage": few, "detection": study["detection"].iloc[:0]}
    changed = replace(study, frames=frames, config=replace(study.config, options=options), folder=tmp_path)
    text = methods_text(changed, [part(familiar, changed), part(privacy, changed)])
    for words in ("repeated-measures", "Pearson", "Greenhouse", "one-way analysis", "sign flips", "dlib", "Schwarz"):
        assert words not in text
    assert "Bland" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.56, "1235"), (339.91, "339.9"), (0.98765, "0.988"), (0.00001234, "1.23e-05"), (12, "12"), (-0.0, "0"),
     (float("nan"), "–"), (True, "True"), ("a_b", "a_b")],
)  # fmt: skip
def test_numbers_are_read_without_powers_of_ten(value, text):
    assert _cell(value).text == text
