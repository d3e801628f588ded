"""``efface methods``: what can be used here."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from efface.cli import answers, options

if TYPE_CHECKING:
    from efface.methods.listing import Listed


def run(as_json: options.AsJson = False, verbose: options.Verbose = False) -> None:  # noqa: ARG001 - its callback acts
    """List the methods: what each does, where it comes from, what it needs and whether it can be used here.

    \b
    efface methods
    efface methods --json
    """  # noqa: D301 - \b keeps typer from joining the examples' lines
    from efface.methods.listing import listed_methods

    listed = listed_methods()
    if as_json:
        answers.say_json(0, None, methods=[_entry(method) for method in listed])
        return
    for method in listed:
        _say(method)


def _entry(method: Listed) -> dict[str, Any]:
    entry = asdict(method)
    available = entry.pop("availability")
    return entry | {"ready": available["ready"], "remedy": available["remedy"]}


def _say(method: Listed) -> None:
    answers.say(f"{method.name}{' (default)' if method.default else ''}: {method.what}")
    shown = {
        "parameters": ", ".join(f"{name} = {value}" for name, value in method.parameters.items()),
        "from": method.citation,
        "needs": method.needs,
        "ready here": "yes" if method.availability.ready else f"no: {method.availability.remedy}",
        "fill": method.fill,
        "mask": "follows the face: private" if method.follows_face else "",
        "example": method.sample,
    }
    for name, text in shown.items():
        if text:
            answers.say(f"    {name}: {text}")
