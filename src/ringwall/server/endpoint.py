"""Between the HTTP framework and the handlers: admit, read the body, run in a thread, answer.

Handlers are plain functions from `Call` to `Answer`; only this module, `app` and `serving` know
the framework.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from litestar.types import Empty

from ringwall.server import events
from ringwall.server.access import Access, admit
from ringwall.server.answers import Answer, error_answer, problem
from ringwall.server.context import Call, ServerContext
from ringwall.server.query import Query

Handler = Callable[[Call], Answer]
SMALL_BODY = 64 * 1024
OPEN_BODY = 8 * 1024
"""What anybody may send, in bytes, read or not: a login code and its surroundings."""


class Route(msgspec.Struct, frozen=True):
    """One row of the table: ``handler`` None means the event stream."""

    method: Literal["GET", "POST"]
    path: str
    handler: Handler | None
    access: Access
    taxii: bool = False


def endpoint(route: Route, context: ServerContext) -> HTTPRouteHandler:
    """Make the framework's handler for one row of the table."""

    async def handle(request: Request[Any, Any, Any]) -> Response[Any]:
        try:
            return await _respond(route, context, request)
        except Exception as error:  # the one place where a failure becomes an answer
            return to_response(explain_failure(error, taxii=route.taxii))

    limit = OPEN_BODY if route.access.open else Empty  # Empty: the application's own limit
    made = HTTPRouteHandler(route.path, http_method=route.method, request_max_body_size=limit)
    return made(handle)


async def _respond(
    route: Route, context: ServerContext, request: Request[Any, Any, Any]
) -> Response[Any]:
    if route.handler is None:
        return await _open_stream(route, context, request)
    if route.method == "GET":
        return to_response(await context.run(_run, route, context, request))
    if route.access.open or _is_small(request):
        body = await request.body()
        return to_response(await context.run(_run, route, context, request, body))
    # admitted before the body is read: a stranger cannot make us hold 100 MB
    call = await context.run(_admitted, route, context, request)
    body = await request.body()
    return to_response(await context.run(route.handler, _with_body(call, body)))


def _is_small(request: Request[Any, Any, Any]) -> bool:
    """Tell whether the body is known to be short: then one thread does it all, which is faster."""
    length = request.headers.get("content-length", "")
    digits = length.isascii() and length.isdigit() and len(length) <= 8
    return digits and int(length) <= SMALL_BODY and "transfer-encoding" not in request.headers


def _run(
    route: Route, context: ServerContext, request: Request[Any, Any, Any], body: bytes = b""
) -> Answer:
    if route.handler is None:
        raise TypeError("the event stream has no handler")
    return route.handler(_with_body(_admitted(route, context, request), body))


def _admitted(route: Route, context: ServerContext, request: Request[Any, Any, Any]) -> Call:
    headers = dict(request.headers.items())
    source = request.client.host if request.client else ""
    caller = admit(context, route.access, route.method, headers, source)
    query = Query(request.query_params.multi_items())
    return Call(context, route.path, caller, request.path_params, query, headers, source)


def _with_body(call: Call, body: bytes) -> Call:
    fields = (call.context, call.route, call.caller, call.path, call.query, call.headers)
    return Call(*fields, call.source, body)


async def _open_stream(
    route: Route, context: ServerContext, request: Request[Any, Any, Any]
) -> Response[Any]:
    call = await context.run(_admitted, route, context, request)
    after = await context.run(events.start, call)
    content: AsyncIterator[bytes] = events.stream(call, after)
    headers = dict(events.STREAM_HEADERS)
    return Stream(content, media_type="text/event-stream; charset=utf-8", headers=headers)


def to_response(answer: Answer) -> Response[bytes]:
    """Hand an answer to the framework."""
    response = Response(answer.body, status_code=answer.status, media_type=answer.media_type)
    for name, value in answer.headers:
        response.headers[name] = value
    return response


def explain_failure(error: Exception, *, taxii: bool = False) -> Answer:
    """Turn a failure, the framework's own ones included, into a problem document."""
    if not isinstance(error, HTTPException):
        return error_answer(error, taxii=taxii)
    status = error.status_code
    codes = {404: "not-found", 405: "method", 413: "too-large"}
    code = codes.get(status, "bad-request" if status < 500 else "internal")
    message = "the body is larger than is taken here" if status == 413 else error.detail
    if status == 404:
        message = "there is no such thing, or it is not for you"
    return problem(status, code, "", code, message, taxii=taxii)
