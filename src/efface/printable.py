"""Names of files hold anything; what terminals and pages are sent must not."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text on one line: signs that act on a terminal, or turn a page's text around, become escapes."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)
