"""Server-sent events: what arrives, pushed to a reader as it becomes readable.

There is one way to the data, a page of the reader's own view after a cursor, for catching up and
for live alike; so nothing can fall between the two. The bell only says when to look again.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from ringwall.core import InvalidInput, RingwallError
from ringwall.server.access import identify, recognise
from ringwall.server.context import Call
from ringwall.server.documents import summary, with_object
from ringwall.store import Statement

HEARTBEAT = 15.0
BATCH = 32
LARGEST_OBJECT = 256 * 1000
"""Above this, in bytes, an event leaves the object out: `BATCH` events come to 8 MB at most."""
_QUICK = 256 * 1000
"""Bodies of a batch, in bytes, that are encoded in the event loop: about a millisecond."""
STREAM_HEADERS = (("x-accel-buffering", "no"),)
_ENCODER = msgspec.json.Encoder()


def start(call: Call) -> int:
    """Find the cursor that a stream starts after: Last-Event-ID, ``after``, or the present."""
    call.query.only("after")
    resumed = call.headers.get("last-event-id", "")
    if resumed:
        if not (resumed.isascii() and resumed.isdigit() and len(resumed) <= 18):
            raise InvalidInput("not an event id", field="last-event-id", rule="integer")
        return int(resumed)
    if "after" in call.query.names():
        return call.query.integer("after", 0, low=0, high=2**63 - 1)
    with call.context.store.read() as snapshot:
        return snapshot.last_order()


async def stream(call: Call, after: int) -> AsyncIterator[bytes]:
    """Yield events until the reader goes away or loses the right to listen."""
    context = call.context
    yield b": listening\n\n"
    while not context.closing.is_set():
        seen = context.arrivals.count  # before reading: what rings while we read is read next time
        try:
            events, after = await _batch(call, after)
            if events:
                yield b"".join(events)
            while len(events) < BATCH and await context.arrivals.wait(seen, HEARTBEAT) == seen:
                await context.run(identify, context, call.headers, call.source)
                yield b": still here\n\n"
        except RingwallError as error:
            yield _event(None, "end", {**error.diagnostics(), "detail": error.message})
            return


async def _batch(call: Call, after: int) -> tuple[list[bytes], int]:
    """Read what is new for this reader, whose credential is checked again every time.

    Both reads are short and stay in the event loop: a thread would cost more than it frees. What
    takes longer goes to a thread: refusing a credential, which is written, and large objects.
    """
    if recognise(call.context, call.headers) is None:
        await call.context.run(identify, call.context, call.headers, call.source)
    rows = await asyncio.wrap_future(call.view.page_later(after=after, limit=BATCH))
    large = sum(len(row.body) for row in rows) > _QUICK
    events = await call.context.run(_encode, rows) if large else _encode(rows)
    return events, rows[-1].order if rows else after


def _encode(rows: list[Statement]) -> list[bytes]:
    return [_event(row.order, "statement", _shown(row)) for row in rows]


def _shown(row: Statement) -> dict[str, Any]:
    return with_object(row) if len(row.body) <= LARGEST_OBJECT else summary(row)


def _event(number: int | None, name: str, data: object) -> bytes:
    head = b"" if number is None else b"id: %d\n" % number
    return b"%sevent: %s\ndata: %s\n\n" % (head, name.encode(), _ENCODER.encode(data))
