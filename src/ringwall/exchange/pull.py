"""The rules by which a node reads one lane of a hub; no I/O, no waiting.

A session begins when the hub has set the node's consumer to a known place (RESET). From then on

- only what names our stream and our consumer in its acknowledgement subject is ours: another node
  can direct its own deliveries into our inbox, and we must not acknowledge with its subject;
- what comes from the hub itself carries the inbox as its subject, what was published never does:
  a publisher can forge status headers, but not that;
- the consumer numbers its deliveries from 1 without gaps: a gap, there or in a heartbeat, means
  that something was lost on the way, and the session is in doubt;
- a stream sequence that was seen already is a redelivery and is left out.

A session in doubt yields nothing any more; its owner begins a new one. Pulls of the earlier one
stay open at the hub, and what they bring counts in the new one. The inbox must therefore be
listened to all the time: for its first two seconds the hub serves a pull that nobody listens to,
and what it then delivers to nobody comes again in any order. Source: NATS ADR-13 (pull
subscribe), ADR-15 (acknowledgement subject).
"""

from collections.abc import Mapping
from typing import NamedTuple

from ringwall.exchange.hub_streams import stream_name
from ringwall.exchange.transport import Delivery

LARGEST = 2**63 - 1
"""The largest number that a hub may tell: what the database can hold."""

_PULL_ENDED = frozenset({"Message Size Exceeds MaxBytes", "Batch Completed"})


class AckSubject(NamedTuple):
    """What an acknowledgement subject says about its delivery."""

    stream: str
    consumer: str
    stream_sequence: int
    consumer_sequence: int


def read_ack_subject(subject: str) -> AckSubject | None:
    """Read ``$JS.ACK.<stream>.<consumer>.<times>.<sequence>.<delivery>.<time>.<pending>``.

    A subject with a number over `LARGEST` is none of a hub that works.
    """
    tokens = subject.split(".")
    if len(tokens) != 9 or tokens[:2] != ["$JS", "ACK"]:
        return None
    numbers = [_number(token) for token in tokens[4:]]
    sequence, delivery = numbers[1:3]
    if None in numbers or sequence is None or delivery is None:
        return None
    return AckSubject(tokens[2], tokens[3], sequence, delivery)


class PullSession:
    """What has arrived on one lane since the consumer was last set to a known place."""

    def __init__(self, lane: str, node: str, inbox: str) -> None:
        """Listen on ``inbox`` for the time before the consumer's place is known; then `open`."""
        self.inbox = inbox
        self.created = ""
        self.doubt = ""
        self.outstanding = 0
        self.whole = False
        self.foreign = 0
        self._lane = lane
        self._stream = stream_name(lane)
        self._node = node
        self._held: list[tuple[AckSubject, str, bytes]] | None = []
        self._seen = 0
        self._delivered = 0
        self._arrived: list[Delivery] = []
        self._replies: dict[int, str] = {}
        self._acknowledged = 0
        self._of_this_pull = 0

    def open(self, *, created: str, after: int, delivered: int) -> None:
        """Begin: the hub says that the consumer stands behind stream sequence ``after``.

        ``delivered`` is the consumer's count. A pull of an earlier session may have brought
        deliveries before the hub's answer: those from before the reset are dropped.
        """
        self.created, self._delivered = created, delivered
        self._seen = self._acknowledged = after
        held, self._held = self._held or [], None
        first = [n for n, (ack, *_) in enumerate(held) if ack.consumer_sequence == delivered + 1]
        for ack, reply, data in held[first[-1] :] if first else []:
            self._delivery(ack, reply, data)

    def pulled(self, batch: int) -> None:
        """Note that ``batch`` messages were asked for."""
        self.outstanding = batch
        self._of_this_pull = 0

    def receive(
        self, subject: str, reply: str, headers: Mapping[str, str], data: bytes
    ) -> str | None:
        """Take one message; return the subject of an acknowledgement that was lost, if any."""
        if subject == self.inbox:
            self._status(headers)
            return None
        ack = read_ack_subject(reply)
        if ack is None or (ack.stream, ack.consumer) != (self._stream, self._node):
            self.foreign += bool(reply)  # without one it is the end of an earlier session's pull
            return None
        if self._held is not None:
            self._held.append((ack, reply, data))
            return None
        return self._delivery(ack, reply, data)

    def take(self) -> tuple[Delivery, ...]:
        """Return what arrived since the last call; nothing once in doubt."""
        if self.doubt:
            self._arrived.clear()
        taken, self._arrived = tuple(self._arrived), []
        return taken

    def acknowledge(self, stream_sequence: int) -> str | None:
        """Return the subject that acknowledges everything up to ``stream_sequence``, if any."""
        committed = [number for number in self._replies if number <= stream_sequence]
        if not committed:
            return None
        self._acknowledged = max(committed)
        replies = [self._replies.pop(number) for number in committed]
        return replies[-1]

    def _delivery(self, ack: AckSubject, reply: str, data: bytes) -> str | None:
        if ack.consumer_sequence != self._delivered + 1:
            self.doubt = f"delivery {ack.consumer_sequence} followed {self._delivered}"
            return None
        self._delivered = ack.consumer_sequence
        self._of_this_pull += 1
        self.outstanding = max(0, self.outstanding - 1)
        if ack.stream_sequence <= self._seen:
            return reply if ack.stream_sequence <= self._acknowledged else None
        self._seen = ack.stream_sequence
        self._replies[ack.stream_sequence] = reply
        self._arrived.append(Delivery(self._lane, ack.stream_sequence, data))
        return None

    def _status(self, headers: Mapping[str, str]) -> None:
        status, description = headers.get("Status", ""), headers.get("Description", "")
        if status == "100":
            counted = _number(headers.get("Nats-Last-Consumer", ""))
            if counted is not None and counted > self._delivered:
                self.doubt = f"the hub sent {counted} deliveries, {self._delivered} came"
        elif status == "408":
            self.outstanding = 0
        elif status == "409" and description in _PULL_ENDED:
            self.outstanding = 0
            self.whole = self._of_this_pull == 0 and "MaxBytes" in description
        else:
            self.doubt = f"{status} {description}".strip() or "an answer without a status"


def _number(text: str) -> int | None:
    """Read a decimal number from 0 to `LARGEST`; None if it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    number = int(text)
    return number if number <= LARGEST else None
