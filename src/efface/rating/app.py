"""The web app: pages and pictures for raters and for their organiser, each under a secret address."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from efface.errors import DefaceError, InputError, UsageError
from efface.rating.desk import CONSENSUS, LONGEST, NAME, Desk
from efface.rating.export import ratings_table
from efface.rating.folder import Item
from efface.rating.form import FRONT, Form
from efface.rating.images import Pictures, read_photograph
from efface.rating.store import Store
from efface.report.figures import PLANES
from efface.version import __version__

LOG = logging.getLogger("efface")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""The browser asks nobody but this app for anything, keeps nothing, and tells no other page this one's address."""
LARGEST_BODY = 100_000
"""Bytes of a request; answers are far smaller."""


def build_app(
    desk: Desk, store: Store, pictures: Pictures, *, rater_token: str, organiser_token: str, hosts: Iterable[str]
) -> Starlette:
    """Put the app together.

    Parameters
    ----------
    desk, store, pictures : what it shows, and where answers go
    rater_token, organiser_token : first part of every address; who does not know it finds nothing
    hosts : names under which it may be asked, so that no other site's name can be made to lead here
    """
    raters, organiser = _Raters(desk, pictures), _Organiser(desk, pictures, store)
    static = Mount("/static", StaticFiles(packages=[("efface.rating", "static")]))
    return Starlette(
        routes=[
            Mount(f"/{rater_token}", routes=[*raters.routes(), static]),
            Mount(f"/{organiser_token}", routes=[*organiser.routes(), static]),
        ],
        middleware=[Middleware(_WithHeaders), Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))],
        exception_handlers={DefaceError: _said},
    )


class _WithHeaders:
    """Add `HEADERS` to whatever is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_more)


def _said(_: Request, error: Exception) -> Response:
    """Tell the page in words what went wrong; what names a file, which may name the method, the organiser alone."""
    if isinstance(error, InputError):
        LOG.warning("%s", error)
        return JSONResponse({"error": "This scan cannot be shown. Skip it; the organiser can see why."}, 500)
    return JSONResponse({"error": str(error)}, 400 if isinstance(error, UsageError) else 500)


class _Raters:
    """What raters' browsers ask for."""

    def __init__(self, desk: Desk, pictures: Pictures) -> None:
        self._desk = desk
        self._pictures = pictures

    def routes(self) -> list[Route]:
        return [
            Route("/", self.start),
            Route("/rate", self.rate),
            Route("/api/place", self.place),
            Route("/api/item", self.item),
            Route("/api/confirm", self.confirm, methods=["POST"]),
            Route("/api/undo", self.undo, methods=["POST"]),
            Route("/api/debrief", self.debrief, methods=["POST"]),
            Route("/slice/{which}/{plane}/{place:int}.png", self.slice_png),
            Route("/view/{which}/{number:int}.png", self.view),
            Route("/photograph/{number:int}.png", self.photograph),
        ]

    def rater(self, given: Any) -> str:
        """Return a rater's name, in one way of writing it."""
        name = " ".join(str(given or "").split())
        if not NAME.fullmatch(name) or name.casefold() == CONSENSUS:
            message = "give a name or initials: letters, digits, blanks, dots and dashes, at most 40"
            raise UsageError(message)
        return name

    def start(self, _: Request) -> Response:
        return _page("start.html.jinja", forms=list(self._desk.forms.values()), scans=len(self._desk.folder.items))

    def rate(self, request: Request) -> Response:
        try:
            rater, form = self.rater(request.query_params.get("rater")), self._form(request)
        except UsageError as error:
            forms, scans = list(self._desk.forms.values()), len(self._desk.folder.items)
            return _page("start.html.jinja", status=400, forms=forms, scans=scans, error=str(error))
        described = json.dumps(_described(form, len(self._desk.folder.photographs)))
        return _page("rate.html.jinja", rater=rater, form=form, described=described, consensus=rater == CONSENSUS)

    def place(self, request: Request) -> Response:
        rater, form = self.rater(request.query_params.get("rater")), self._form(request)
        place = self._desk.place(rater, form.name)
        for shown in filter(None, (place.shown, place.following)):
            self._pictures.prepare(self._desk.item(shown).path, form.views)
        said: dict[str, Any] = {"done": place.done, "total": place.total, "debriefing": place.debriefing}
        if place.shown is not None:
            said |= {"id": place.shown.rating_id, "break": place.begins_block}
            if rater == CONSENSUS:
                said["said"] = self._desk.answers_of(place.shown, form.name)
        return JSONResponse(said)

    def item(self, request: Request) -> Response:
        form, item = self._asked(request)
        counts = self._pictures.volume(item.path).counts() if form.slices else {}
        return JSONResponse({"planes": counts, "original": form.original and item.original is not None})

    async def confirm(self, request: Request) -> Response:
        given = await _json(request)
        names = (self.rater(given.get("rater")), str(given.get("form")), str(given.get("id")))
        await run_in_threadpool(self._desk.confirm, *names, _answers(given))
        return JSONResponse({"kept": True})

    async def undo(self, request: Request) -> Response:
        given = await _json(request)
        answers = await run_in_threadpool(self._desk.undo, self.rater(given.get("rater")), str(given.get("form")))
        return JSONResponse({"answers": answers})

    async def debrief(self, request: Request) -> Response:
        given = await _json(request)
        names = (self.rater(given.get("rater")), str(given.get("form")))
        await run_in_threadpool(self._desk.debrief, *names, _answers(given))
        return JSONResponse({"kept": True})

    def slice_png(self, request: Request) -> Response:
        _, item = self._asked(request)
        planes = {plane.name: plane for plane in PLANES}
        plane, place = planes.get(request.path_params["plane"]), int(request.path_params["place"])
        volume = self._pictures.volume(*self._version(request, item))
        if plane is None or not place < volume.counts()[plane.name]:
            message = "no such slice"
            raise UsageError(message)
        return _png(volume.slice_png(plane, place))

    def view(self, request: Request) -> Response:
        form, item = self._asked(request)
        path, beside = self._version(request, item)
        number = int(request.path_params["number"])
        if not number < len(form.views):
            message = "no such view"
            raise UsageError(message)
        return _png(self._pictures.view(path, form.views[number], form.views, beside))

    def photograph(self, request: Request) -> Response:
        number, photographs = int(request.path_params["number"]), self._desk.folder.photographs
        if not 1 <= number <= len(photographs):
            message = "no such photograph"
            raise UsageError(message)
        return _png(read_photograph(photographs[number - 1].path))

    def _form(self, request: Request) -> Form:
        return self._desk.form(request.query_params.get("form", ""))

    def _asked(self, request: Request) -> tuple[Form, Item]:
        form = self._form(request)
        rater = self.rater(request.query_params.get("rater"))
        return form, self._desk.item(self._desk.shown(rater, form.name, request.query_params.get("id", "")))

    def _version(self, request: Request, item: Item) -> tuple[Any, Any]:
        """Return the file that is asked for, and the one in whose place it is shown."""
        if request.path_params["which"] != "original":
            return item.path, None
        if item.original is None or not self._form(request).original:
            message = "the original is not shown"
            raise UsageError(message)
        return item.original, item.path


class _Organiser(_Raters):
    """What the organiser's browser asks for; at the same pages, they settle disagreements."""

    def __init__(self, desk: Desk, pictures: Pictures, store: Store) -> None:
        super().__init__(desk, pictures)
        self._store = store

    def routes(self) -> list[Route]:
        own = [Route("/api/progress", self.progress), Route("/ratings.tsv", self.table)]
        return [*own, *super().routes()]

    def rater(self, given: Any) -> str:  # noqa: ARG002 - whoever asks: here the organiser settles
        return CONSENSUS

    def start(self, _: Request) -> Response:
        return _page("organiser.html.jinja", forms=list(self._desk.forms.values()))

    def progress(self, _: Request) -> Response:
        open_ones = {name: self._desk.place(CONSENSUS, name) for name in self._desk.forms}
        left = {name: place.total - place.done for name, place in open_ones.items()}
        said = {"raters": self._desk.progress(), "agreement": self._desk.agreements(), "disagreements": left}
        return JSONResponse({**said, "recognition": [asdict(score) for score in self._desk.recognition()]})

    def table(self, _: Request) -> Response:
        content = ratings_table(self._store.events(), self._desk.forms)
        attached = {"Content-Disposition": 'attachment; filename="ratings.tsv"'}
        return Response(content, media_type="text/tab-separated-values", headers=attached)


def _described(form: Form, photographs: int) -> dict[str, Any]:
    """Return what the page needs to know of a form."""
    return {
        "questions": [asdict(question) for question in form.questions],
        "debriefing": [asdict(question) for question in form.debriefing],
        "longest": LONGEST,
        "planes": [{"name": plane.name, "ends": plane.ends} for plane in PLANES] if form.slices else [],
        "views": list(form.views),
        "turn": form.turn,
        "front": FRONT if form.turn else 0,
        "photographs": photographs if form.photographs else 0,
    }


async def _json(request: Request) -> dict[str, Any]:
    """Return what a page sent; only a page of our own can send JSON here."""
    body = await request.body()
    try:
        given = json.loads(body) if len(body) < LARGEST_BODY else None
    except ValueError:
        given = None
    if not isinstance(given, dict) or request.headers.get("content-type") != "application/json":
        message = "this is not what the page sends"
        raise UsageError(message)
    return given


def _answers(given: dict[str, Any]) -> dict[str, str]:
    answers = given.get("answers")
    if not isinstance(answers, dict) or not all(isinstance(each, str) for each in answers.values()):
        message = "answers are words"
        raise UsageError(message)
    return answers


def _png(data: bytes) -> Response:
    return Response(data, media_type="image/png")


def _page(name: str, *, status: int = 200, **values: Any) -> Response:
    return HTMLResponse(_templates().get_template(name).render(version=__version__, **values), status)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("efface.rating"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
