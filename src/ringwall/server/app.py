"""The application: the table of routes on the framework, with the same headers on every answer."""

import logging
from typing import Any

from litestar import Litestar, Request, Response
from litestar.datastructures import MutableScopeHeaders, State
from litestar.types import Message, Scope

from ringwall.server.context import ServerContext
from ringwall.server.endpoint import endpoint, explain_failure, to_response
from ringwall.server.routes import ROUTES

BODY_LIMIT = 100 * 1024 * 1024
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "server": "ringwall",
}


def build_app(context: ServerContext) -> Litestar:
    """Build the ASGI application of one node."""

    async def finish(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders.from_message(message)
            for name, value in SECURITY_HEADERS.items():
                headers[name] = value
            context.requests.add(str(scope.get("method", "")), message["status"])

    return Litestar(
        [endpoint(route, context) for route in ROUTES],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=BODY_LIMIT,
        before_send=[finish],
        exception_handlers={Exception: _unhandled},
        state=State({"context": context}),
    )


def _unhandled(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer what no handler saw: unknown paths and methods."""
    logging.getLogger("ringwall.server").debug("%s", error)
    path = request.scope["path"]  # not request.url: it takes in the Host header, which may be wrong
    return to_response(explain_failure(error, taxii=path.startswith("/taxii2")))
