"""Writes the command-line reference from the commands themselves, where ``commands.md`` says ``<!-- commands -->``."""

from __future__ import annotations

import html
import inspect
from collections.abc import Iterator
from typing import Any

import typer

from efface.cli import app

PLACE = "<!-- commands -->"
EXAMPLES = "\b\n"
"""Typer's mark before lines that stay as they are: in efface's commands, the examples."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the commands where a page asks for them."""
    return markdown.replace(PLACE, "\n\n".join(_sections())) if PLACE in markdown else markdown


def _sections() -> Iterator[str]:
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        context = typer.Context(command, info_name=f"efface {name}")
        says, _, examples = inspect.cleandoc(command.help).partition(EXAMPLES)
        parameters = [each for each in command.get_params(context) if each.name != "help"]
        rows = [_row(*each.get_help_record(context)) for each in parameters if each.get_help_record(context)]
        yield f"## efface {name}\n\n{says.strip()}\n\n```text\n{_usage(command.get_usage(context))}\n```"
        yield "Examples:\n\n```console\n" + "".join(f"$ {line}\n" for line in examples.splitlines()) + "```"
        if rows:
            yield "| argument or option | what it is |\n|---|---|\n" + "\n".join(rows)


def _usage(text: str) -> str:
    """Return a usage line without what typer adds to names."""
    words = text.removeprefix("Usage: ").replace("......", "...").split()
    return " ".join(word.strip("{}") for word in words)


def _row(names: str, says: str) -> str:
    """Return a table's row for one parameter, from what ``--help`` says of it."""
    return f"| `{names.replace('list[', '').replace(']>', '>')}` | {_in_cell(says)} |"


def _in_cell(text: str) -> str:
    """Return text for a table's cell, in which only what is between back-ticks is marked up."""
    parts = text.split("`")
    for place, part in enumerate(parts):
        escaped = html.escape(part, quote=False).replace("|", "\\|")
        parts[place] = f"`{part}`" if place % 2 else escaped.replace("*", "\\*").replace("_", "\\_")
    return "".join(parts)
