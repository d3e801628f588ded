"""``efface rate``: the raters' web page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from efface.cli import answers, options
from efface.cli.logs import LOG
from efface.errors import UsageError

if TYPE_CHECKING:
    from efface.rating.desk import Desk
    from efface.rating.form import Form
    from efface.rating.store import Store

Folder = Annotated[
    Path,
    typer.Argument(metavar="OUT_DIR", help="Folder with scans.tsv, such as efface study writes.", show_default=False),
]
Port = Annotated[int, typer.Option(metavar="N", help="Port to listen on; 0: any that is free.", min=0, max=65535)]
Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on; beyond this machine at your risk.")]
Forms = Annotated[
    list[str] | None,
    typer.Option(
        "--form",
        metavar="NAME",
        help="What to ask: outcome, two-criterion, coverage, recognition, or a .toml file; give it once for each.",
        show_default=False,
    ),
]
Seed = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Draw the same orders again; by default by lot, and kept.", show_default=False),
]
Export = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the ratings as TSV, and serve nothing.", show_default=False),
]


def run(
    folder: Folder,
    port: Port = 0,
    host: Host = "127.0.0.1",
    form: Forms = None,
    seed: Seed = None,
    export: Export = None,
    overwrite: options.Overwrite = False,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
) -> None:
    """Let people judge defaced scans, blinded, in their browser; nothing leaves this machine.

    The folder holds a table scans.tsv with columns scan, method, cohort, original (may be left out) and defaced.
    Ratings are appended to ratings.sqlite in the folder. Ctrl-C ends; the next time, everybody goes on.

    \b
    efface rate study/
    efface rate study/ --form two-criterion --port 8765
    efface rate study/ --export ratings.tsv
    """  # noqa: D301 - \b keeps typer from joining the examples' lines
    from efface.rating.desk import Desk
    from efface.rating.folder import read_folder
    from efface.rating.store import Store

    content = read_folder(folder)
    forms = _forms(form, len(content.photographs))
    store = Store(folder)
    try:
        if export is not None:
            _export(store, forms, export, overwrite=overwrite)
        else:
            _serve(Desk(content, forms, store, seed), store, host, port)
    finally:
        store.close()


def _forms(names: list[str] | None, photographs: int) -> Mapping[str, Form]:
    """Return the forms that are offered: as asked, or all that the folder has pictures for."""
    from efface.rating.form import BUNDLED, load_form
    from efface.rating.serving import forms_by_name

    forms = [load_form(name, photographs) for name in names or BUNDLED]
    blind = [form.name for form in forms if form.photographs and not photographs]
    if names and blind:
        message = f"form {blind[0]} needs photographs; list them in photographs.tsv (person, file), see docs/rate.md"
        raise UsageError(message)
    return forms_by_name([form for form in forms if form.name not in blind])


def _export(store: Store, forms: Mapping[str, Form], path: Path, *, overwrite: bool) -> None:
    from efface.io.atomic import check_output, write_whole
    from efface.rating.export import ratings_table

    check_output(path, store.path, overwrite)
    write_whole(path, ratings_table(store.events(), forms), overwrite=overwrite)
    answers.say(f"wrote {path}")


def _serve(desk: Desk, store: Store, host: str, port: int) -> None:
    from efface.rating.serving import LOOPBACK, Server

    server = Server(desk, store, host, port)
    if host not in LOOPBACK:
        LOG.warning("other machines may ask for pages at %s, unencrypted: only whoever has the address gets them", host)
    answers.say(f"for raters:        {server.addresses.raters}")
    answers.say(f"for the organiser: {server.addresses.organiser}")
    answers.say(f"ratings are kept in {store.path}; Ctrl-C ends")
    server.run()
