"""Handlers for the page and its files: fixed bytes from the package, nothing of any reader."""

from importlib.resources import files

from ringwall.core import NotFound
from ringwall.server.answers import Answer
from ringwall.server.context import Call
from ringwall.server.login import HTML

_TYPES = {
    "app.js": "text/javascript; charset=utf-8",
    "account.js": "text/javascript; charset=utf-8",
    "calls.js": "text/javascript; charset=utf-8",
    "forms.js": "text/javascript; charset=utf-8",
    "login.js": "text/javascript; charset=utf-8",
    "office.js": "text/javascript; charset=utf-8",
    "office-agreements.js": "text/javascript; charset=utf-8",
    "office-catalogue.js": "text/javascript; charset=utf-8",
    "office-explain.js": "text/javascript; charset=utf-8",
    "office-held.js": "text/javascript; charset=utf-8",
    "office-onward.js": "text/javascript; charset=utf-8",
    "office-publish.js": "text/javascript; charset=utf-8",
    "passkeys.js": "text/javascript; charset=utf-8",
    "view.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def index(call: Call) -> Answer:
    """GET /: the page; what it shows it asks for, with the reader's session."""
    del call
    return Answer(_read("index.html"), media_type=HTML)


def account(call: Call) -> Answer:
    """GET /account: the page of a reader's own tokens, passkeys and sessions; it asks likewise."""
    del call
    return Answer(_read("account.html"), media_type=HTML)


def office(call: Call) -> Answer:
    """GET /office: the page for officers' decisions; it asks likewise, as far as roles allow."""
    del call
    return Answer(_read("office.html"), media_type=HTML)


def static(call: Call) -> Answer:
    """GET /static/{name}: one of the page's files, by its name in a fixed list."""
    name = call.path["name"]
    if name not in _TYPES:
        raise NotFound("no such file")
    return Answer(_read(name), media_type=_TYPES[name])


def _read(name: str) -> bytes:
    return (files("ringwall.server") / "static" / name).read_bytes()
