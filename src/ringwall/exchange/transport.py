"""The port between the exchange and whatever carries envelopes.

A transport is at-least-once: it may deliver twice, it never skips. Whoever uses it

1. stores what a batch brings, together with the batch's `StreamPosition`, in one transaction,
2. acknowledges the last of the batch only after that transaction is durable,
3. answers `position()` from the database, never from memory.

Nothing about an envelope may be believed because of the lane or number it arrived under.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from msgspec import Struct

CONTROL = "CONTROL"
"""The lane of receipts, beside `core.LANES`."""


class StreamPosition(Struct, frozen=True):
    """How far one lane of one hub is committed in this node's database.

    ``created`` is the creation time of the hub's consumer as the hub tells it: a hub that was
    rebuilt or restored has a new one, and its sequence numbers mean something else.
    ``sequence`` is the last stream sequence that was committed.
    """

    created: str
    sequence: int


class Delivery(Struct, frozen=True):
    """One message as it came: lane, number in the hub's stream, the envelope's bytes."""

    lane: str
    stream_sequence: int
    data: bytes


class Batch(Struct, frozen=True):
    """Deliveries of one lane in stream order, and the consumer that they came from."""

    created: str
    deliveries: tuple[Delivery, ...]


class Transport(Protocol):
    """A way to one hub."""

    hub: str

    @property
    def connected(self) -> bool:
        """Tell whether the hub could be reached when it was last tried."""
        ...

    async def publish(self, lane: str, places: Sequence[int], data: bytes, message_id: str) -> None:
        """Hand ``data`` to the hub for the nodes at ``places`` (registry places, from 1).

        Returns when the hub has it durably. ``message_id`` is random and secret: the hub drops a
        second message with the same one. Raises Unavailable if the hub did not confirm (the
        message may have arrived nevertheless), TooLarge if it can never take it.
        """
        ...

    def batches(
        self, lane: str, position: Callable[[], StreamPosition | None]
    ) -> AsyncIterator[Batch]:
        """Yield what arrives for this node on ``lane``, without end.

        On start and after every doubt (no answer, reconnection, refusal) the consumer is set
        back to ``position()``, so what was not committed comes again.
        """
        ...

    async def acknowledge(self, lane: str, stream_sequence: int) -> None:
        """Tell the hub that everything up to ``stream_sequence`` on ``lane`` is committed."""
        ...

    async def close(self) -> None:
        """Let go of the connection; iterators of `batches` end."""
        ...
