"""The site's build sees what a browser would fetch from elsewhere, and nothing else."""

import importlib.util
from pathlib import Path

import pytest

HOOK = Path(__file__).parents[2] / "docs" / "hooks" / "outside.py"
pytestmark = pytest.mark.skipif(not HOOK.exists(), reason="installed without its docs")


def found(site):
    spec = importlib.util.spec_from_file_location("outside", HOOK)
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    return [line.partition(": ")[2] for line in hook.fetched_from_elsewhere(site)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", '<script src="ADDRESS"></script>'),
        ("a.html", '<link rel="stylesheet" href="ADDRESS">'),
        ("a.html", '<link rel="preconnect" href="ADDRESS">'),
        ("a.html", '<img alt="" src="ADDRESS">'),
        ("a.html", '<p style="background: url(ADDRESS)">'),
        ("a.html", "<style>@import 'ADDRESS';</style>"),
        ("deep/a.css", "@font-face { src: url( 'ADDRESS' ) }"),
    ],
)
@pytest.mark.parametrize("address", ["https://fonts.example/a.woff", "//fonts.example/a.woff"])
def test_it_sees_what_is_fetched(tmp_path, name, text, address):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.replace("ADDRESS", address))
    assert found(tmp_path) == [address]


def test_links_for_people_and_the_site_itself_are_fine(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="https://example.org">x</a><link rel="canonical" href="https://example.org/">'
        '<script src="b.js"></script><img src="data:image/png;base64,//8A"><code>url(https://example.org)</code>'
    )
    (tmp_path / "a.css").write_text("a { background: url(data:image/svg+xml;charset=utf-8,x) url(../b.png) }")
    assert found(tmp_path) == []
