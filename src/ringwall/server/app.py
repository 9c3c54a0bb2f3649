"""The ASGI application: heads read within limits, routing, the same headers on every answer.

There is no framework between granian and the table of routes: a request here costs some tens of
microseconds, and every answer, also to what is malformed, is one of ours.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from ringwall.core import InvalidInput, TooLarge
from ringwall.server.answers import Answer, error_answer, problem
from ringwall.server.bodies import Disconnected, Receive
from ringwall.server.context import ServerContext
from ringwall.server.endpoint import Endpoint, EventStream, Head
from ringwall.server.events import MEDIA_TYPE, STREAM_HEADERS
from ringwall.server.limits import RequestLimits
from ringwall.server.routes import ROUTES
from ringwall.server.routing import Place, Routing

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

FROM_EDGE = "x-ringwall-"
"""How the headers of our own proxy begin; on any other way in they are dropped."""
SOURCE_HEADER = f"{FROM_EDGE}source"
HSTS = ("strict-transport-security", "max-age=31536000")
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
_JOINED = {"accept": ", ", "accept-encoding": ", ", "accept-language": ", ", "cookie": "; "}
_ONCE = frozenset(
    {
        "authorization",
        "content-length",
        "content-type",
        "host",
        "idempotency-key",
        "last-event-id",
        "origin",
    }
)
_WHOLE = 1024 * 1024
_PART = 128 * 1024
"""An answer above `_WHOLE` bytes is handed to granian in parts, of which it takes some twenty and
then waits for the client: so a client that takes nothing holds a few megabytes and no more."""
_LINGER = 3.0
"""Seconds in which the rest of a body is still taken after it was refused: whoever is sending it,
our own proxy among them, reads the answer only if the connection is not closed under it."""
_NO_BODY = frozenset({204, 304})
_log = logging.getLogger("ringwall.server")


class Application:
    """The ASGI application of one node (ASGI 3.0, HTTP only, without lifespan events)."""

    def __init__(self, context: ServerContext) -> None:
        self.context = context
        self._routing = Routing(ROUTES)
        self._endpoint = Endpoint(context)
        fixed = [*SECURITY_HEADERS.items(), *([HSTS] if context.secure_cookies else [])]
        self._fixed = _encoded(fixed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        account: str | None = None
        answer: Answer | EventStream
        receiving = _Receiving(receive, scope)
        try:
            answer, account = await self._answer(scope, receiving)
        except Disconnected:
            # Whoever has only stopped sending is told; without an answer granian would say 500.
            cut = InvalidInput("the body ended too early", field="body", rule="incomplete")
            answer = error_answer(cut, taxii=scope["path"].startswith("/taxii2"))
        except Exception as error:  # the one place where a failure becomes an answer
            answer = error_answer(error, taxii=scope["path"].startswith("/taxii2"))
        if isinstance(answer, EventStream):
            if account is not None:
                self._endpoint.sent(account)  # a stream has a bound of its own
            await self._send_stream(answer, receive, send)
            return
        try:
            await self._send(answer, send, receiving, head=scope["method"] == "HEAD")
        finally:
            if account is not None:
                self._endpoint.sent(account)

    async def _answer(
        self, scope: Scope, receive: Receive
    ) -> tuple[Answer | EventStream, str | None]:
        head = read_head(scope, self.context.limits, behind_edge=self.context.behind_edge)
        place = self._routing.find(head.path)
        found = place.route(head.method)
        if found is None:
            return _other_method(head, place), None
        scope["ringwall.route"] = found[0].path  # for whoever counts requests
        return await self._endpoint.answer(*found, head, receive)

    async def _send(
        self, answer: Answer, send: Send, receiving: "_Receiving", *, head: bool
    ) -> None:
        headers = _encoded(answer.headers)
        if answer.status not in _NO_BODY:
            if answer.body or head:
                headers.append((b"content-type", answer.media_type.encode()))
            headers.append((b"content-length", b"%d" % len(answer.body)))
        body = b"" if head else answer.body
        await send(_start(answer.status, [*headers, *self._fixed]))
        if len(body) > _WHOLE:
            await self._send_parts(body, send)
        elif receiving.unfinished:
            # Once all of an answer is out, the server closes under whoever is still sending.
            await send({"type": "http.response.body", "body": body[:-1], "more_body": True})
            await receiving.rest()
            await send({"type": "http.response.body", "body": body[-1:]})
        else:
            await send({"type": "http.response.body", "body": body})

    async def _send_parts(self, body: bytes, send: Send) -> None:
        for start in range(0, len(body), _PART):
            part, more = body[start : start + _PART], start + _PART < len(body)
            # whoever does not take what was asked for must not keep it in our memory
            async with asyncio.timeout(self.context.limits.answer_pause_seconds):
                await send({"type": "http.response.body", "body": part, "more_body": more})

    async def _send_stream(self, answer: EventStream, receive: Receive, send: Send) -> None:
        """Send parts until they end or the reader goes away."""
        headers = _encoded([("content-type", MEDIA_TYPE), *STREAM_HEADERS])
        start = _start(200, [*headers, *self._fixed])
        sending = asyncio.ensure_future(_send_parts(start, answer, send))
        leaving = asyncio.ensure_future(_until_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            results = await asyncio.gather(sending, leaving, return_exceptions=True)
            answer.close()
        for failure in results:
            if isinstance(failure, Exception):
                _log.error("an event stream failed", exc_info=failure)


class _Receiving:
    """The body of one request: what comes of it, and whether all of it has come."""

    __slots__ = ("_receive", "unfinished")

    def __init__(self, receive: Receive, scope: Scope) -> None:
        self._receive = receive
        self.unfinished = any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in scope["headers"]
        )

    async def __call__(self) -> MutableMapping[str, Any]:
        event = await self._receive()
        if not event.get("more_body", False):
            self.unfinished = False
        return event

    async def rest(self) -> None:
        """Take what still comes, for a moment, and forget it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                while self.unfinished:
                    await self()


def build_app(context: ServerContext) -> Application:
    """Build the ASGI application of one node."""
    return Application(context)


def read_head(scope: Scope, limits: RequestLimits, *, behind_edge: bool) -> Head:
    """Read what a request says before its body.

    ``behind_edge``: it came through our own proxy, whose header says where from. Raises TooLarge
    (rules ``url-length``, ``header-count``, ``header-size``), InvalidInput (rules
    ``duplicate-header``, ``content-length``, ``host``).
    """
    path, query = scope["raw_path"] or scope["path"].encode(), scope["query_string"]
    if len(path) + len(query) > limits.url_max_bytes:
        why = f"the URL is longer than {limits.url_max_bytes} bytes"
        raise TooLarge(why, field="url", rule="url-length")
    headers = _read_headers(scope["headers"], limits)
    source = headers.get(SOURCE_HEADER, "")
    if not behind_edge:
        source = scope["client"][0] if scope.get("client") else ""
        headers = {k: v for k, v in headers.items() if not k.startswith(FROM_EDGE)}
    announced = headers.get("content-length")
    if announced is not None and not (announced.isascii() and announced.isdigit()):
        raise InvalidInput("not a length", field="content-length", rule="content-length")
    length = None if announced is None else int(announced[-19:])
    return Head(scope["method"], path, query.decode("latin-1"), headers, source, length)


def _read_headers(raw: Iterable[tuple[bytes, bytes]], limits: RequestLimits) -> dict[str, str]:
    headers: dict[str, str] = {}
    count = size = 0
    for key, value in raw:
        count += 1
        size += len(key) + len(value)
        name, text = key.decode("latin-1"), value.decode("latin-1")
        if name in headers:
            text = _joined(name, headers[name], text)
        headers[name] = text
    if count > limits.header_max_count:
        why = f"more than {limits.header_max_count} header fields"
        raise TooLarge(why, field="headers", rule="header-count")
    if size > limits.header_max_bytes:
        why = f"the header fields are larger than {limits.header_max_bytes} bytes"
        raise TooLarge(why, field="headers", rule="header-size")
    return headers


def _joined(name: str, first: str, second: str) -> str:
    """Join a header that stands twice (RFC 9110, 5.3); where two readings are a risk, refuse."""
    if name in _ONCE:
        raise InvalidInput(f"{name} stands twice", field=name, rule="duplicate-header")
    return f"{first}{_JOINED[name]}{second}" if name in _JOINED else second


def _other_method(head: Head, place: Place) -> Answer:
    allow = (("allow", place.allow),)
    if head.method == "OPTIONS":
        return Answer(status=204, headers=allow)
    taxii = head.path.startswith(b"/taxii2")
    return problem(
        405, "method", "method", "method", "this is not done here", taxii=taxii, headers=allow
    )


def _start(status: int, headers: RawHeaders) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers}


def _encoded(headers: Iterable[tuple[str, str]]) -> RawHeaders:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def _send_parts(start: dict[str, Any], answer: EventStream, send: Send) -> None:
    await send(start)
    async for part in answer.parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
