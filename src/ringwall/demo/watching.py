"""Watch officers at every member: they listen to the event stream and read what arrives."""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from ringwall.client import Client
from ringwall.core import RingwallError

_RETRY_SECONDS = 0.2


class Arrival(msgspec.Struct, frozen=True):
    """The first successful read of a statement by a reader at another member.

    ``at`` is the monotonic clock of this process, in seconds.
    """

    member: str
    statement: str
    at: float
    document: dict[str, Any]


class Arrivals:
    """Everything that was read so far, by (member, statement); safe for many threads."""

    def __init__(self, listener: Callable[[Arrival], None] = lambda arrival: None) -> None:
        self._listener = listener
        self._found: dict[tuple[str, str], Arrival] = {}
        self._changed = threading.Condition()

    def add(self, arrival: Arrival) -> None:
        """Note an arrival; only the first read of a statement at a member counts."""
        key = (arrival.member, arrival.statement)
        with self._changed:
            if key in self._found:
                return
            self._found[key] = arrival
            self._changed.notify_all()
        self._listener(arrival)

    def has(self, member: str, statement: str) -> bool:
        """Tell whether a statement was read at a member."""
        with self._changed:
            return (member, statement) in self._found

    def found(self) -> Mapping[tuple[str, str], Arrival]:
        """Return all arrivals so far."""
        with self._changed:
            return dict(self._found)

    def wait_for(self, expected: Collection[tuple[str, str]], seconds: float) -> None:
        """Wait until every expected pair has arrived, at most ``seconds``."""
        with self._changed:
            self._changed.wait_for(lambda: all(key in self._found for key in expected), seconds)


class Watch:
    """One member's watch officer: a thread on the event stream, from the first statement on."""

    def __init__(self, member: str, node: str, client: Client, arrivals: Arrivals) -> None:
        self._member = member
        self._node = node
        self._client = client
        self._arrivals = arrivals
        self._after = "0"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, name=f"watch-{member}", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening. The thread ends with the stream that it waits on."""
        self._stopping.set()

    def _listen(self) -> None:
        """Follow the stream; a node that was restarted is followed on from the last event."""
        while not self._stopping.is_set():
            try:
                for event in self._client.events(after=self._after):
                    self._read(event)
                    if self._stopping.is_set():
                        return
            except RingwallError:
                self._stopping.wait(_RETRY_SECONDS)

    def _read(self, event: Any) -> None:
        statement = event.data["statement"]
        if event.data["origin"] != self._node:
            document = self._client.statement(statement)
            self._arrivals.add(Arrival(self._member, statement, time.monotonic(), document))
        self._after = event.id
