"""Raters in a real browser: twenty ratings each with the keys alone; a kill loses nothing that was confirmed."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from urllib.parse import parse_qs, urlparse

import pytest

from efface.rating.design import order
from efface.rating.folder import read_folder
from efface.rating.form import load_form
from efface.rating.store import Store, debriefings, standing

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SEED = "browser"
WAIT_MS = 60_000
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]
playwright = pytest.importorskip("playwright.sync_api")
pytest.importorskip("uvicorn")


@contextmanager
def serving(folder):
    """Run ``efface rate`` as a user does; gives the process and both addresses."""
    command = [sys.executable, "-u", "-m", "efface", "rate", str(folder), "--seed", SEED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            raters, organiser = (process.stdout.readline().split()[-1] for _ in range(2))
            yield process, raters, organiser
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def window(browser):
    """A window that writes down every request to another place, and every complaint of the page."""
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.set_default_timeout(WAIT_MS)
    wrong = []
    page.on("request", lambda each: wrong.append(each.url) if not ours(each.url) else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
    yield page
    page.close()
    assert wrong == []


def ours(address):
    return address.startswith("data:") or urlparse(address).hostname == "127.0.0.1"


def begin(page, address, rater, form="outcome"):
    page.goto(address)
    page.get_by_label("Your name or initials").fill(rater)
    page.locator(f"input[value={form}]").check()
    page.keyboard.press("Enter")
    page.wait_for_url("**/rate?**")


def wait_for(page, done, of=20):
    page.locator("#count", has_text=re.compile(rf"^{done} of {of}$")).wait_for()


def shown_id(page):
    """Wait until slices are there; return the id in their address."""
    picture = page.locator("#stage figure[data-name=axial] img")
    picture.wait_for()
    return parse_qs(urlparse(picture.get_attribute("src")).query)["id"][0]


def three_views(page):
    """Wait until all three views are there: before, nothing can be confirmed."""
    page.locator("#stage figure img").nth(2).wait_for()


def rate(page, answer, start, stop):
    """Rate with the keys alone, from the ``start``-th to before the ``stop``-th; ``answer`` says which key, by id."""
    wait_for(page, start)
    for done in range(start, stop):
        page.keyboard.press(answer(shown_id(page)))
        page.keyboard.press("Enter")
        wait_for(page, done + 1)


def kept(folder):
    store = Store(folder)
    try:
        return standing(store.events())
    finally:
        store.close()


def test_two_raters_rate_twenty_each_through_a_kill(rated, window):
    """A says success of everything; B differs on 5 of 18 scans: kappa = (13/18 - 1/3) / (2/3) = 0.583."""
    with serving(rated) as (process, raters, _):
        begin(window, raters, "A")
        rate(window, lambda _: "1", 0, 7)
        shown_id(window)
        window.keyboard.press("1")
        window.keyboard.press("Enter")
        process.kill()  # while the eighth is on its way
        process.wait()
        done = len(kept(rated))
        assert done in (7, 8)
        assert [one.answers for one in kept(rated)] == [{"outcome": "success"}] * done
        window.get_by_text("The app does not answer. What you confirmed is kept.").wait_for()
        window.keyboard.press("2")
        window.keyboard.press("Enter")
        assert len(kept(rated)) == done
    with sqlite3.connect(rated / "ratings.sqlite") as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    file.close()
    other = {
        shown.rating_id for shown in order(read_folder(rated), load_form("outcome"), "B", SEED)
        if (shown.scan, shown.method) in {(f"sub-0{n}", "anatomy") for n in range(5)}
    }  # fmt: skip
    with serving(rated) as (_, raters, organiser):
        begin(window, raters, "A")
        rate(window, lambda _: "1", done, 20)
        window.get_by_text("All done. Thank you.").wait_for()
        begin(window, raters, "B")
        rate(window, lambda one: "3" if one in other else "1", 0, 20)
        window.get_by_text("All done. Thank you.").wait_for()
        window.goto(organiser)
        row = window.locator("#agreement tr", has_text="all raters")
        row.wait_for()
        assert row.locator("td").all_inner_texts() == ["outcome", "outcome", "all raters", "18", "72.2 %", "0.583"]
        assert window.locator("#raters tbody tr").all_inner_texts() == ["A\toutcome\t20\t20", "B\toutcome\t20\t20"]
        settle = window.locator("li[data-form=outcome]")
        assert "5 open" in settle.inner_text()
        settle.get_by_role("link", name="Settle").click()
        window.get_by_text("Raters said: Failure II, Success").wait_for()
    assert len(kept(rated)) == 40


def test_the_keys_move_pictures_take_back_and_skip(rated, window):
    with serving(rated) as (_, raters, _):
        begin(window, raters, "A", "coverage")
        shown_id(window)
        axial = window.locator("figure[data-name=axial]")
        before = axial.locator("figcaption").inner_text()
        window.keyboard.press("e")
        window.keyboard.press("ArrowUp")
        assert axial.locator("figcaption").inner_text() != before
        render = window.locator("figure[data-name=render]")
        window.keyboard.press("ArrowLeft")
        assert render.locator("figcaption").inner_text() == "15° left"
        window.keyboard.down("o")
        assert axial.locator("figcaption").inner_text().startswith("ORIGINAL")
        axial.locator("img[src*='/original/'], img[src^='slice/original']").wait_for()
        window.keyboard.up("o")
        window.keyboard.press("f")
        assert window.locator("#stage figure:visible").count() == 1
        window.keyboard.press("f")
        window.keyboard.press("Enter")
        assert kept(rated) == []
        for key in "012340n":
            window.keyboard.press(key)
        window.keyboard.press("Enter")
        wait_for(window, 1)
        (one,) = kept(rated)
        assert list(one.answers.values()) == ["0", "0.25", "0.5", "0.75", "1", "0", "no"]
        window.keyboard.press("u")
        wait_for(window, 0)
        assert kept(rated) == []
        assert window.locator(".answer[aria-pressed=true]").count() == 7
        window.get_by_role("button", name="Skip").click()
        wait_for(window, 1)
        assert [each.answers for each in kept(rated)] == [{}]
        window.keyboard.press("?")
        assert window.locator("#help").is_visible()


def test_the_recognition_task_shows_three_views_photographs_a_break_and_questions(rated, window):
    with serving(rated) as (_, raters, _):
        begin(window, raters, "A", "recognition")
        for done in range(18):
            wait_for(window, done, 19)
            three_views(window)
            window.keyboard.press("c")
            window.keyboard.press("Enter")
        window.get_by_text("Time for a break").wait_for()
        window.keyboard.press("Enter")
        assert window.locator(".photographs img").count() == 2
        three_views(window)
        window.keyboard.press("1")
        window.keyboard.press("Enter")
        window.get_by_text("A few questions at the end.").wait_for()
        for key in "134":
            window.keyboard.press(key)
        window.keyboard.type("Ears, u and x")
        below = window.locator("textarea").bounding_box()
        assert below["y"] + below["height"] <= window.locator(".actions").bounding_box()["y"]
        window.keyboard.press("Escape")
        window.keyboard.press("Enter")
        window.get_by_text("All done. Thank you.").wait_for()
    assert [one.answers["person"] for one in kept(rated)] == ["cannot identify"] * 18 + ["photograph 1"]
    assert debriefings(Store(rated).events())["A", "recognition"]["strategies"] == "Ears, u and x"


def test_what_was_not_seen_yet_cannot_be_confirmed(rated, window):
    """Pictures that are slow, as on a busy machine: the key is not lost without a word."""
    with serving(rated) as (_, raters, _):
        held = []
        window.route("**/api/item?**", lambda route: held.append(route))
        begin(window, raters, "A")
        wait_for(window, 0)
        window.keyboard.press("1")
        window.keyboard.press("Enter")
        window.get_by_text("The pictures are not there yet.").wait_for()
        assert kept(rated) == []
        held[0].continue_()
        shown_id(window)
        window.keyboard.press("Enter")
        wait_for(window, 1)
    assert len(kept(rated)) == 1
