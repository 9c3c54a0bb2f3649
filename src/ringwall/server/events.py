"""Server-sent events: what arrives, pushed to a reader as it becomes readable.

There is one way to the data, a page of the reader's own view after a place, for catching up and
for live alike; so nothing can fall between the two. The bell only says when to look again. All
reading, writing of audit entries and encoding is done in worker threads: a stream with large
objects delays nobody else's.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec

from ringwall.core import RingwallError
from ringwall.server.access import Access, admit
from ringwall.server.context import Call, Caller
from ringwall.server.cursors import PLACE
from ringwall.server.documents import Summary, summary, with_object
from ringwall.server.operations import AFTER, Header, Operation
from ringwall.server.paging import read_page, split
from ringwall.store import Shown, Statement

HEARTBEAT = 15.0
BATCH = 32
LARGEST_OBJECT = 256 * 1000
"""Above this, in bytes, an event leaves the object out: `BATCH` events come to 8 MB at most."""
MEDIA_TYPE = "text/event-stream; charset=utf-8"
STREAM_HEADERS = (("x-accel-buffering", "no"),)
_ENCODER = msgspec.json.Encoder()
LAST_EVENT_ID = Header(
    name="last-event-id",
    description="go on after this event",
    pattern=PLACE,
    longest=32,
    rule="cursor",
)
OPERATION = Operation(
    id="events_listen",
    summary="What arrives, as server-sent events, from now on or after a place.",
    description=(
        "`event: statement` with a cursor as `id` and the statement as `data`, with its object"
        " unless that is over 256 kB; `event: end` with a problem when the reader may no longer"
        " listen. Reading goes on after `Last-Event-ID`, else after `after`, else from now on."
    ),
    answers={200: "text/event-stream"},
    parameters=(AFTER, LAST_EVENT_ID),
)


def start(call: Call) -> int:
    """Find the place that a stream starts after: Last-Event-ID, ``after``, or the present."""
    OPERATION.check(call)
    resumed = LAST_EVENT_ID.of(call)
    if resumed:
        return call.cursors.number(resumed, field=LAST_EVENT_ID.name)
    if AFTER.name in call.query.names():
        return AFTER.number(call)
    with call.context.store.read() as snapshot:  # nothing is read, so nothing is entered as a read
        return snapshot.last_order() + sum(replay.last for replay in snapshot.replays())


async def stream(call: Call, access: Access, after: int) -> AsyncIterator[bytes]:
    """Yield events until the reader goes away or loses the right to listen, which is ``access``."""
    context = call.context
    yield b": listening\n\n"
    while not context.closing.is_set():
        seen = context.arrivals.count  # before reading: what rings while we read is read next time
        try:
            events, after, more = await context.run(_batch, call, access, after)
            if events:
                yield events
            while not more and await context.arrivals.wait(seen, HEARTBEAT) == seen:
                await context.run(_listener, call, access)
                yield b": still here\n\n"
        except RingwallError as error:
            yield _event("", "end", {**error.diagnostics(), "detail": error.message})
            return


def _listener(call: Call, access: Access) -> Caller | None:
    """Return who listens, as the credential shows it now. Raises Unauthenticated, Forbidden."""
    return admit(call.context, access, "GET", call.headers, call.source)


def _batch(call: Call, access: Access, after: int) -> tuple[bytes, int, bool]:
    """Read what is new for this reader, as its credential shows it now: rights may have changed.

    Returns the events, the place to go on after, and whether there is more already.
    """
    call = replace(call, caller=_listener(call, access))

    def choose(shown: Shown) -> list[Statement]:
        return read_page(
            lambda start, number: shown.statements(after=start, limit=number), after, BATCH
        )

    rows, more = split(call.view.follow(choose), BATCH)
    events = b"".join(
        _event(call.cursors.place(row.order), "statement", _shown(row)) for row in rows
    )
    return events, rows[-1].order if rows else after, more


def _shown(row: Statement) -> Summary:
    return with_object(row) if len(row.body) <= LARGEST_OBJECT else summary(row)


def _event(cursor: str, name: str, data: Any) -> bytes:
    head = b"id: %s\n" % cursor.encode() if cursor else b""
    return b"%sevent: %s\ndata: %s\n\n" % (head, name.encode(), _ENCODER.encode(data))
