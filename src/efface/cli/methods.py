"""``efface methods``: what can be used here."""

from __future__ import annotations

import inspect
from dataclasses import fields
from importlib import import_module
from typing import Any

from efface.cli import answers, options


def run(as_json: options.AsJson = False, verbose: options.Verbose = False) -> None:  # noqa: ARG001 - its callback acts
    """List the methods: what each does, its parameters and where it comes from.

    \b
    efface methods
    efface methods --json
    """  # noqa: D301 - \b keeps typer from joining the examples' lines
    from efface.methods import DEFAULT, TABLE

    entries = [_entry(key, home) | {"default": key == DEFAULT} for key, home in TABLE.items()]
    if as_json:
        answers.say_json(0, None, methods=entries)
        return
    for entry in entries:
        _say(entry)


def _entry(key: str, home: str) -> dict[str, Any]:
    """Describe a method by what its class says of itself."""
    module, name = home.split(":")
    method = getattr(import_module(module), name)
    return {
        "name": key,
        "what": (inspect.getdoc(method) or "").partition("\n")[0],
        "parameters": {field.name: field.default for field in fields(method)},
        "citation": method.citation,
    }


def _say(entry: dict[str, Any]) -> None:
    answers.say(f"{entry['name']}{' (default)' if entry['default'] else ''}: {entry['what']}")
    answers.say(f"    parameters: {', '.join(f'{name} = {value}' for name, value in entry['parameters'].items())}")
    answers.say(f"    from: {entry['citation']}")
