"""From a request that has a route to its answer: admit, read the body, run in a thread.

Handlers are plain functions from `Call` to `Answer`. The event loop does what is short (accounting,
bodies), the worker threads what may block (credentials, handlers); a small request costs one
hand-over between the two.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Literal, ParamSpec, TypeVar

import msgspec

from ringwall.core import InternalFault, Unauthenticated, Unavailable
from ringwall.server import events
from ringwall.server.access import Access, admit
from ringwall.server.answers import Answer
from ringwall.server.bodies import Bodies, Body, Receive
from ringwall.server.context import WORKERS, Call, Caller, ServerContext
from ringwall.server.limits import Gate, KnownCallers, account_of_reader, credential_key
from ringwall.server.query import parse_query

P = ParamSpec("P")
T = TypeVar("T")
Handler = Callable[[Call], Answer]
SMALL_BODY = 64 * 1024
OPEN_BODY = 8 * 1024
"""What anybody may send, in bytes, read or not: a login code and its surroundings."""


class Route(msgspec.Struct, frozen=True):
    """One row of the table: ``handler`` None means the event stream.

    ``body_limit``: bytes that its body may have; None: as large as the node takes any.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    handler: Handler | None
    access: Access
    taxii: bool = False
    body_limit: int | None = None


class Head(msgspec.Struct, frozen=True):
    """What a request says before its body: names of headers in lower case, ``source`` an address.

    ``announced`` is its Content-Length, None when it has none (no body, or one in chunks).
    """

    method: str
    path: bytes
    query: str
    headers: Mapping[str, str]
    source: str
    announced: int | None = None

    @property
    def has_body(self) -> bool:
        """Tell whether a body follows."""
        return bool(self.announced) or "transfer-encoding" in self.headers


class EventStream(msgspec.Struct, frozen=True):
    """An answer without an end: the parts of its body, and what to do when it is over."""

    parts: AsyncIterator[bytes]
    close: Callable[[], None]


class _Request(msgspec.Struct, frozen=True):
    """One request on its way: ``account`` is whom it is counted to, ``credential`` a digest."""

    route: Route
    parameters: Mapping[str, str]
    head: Head
    credential: bytes
    account: str


class Endpoint:
    """Answers requests of one node."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._known = KnownCallers()
        self.gate = Gate(context.limits, WORKERS)
        self.bodies = Bodies(context.limits, context.spool, context.reserve_bytes)

    async def answer(
        self, route: Route, parameters: Mapping[str, str], head: Head, receive: Receive
    ) -> tuple[Answer | EventStream, str]:
        """Answer one request: the answer and its account; `sent` must follow.

        Raises what explains why not: a RingwallError, or Disconnected.
        """
        headers = head.headers
        credential = credential_key(headers.get("authorization", ""), headers.get("cookie", ""))
        account = self._known.account_of(credential, head.source)
        self.gate.begin(account)
        try:
            request = _Request(route, parameters, head, credential, account)
            return await self._answer(request, receive), account
        except BaseException:
            self.gate.end(account)
            raise

    def sent(self, account: str) -> None:
        """Note that an answer has left, or that nobody takes it."""
        self.gate.end(account)

    async def _answer(self, request: _Request, receive: Receive) -> Answer | EventStream:
        if request.route.handler is None:
            return await self._listen(request)
        if request.route.method == "GET":
            return await self._read(request)
        return await self._change(request, receive)

    async def _read(self, request: _Request) -> Answer:
        """Answer what changes nothing: whoever asks waits for so long and no longer."""
        seconds = self._context.limits.read_seconds
        patience = asyncio.timeout(seconds)
        try:
            async with patience:
                return await self._in_thread(request, self._handle, request, b"")
        except TimeoutError:
            if not patience.expired():
                raise
            raise Unavailable(f"the answer takes more than {seconds:g} s", rule="time") from None

    async def _change(self, request: _Request, receive: Receive) -> Answer:
        """Answer what may change something: once its handler runs, its end is waited for."""
        head, route = request.head, request.route
        small = head.announced is not None and head.announced <= SMALL_BODY
        if route.access.open or small or not head.has_body:
            body = await self._body(request, receive)
            try:
                return await self._in_thread(request, self._handle, request, body)
            finally:
                self.bodies.release(body)
        # admitted before the body is read: a stranger cannot make us hold 100 MB
        caller = await self._in_thread(request, self._admit, request)
        body = await self._body(request, receive)
        try:
            return await self._in_thread(request, self._run, request, caller, body)
        finally:
            self.bodies.release(body)

    async def _body(self, request: _Request, receive: Receive) -> Body:
        route, head = request.route, request.head
        if not head.has_body:
            return b""
        most = OPEN_BODY if route.access.open else self._context.limits.body_max_bytes
        if route.body_limit is not None:
            most = min(most, route.body_limit)
        return await self.bodies.read(receive, head.announced, most)

    async def _listen(self, request: _Request) -> EventStream | Answer:
        call = await self._in_thread(request, self._admitted_call, request)
        after = await self._in_thread(request, events.start, call)
        if request.head.method == "HEAD":
            return Answer(media_type=events.MEDIA_TYPE, headers=events.STREAM_HEADERS)
        account = account_of_reader(call.reader.id)
        self.gate.open_stream(account)
        parts = events.stream(call, request.route.access, after)
        return EventStream(parts, lambda: self.gate.close_stream(account))

    async def _in_thread(
        self, request: _Request, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run in a worker thread when it is this caller's turn.

        A thread cannot be stopped: it keeps its place until it ends, also when nobody waits.
        """
        await self.gate.enter(request.account)
        running = self._context.start(function, *args, **kwargs)
        running.add_done_callback(lambda _: self.gate.leave(request.account))
        return await asyncio.shield(running)

    def _handle(self, request: _Request, body: Body) -> Answer:
        return self._run(request, self._admit(request), body)

    def _run(self, request: _Request, caller: Caller | None, body: Body) -> Answer:
        if request.route.handler is None:
            raise InternalFault("the event stream has no handler")
        return request.route.handler(self._call(request, caller, body))

    def _admitted_call(self, request: _Request) -> Call:
        return self._call(request, self._admit(request), b"")

    def _admit(self, request: _Request) -> Caller | None:
        head = request.head
        try:
            caller = admit(
                self._context, request.route.access, head.method, head.headers, head.source
            )
        except Unauthenticated:
            self._known.forget(request.credential)
            raise
        if caller is not None:
            self._known.learn(request.credential, caller.reader.id)
        return caller

    def _call(self, request: _Request, caller: Caller | None, body: Body) -> Call:
        head = request.head
        return Call(
            self._context,
            request.route.path,
            caller,
            request.parameters,
            parse_query(head.query),
            head.headers,
            head.source,
            body,
        )
