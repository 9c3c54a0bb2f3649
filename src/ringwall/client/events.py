"""Server-sent events: from lines to events (WHATWG HTML, section 9.2)."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True):
    """One event; ``id`` is an opaque cursor: what a later stream of this reader resumes after."""

    id: str
    name: str
    data: dict[str, Any]


def read_events(lines: Iterable[str]) -> Iterator[Event]:
    """Yield events as they are complete; comments (heartbeats) and events without data are not."""
    fields: dict[str, str] = {}
    last = ""
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data" and "data" in fields:
                value = f"{fields['data']}\n{value}"
            if name:
                fields[name] = value
            continue
        if "data" in fields:
            last = fields.get("id", last)
            data = msgspec.json.decode(fields["data"], type=dict[str, Any])
            yield Event(last, fields.get("event", "message"), data)
        fields = {}
