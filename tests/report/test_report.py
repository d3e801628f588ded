"""The HTML page of one scan."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from efface.deface_plan import DefacePlan
from efface.grid import Grid
from efface.report.build import scan_page
from efface.verdict import Check, Verdict

EVIL = "<script>alert('sub-01')</script>"
PNG = b"\x89PNG\r\n\x1a\n pixels"
GOOD = Check("brain_kept", True, 0.0, 0.5, "ml", "No brain was taken away.")
BAD = Check("eyes_covered", False, 0.6123456, 0.99, "fraction", "How much of the eyes was replaced.")
UNSEEN = Check("left_ear_covered", None, None, 0.9, "fraction", "How much of the left ear was replaced.")


def plan(parameters=None) -> DefacePlan:
    mask = np.zeros((10, 10, 10), np.uint8)
    mask[:2], mask[2:7] = 1, 2
    return DefacePlan(
        grid=Grid((10, 10, 10), np.diag([2.0, 2.0, 2.0, 1.0])),
        mask=mask,
        names={1: "left_ear", 2: "face"},
        values=np.array(0, np.int16),
        method="anatomy",
        fill="zero",
        parameters=parameters or {"margin_mm": 4.0},
        provenance={"efface": "0.1.0", "atlas sha256": "ab" * 32},
    )


def page(*checks: Check, title="sub-01_T1w.nii.gz", private=False, **changes) -> str:
    options = {"pictures": {"Slices": PNG}, "facts": {"input sha256": "cd" * 32}, "plan": plan()}
    return scan_page(title=title, verdict=Verdict(checks), private=private, **(options | changes))


class Outline(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_outcome_is_said_first():
    good, bad = Outline(page(GOOD, UNSEEN)).text, Outline(page(GOOD, BAD)).text
    assert "VERIFIED" in good
    assert "REFUSED" not in good
    assert "verified: 1 checks passed, 1 not judged" in good
    assert "REFUSED" in bad
    assert "VERIFIED" not in bad
    assert "refused: eyes_covered = 0.6123 fraction (limit 0.99)" in bad


def test_checks_are_listed_failing_first():
    text = Outline(page(GOOD, UNSEEN, BAD)).text
    names = ["eyes covered", "brain kept", "left ear covered"]
    assert sorted(names, key=text.index) == names
    for words in (BAD.sentence, "0.6123", "0.99", "failed", "passed", "not judged"):
        assert words in text


def test_regions_and_facts_are_listed():
    text = Outline(page(GOOD)).text
    for words in (
        "face 4.0 ml",
        "left ear 1.6 ml",
        "method anatomy",
        "fill zero",
        "parameter margin mm 4.0",
        "cd" * 32,
    ):
        assert words in text
    assert text.index("face 4.0 ml") < text.index("left ear 1.6 ml")


def test_text_is_escaped_everywhere():
    check = Check(EVIL, False, 1.0, 0.0, EVIL, EVIL)
    html = page(check, title=EVIL, pictures={EVIL + '" onerror="x': PNG}, facts={EVIL: EVIL}, plan=plan({EVIL: EVIL}))
    tags = Outline(html).tags
    assert "script" not in {tag for tag, _ in tags}
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)


@pytest.mark.parametrize("private", [False, True])
def test_page_asks_for_nothing(private):
    html = page(GOOD, BAD, UNSEEN, private=private)
    assert not re.search(r"https?:|//\w|url\(|@import", html)
    for tag, attributes in Outline(html).tags:
        assert tag not in {"script", "iframe", "object", "embed", "form", "video", "audio", "base"}
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            assert (attributes.get(name) or "data:").startswith("data:")
    policy = [a["content"] for t, a in Outline(html).tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_private_pages_warn_twice_and_others_never():
    warning = "PRIVATE: shows a face. Do not share."
    assert Outline(page(GOOD, private=True)).text.count(warning) == 2
    assert "PRIVATE" not in page(GOOD)


def test_page_is_well_formed_and_the_same_every_time():
    html = page(GOOD, BAD)
    assert html == page(GOOD, BAD)
    tags = [tag for tag, _ in Outline(html).tags]
    assert html.startswith("<!doctype html>")
    assert tags.count("h1") == tags.count("main") == tags.count("title") == 1
    for tag in ("section", "table", "tr", "td", "th", "figure", "div", "span", "p", "body"):
        assert tags.count(tag) == html.count(f"</{tag}>"), tag


def test_page_without_checks_pictures_or_regions():
    empty = plan()
    bare = DefacePlan(empty.grid, np.zeros_like(empty.mask), {}, empty.values, "none", "zero", {}, {})
    text = Outline(page(pictures={}, facts={}, plan=bare)).text
    assert "Nothing was checked." in text
    assert "No voxel was replaced." in text


def _contrast(one: str, other: str) -> float:
    """Contrast ratio of two hex colours (WCAG 2)."""
    shades = []
    for colour in (one, other):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        shades.append(float(np.dot([0.2126, 0.7152, 0.0722], linear)))
    return (max(shades) + 0.05) / (min(shades) + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_read(scheme):
    blocks = re.findall(r":root \{([^}]*)\}", page(GOOD))
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", blocks[scheme]))
    for text in ("text", "soft"):
        for ground in ("page", "card", "good-tint", "bad-tint"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for name in ("good", "bad", "unseen"):
        assert _contrast(colours[name], colours[f"{name}-tint"]) >= 4.5, name


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_browser_shows_the_page(tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page(GOOD, BAD), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", path.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "REFUSED" in shown
