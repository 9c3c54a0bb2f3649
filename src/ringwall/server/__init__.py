"""server: HTTP: REST, TAXII 2.1, server-sent events, login, health, metrics and the page.

May touch: the spine (core to exchange), identity and trust, through their public surface; granian
in `serving` only, the cryptography package in `cursors` only. `app` speaks ASGI and stands between
granian and the table of routes. Content is read through the store's `ReaderView` and in no other
way; every path stands in one table (`routes`) with what it demands.
"""

from ringwall.identity.secrets import hash_secret
from ringwall.server.access import Access
from ringwall.server.app import SECURITY_HEADERS, build_app
from ringwall.server.context import ServerContext
from ringwall.server.endpoint import Route
from ringwall.server.limits import RequestLimits
from ringwall.server.routes import ROUTES
from ringwall.server.serving import serve, serve_on_socket

__all__ = [
    "ROUTES",
    "SECURITY_HEADERS",
    "Access",
    "RequestLimits",
    "Route",
    "ServerContext",
    "build_app",
    "hash_secret",
    "serve",
    "serve_on_socket",
]
