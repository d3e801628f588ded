"""Serve the raters' page on this machine until it is interrupted."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from efface.errors import UsageError
from efface.rating.desk import Desk
from efface.rating.form import Form
from efface.rating.images import Pictures
from efface.rating.store import Store

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Addresses:
    """Where to go."""

    raters: str
    """For raters: it shows neither methods nor what others answered."""
    organiser: str
    """For the organiser alone."""


class Server:
    """A web server that is bound to its port, and has secret addresses."""

    def __init__(self, desk: Desk, store: Store, host: str, port: int) -> None:
        try:
            import uvicorn

            from efface.rating.app import build_app
        except ImportError as error:
            message = f"the raters' page needs packages that are not installed ({error}); pip install 'efface[rate]'"
            raise UsageError(message) from error
        rater_token, organiser_token = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self._socket = _bound(host, port)
        self._pictures = Pictures()
        hosts = ["*"] if host in EVERYWHERE or ":" in host else [host, "127.0.0.1", "localhost"]
        app = build_app(
            desk, store, self._pictures, rater_token=rater_token, organiser_token=organiser_token, hosts=hosts
        )
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="off", ws="none")
        )
        named = f"[{host}]" if ":" in host else host
        base = f"http://{named}:{self._socket.getsockname()[1]}"
        self.addresses = Addresses(f"{base}/{rater_token}/", f"{base}/{organiser_token}/")

    def run(self) -> None:
        """Serve until Ctrl-C."""
        try:
            self._server.run(sockets=[self._socket])
        except KeyboardInterrupt:
            pass  # the way to end it; every rating is on the disk
        finally:
            self._pictures.close()
            self._socket.close()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        message = f"{host}, port {port}: cannot be used ({error}); leave --port out to take any that is free"
        raise UsageError(message) from error


def forms_by_name(forms: list[Form]) -> Mapping[str, Form]:
    """Return forms by their names.

    Raises
    ------
    UsageError
        Two have one name.
    """
    named: dict[str, Any] = {}
    for form in forms:
        if form.name in named:
            message = f"two forms are called {form.name}; rename one's file"
            raise UsageError(message)
        named[form.name] = form
    return named
