"""The page of an audit: what it says, what it hides, and that a browser sorts it without any request."""

from __future__ import annotations

import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from efface.auditing.findings import Finding, Kind
from efface.errors import UsageError
from efface.report import audit_files
from efface.report.audit_files import check_apart, private_report_file, report_file
from efface.report.audit_page import audit_page

EVIL = "x\"><img src=x onerror=alert(1)><script>document.title='owned'</script>"
FACE = ("left_eye", "nose")


@pytest.fixture
def folder(tmp_path):
    """A folder whose own name must not get out."""
    path = tmp_path / "Erika_Mustermann"
    path.mkdir()
    return path


def findings(folder: Path) -> tuple[Finding, ...]:
    return (
        Finding(
            folder / "sub-2" / "b.nii.gz", Kind.FACE, "skin lies where it is expected at: nose", FACE, {}, ("old",)
        ),
        Finding(folder / "sub-10" / "a.nii.gz", Kind.FACE, "skin", ("nose",)),
        Finding(folder / "c.nii", Kind.UNREADABLE, f"{folder}/c.nii could not be opened"),
        Finding(folder / "sub-1" / "d.nii", Kind.DEFACED, "no skin lies where a face's would"),
    )


class Outline(HTMLParser):
    """Tags, and the text that is read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags[-1:] and self.tags[-1][0] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join("".join(self.words).split()).split())


def test_says_how_many_show_and_what(folder):
    text = Outline(audit_page(findings(folder), [folder])).text
    assert "A face shows in 2 of 4 files" in text
    assert "1 more could not be judged" in text
    assert "nose 2" in text
    assert "left eye 1" in text


@pytest.mark.parametrize(
    ("kinds", "headline"),
    [
        ((), "Nothing was judged"),
        ((Kind.DEFACED, Kind.STRIPPED), "No face was found in 2 files"),
        ((Kind.UNSURE, Kind.DEFACED), "1 of 2 files could not be judged"),
        ((Kind.FACE,), "A face shows in 1 of 1 file"),
    ],
)
def test_the_first_line_says_what_matters_most(folder, kinds, headline):
    found = [Finding(folder / f"{place}.nii", kind, "why") for place, kind in enumerate(kinds)]
    assert headline in Outline(audit_page(found, [folder])).text


def test_what_lies_above_the_audited_folder_stays_out(folder):
    html = audit_page(findings(folder), [folder])
    assert "Mustermann" not in html
    assert str(folder.parent) not in html
    assert "sub-10/" in html
    one = audit_page(findings(folder)[:1], [folder / "sub-2" / "b.nii.gz"])
    assert "sub-2/" not in one


@pytest.mark.parametrize("field", ["path", "reason", "note"])
def test_names_and_reasons_are_text(folder, field):
    path = folder / (EVIL if field == "path" else "a.nii")
    found = Finding(path, Kind.FACE, EVIL if field == "reason" else "why", (), {}, (EVIL,) if field == "note" else ())
    tags = Outline(audit_page([found], [folder])).tags
    assert [tag for tag, _ in tags].count("script") == 1
    assert "img" not in {tag for tag, _ in tags}
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)


def test_names_that_turn_text_around_or_are_no_text_are_escaped(folder):
    html = audit_page([Finding(folder / "a\u202egnp.\udcff\n.nii", Kind.FACE, "why")], [folder])
    assert "a\\u202egnp.\\udcff\\n.nii" in Outline(html).text
    html.encode()


def test_the_shareable_page_holds_no_picture_and_the_private_one_warns(folder):
    found = findings(folder)
    shared = Outline(audit_page(found, [folder]))
    private = Outline(audit_page(found, [folder], {found[0].path: b"jpeg"}))
    assert "img" not in {tag for tag, _ in shared.tags}
    assert "PRIVATE" not in shared.text
    assert [a["src"][:23] for tag, a in private.tags if tag == "img"] == ["data:image/jpeg;base64,"]
    assert private.text.count("PRIVATE: shows a face. Do not share.") == 2


def test_renders_are_of_what_may_hold_a_head_and_one_that_fails_costs_no_other(phantom_file, folder, monkeypatch):
    drawn = []

    def picture(path):
        drawn.append(path)
        return b"jpeg" if path == phantom_file else 1 / 0

    monkeypatch.setattr(audit_files, "_picture", picture)
    found = [
        Finding(folder / "broken.nii", Kind.UNSURE, "why"), Finding(phantom_file, Kind.FACE, "why"),
        Finding(folder / "head.gii", Kind.FACE, "a surface"), Finding(folder / "none.nii", Kind.NO_HEAD, "why"),
    ]  # fmt: skip
    ((path, page),) = private_report_file(found, [folder], folder, lambda *_: None).items()
    assert path == folder / "audit_private.html"
    assert drawn == [folder / "broken.nii", phantom_file]
    assert page.count(b"data:image/jpeg") == 1


def test_a_render_is_small_and_shows_the_head(phantom_file):
    picture = audit_files._picture(phantom_file)
    assert picture[:2] == b"\xff\xd8"
    assert 3_000 < len(picture) < 20_000


def test_private_pictures_do_not_go_where_is_shared(tmp_path):
    check_apart(tmp_path / "a", tmp_path / "b")
    check_apart(tmp_path / "private" / "shared", tmp_path / "private")
    for private in (tmp_path / "a", tmp_path / "a" / "private"):
        with pytest.raises(UsageError, match="shared"):
            check_apart(tmp_path / "a", private)


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, folder):
    """The page in a real browser, with one file whose name is an attack; gives what it asked for, too."""
    found = (*findings(folder), Finding(folder / EVIL, Kind.DEFACED, "safe"))
    ((path, html),) = report_file(found, [folder], folder).items()
    path.write_bytes(html)
    page = browser.new_page()
    asked, complained = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complained.append(message.text))
    page.goto(path.as_uri())
    yield page
    assert asked == [path.as_uri()]
    assert complained == []
    page.close()


def shown(page) -> list[str]:
    rows = page.locator("#files tbody tr:visible th")
    return [text.split("/")[-1][:1] for text in rows.all_inner_texts()]


@pytest.mark.slow
def test_a_browser_sorts_by_every_column(page):
    assert shown(page) == ["b", "a", "c", "d", "s"]
    page.get_by_role("button", name="File").click()
    names = page.locator("#files tbody th").all_inner_texts()
    assert [name for name in names if name.startswith("sub")] == ["sub-1/d.nii", "sub-2/b.nii.gz", "sub-10/a.nii.gz"]
    page.get_by_role("button", name="Shows").click()
    page.get_by_role("button", name="Shows").click()
    assert shown(page)[-2:] == ["b", "a"]
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("Shows")
    page.get_by_role("button", name="Features").click()
    assert shown(page)[:2] == ["b", "a"]


@pytest.mark.slow
def test_a_browser_shows_one_kind_alone_and_all_again(page):
    page.get_by_role("button", name="face visible").click()
    assert sorted(shown(page)) == ["a", "b"]
    assert page.locator("#showing").inner_text() == "2 of 5: face visible"
    page.get_by_role("button", name="face visible").click()
    assert len(shown(page)) == 5


@pytest.mark.slow
def test_a_browser_runs_nothing_of_a_name(page):
    assert "owned" not in page.title()
    assert page.locator("#files img").count() == 0
    assert page.get_by_text("onerror=alert(1)").count() == 1
