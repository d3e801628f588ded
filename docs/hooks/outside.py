"""Fails the build if a page or a style sheet of the site would load anything from elsewhere.

Links that a person may follow are fine; what a browser fetches by itself is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

ELSEWHERE = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
FETCHED = {"src", "srcset", "poster", "data", "background"}
"""Attributes whose address a browser fetches; of ``link`` it fetches ``href``, too."""
FETCHES_NOTHING = {"canonical", "next", "prev"}
"""Kinds of ``link`` that are for people and search engines."""
IN_STYLE = re.compile(r"(?:url\(\s*|@import\s+)['\"]?([^'\")\s;]+)")
"""What a style sheet fetches."""


class Fetched(HTMLParser):
    """Collects what a browser fetches for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses in one element."""
        given = {name: value or "" for name, value in attrs}
        self.addresses += [value for name, value in given.items() if name in FETCHED]
        if tag == "link" and given.get("rel") not in FETCHES_NOTHING:
            self.addresses.append(given.get("href", ""))
        self.addresses += IN_STYLE.findall(given.get("style", ""))

    def handle_data(self, data: str) -> None:
        """Note the addresses in a ``style`` element."""
        if self.cdata_elem == "style":
            self.addresses += IN_STYLE.findall(data)


def on_post_build(config: Any, **_: Any) -> None:
    """Look through the built site."""
    from mkdocs.exceptions import PluginError  # the tests look through pages without mkdocs

    found = list(fetched_from_elsewhere(Path(config.site_dir)))
    if found:
        message = "the site would load from elsewhere: " + "; ".join(found)
        raise PluginError(message)


def fetched_from_elsewhere(site: Path) -> Iterator[str]:
    """Yield ``file: address`` for everything that a browser would fetch from another place."""
    for path in sorted(site.rglob("*")):
        for address in _addresses(path) if path.is_file() else ():
            if ELSEWHERE.match(address):
                yield f"{path.relative_to(site)}: {address}"


def _addresses(path: Path) -> list[str]:
    if path.suffix == ".html":
        page = Fetched()
        page.feed(path.read_text("utf-8"))
        return page.addresses
    return IN_STYLE.findall(path.read_text("utf-8")) if path.suffix == ".css" else []
