"""``.bidsignore``: what is in the folder and no part of the dataset."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path


def read_ignored(root: Path) -> Callable[[str], bool]:
    """Return a function that says whether a path below the dataset is ignored.

    Lines are those of a ``.gitignore``: ``*``, ``?``, ``[...]``, ``**``, a slash that ties a pattern to the top, one
    at the end for folders, ``!`` to take it back.
    """
    try:
        lines = (root / ".bidsignore").read_text("utf-8", "replace").splitlines()
    except OSError:
        return lambda _: False
    rules = [_rule(line.strip()) for line in lines if line.strip() and not line.startswith("#")]

    def ignored(path: str) -> bool:
        last = False
        for pattern, says in rules:
            if pattern.match(path):
                last = says
        return last

    return ignored


def _rule(line: str) -> tuple[re.Pattern[str], bool]:
    says = not line.startswith("!")
    text = line.removeprefix("!")
    folder = text.endswith("/")
    text = text.rstrip("/")
    start = "" if "/" in text else "(?:.*/)?"
    body = "".join(_part(part) for part in re.split(r"(\*\*/|/\*\*|\*|\?|\[[^\]]+\])", text.removeprefix("/")))
    end = "/.*" if folder else "(?:/.*)?"
    try:
        return re.compile(f"{start}{body}{end}$", re.DOTALL), says
    except re.error:  # such as [z-a]: no file is meant by it but one that is called so
        return re.compile(f"{start}{re.escape(text.removeprefix('/'))}{end}$", re.DOTALL), says


def _part(part: str) -> str:
    known = {"**/": "(?:.*/)?", "/**": "/.*", "*": "[^/]*", "?": "[^/]"}
    if part in known:
        return known[part]
    if part.startswith("[") and part.endswith("]") and len(part) > 2:
        return "[" + part[1:-1].replace("!", "^", 1).replace("\\", "\\\\") + "]"
    return re.escape(part)
