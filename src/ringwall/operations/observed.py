"""The parts of a node, watched: requests, submissions, sealing, handing over to the hub.

Each stands in for the part that it watches and changes nothing about it.
"""

import mmap
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ringwall.alliance import Reader
from ringwall.core import RingwallError
from ringwall.core.request_id import request_id
from ringwall.exchange import (
    Batch,
    Intake,
    Sealer,
    StreamPosition,
    SubmitResult,
    Transport,
)
from ringwall.operations.metrics import Metrics
from ringwall.operations.traces import Span, Tracer
from ringwall.store import EnvelopeRow
from ringwall.trust import Item

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

ROUTE = "ringwall.route"
"""Where the application notes in a request's scope which row of its table answers."""
ID_HEADER = b"x-request-id"


class ObservedApplication:
    """An ASGI application whose requests get an id, are timed and counted."""

    def __init__(self, application: Any, metrics: Metrics, tracer: Tracer | None = None) -> None:
        self._application: Application = application
        self.context = application.context
        self._metrics = metrics
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the time counts until the first byte of the answer."""
        began = time.perf_counter()
        method = scope["method"]
        identity = secrets.token_hex(8)
        token = request_id.set(identity)
        span: Span | None = None

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                route, status = str(scope.get(ROUTE, "")), int(message["status"])
                seconds = time.perf_counter() - began
                self._metrics.count_request(method, route, status, seconds)
                if span is not None:
                    span.set("http.route", route or "other")
                    span.set("http.response.status_code", status)
                message["headers"] = [*message["headers"], (ID_HEADER, identity.encode())]
            await send(message)

        try:
            with _span(self._tracer, "request", request=identity) as span:
                await self._application(scope, receive, watched)
        finally:
            request_id.reset(token)


class ObservedIntake(Intake):
    """An intake whose submissions are counted by what became of their objects."""

    def __init__(self, *, metrics: Metrics, tracer: Tracer | None = None, **parts: Any) -> None:
        super().__init__(**parts)
        self._metrics = metrics
        self._tracer = tracer

    def submit(
        self, reader: Reader, raw: bytes | memoryview | mmap.mmap, **options: Any
    ) -> SubmitResult:
        """See Intake."""
        with _span(self._tracer, "intake") as span:
            try:
                result = super().submit(reader, raw, **options)
            except RingwallError as error:
                self._metrics.count_refused_submission(error)
                raise
            self._metrics.count_submission(result)
            if span is not None:
                span.set("ringwall.submitted", len(result.submitted))
                span.set("ringwall.refused", len(result.refused))
            return result


class ObservedSealer(Sealer):
    """A sealer whose envelopes are traced."""

    def __init__(self, *, tracer: Tracer, **parts: Any) -> None:
        super().__init__(**parts)
        self._tracer = tracer

    def seal(
        self,
        lane: str,
        kind: str,
        items: Sequence[Item],
        recipients: Mapping[str, int],
    ) -> tuple[EnvelopeRow, Any]:
        """See Sealer."""
        numbers = {"items": len(items), "recipients": len(recipients)}
        with self._tracer.span("seal", lane=lane, kind=kind, **numbers):
            return super().seal(lane, kind, items, recipients)


class ObservedTransport:
    """A transport whose publishing is traced (exchange.Transport)."""

    def __init__(self, transport: Transport, tracer: Tracer) -> None:
        self.hub = transport.hub
        self._transport = transport
        self._tracer = tracer

    @property
    def connected(self) -> bool:
        """See Transport."""
        return self._transport.connected

    async def publish(self, lane: str, places: Sequence[int], data: bytes, message_id: str) -> None:
        """See Transport."""
        numbers = {"recipients": len(places), "bytes": len(data)}
        with self._tracer.span("deliver", lane=lane, **numbers):
            await self._transport.publish(lane, places, data, message_id)

    def batches(
        self, lane: str, position: Callable[[], StreamPosition | None]
    ) -> AsyncIterator[Batch]:
        """See Transport."""
        return self._transport.batches(lane, position)

    async def acknowledge(self, lane: str, stream_sequence: int) -> None:
        """See Transport."""
        await self._transport.acknowledge(lane, stream_sequence)

    async def close(self) -> None:
        """See Transport."""
        await self._transport.close()


def _span(
    tracer: Tracer | None, name: str, **attributes: str
) -> AbstractContextManager[Span | None]:
    return nullcontext() if tracer is None else tracer.span(name, **attributes)
