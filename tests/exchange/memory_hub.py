"""A hub in memory behind the same port as the real one: at least once, never in any other order.

`MemoryHub` keeps streams and one consumer for each node and lane. It has a real hub's bad habits
where they matter to whoever uses the port: what was yielded and not committed comes again after a
`disturb`, and a rebuilt hub (`rebuild`) counts consumers and sequences anew.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence

from ringwall.core import Unavailable
from ringwall.exchange.transport import Batch, Delivery, StreamPosition


class MemoryHub:
    def __init__(self, name: str = "hub1") -> None:
        self.name = name
        self.reachable = True
        self.acknowledged: dict[tuple[str, str], int] = {}
        self._creations = itertools.count(1)
        self._changed = asyncio.Event()
        self.rebuild()

    def rebuild(self) -> None:
        """Lose everything, as a hub that was set up anew."""
        self.streams: dict[str, list[tuple[frozenset[int], bytes]]] = {}
        self.message_ids: set[tuple[str, str]] = set()
        self.created = f"2026-01-01T00:00:{next(self._creations):02d}Z"
        self.disturb()

    def disturb(self) -> None:
        """Break every session."""
        self.generation = getattr(self, "generation", 0) + 1
        self.ring()

    def ring(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        await self._changed.wait()

    def transport(self, node: str, place: int) -> "MemoryTransport":
        return MemoryTransport(self, node, place)


class MemoryTransport:
    def __init__(self, hub: MemoryHub, node: str, place: int) -> None:
        self.hub = hub.name
        self._hub = hub
        self._node = node
        self._place = place
        self._closed = False

    @property
    def connected(self) -> bool:
        return self._hub.reachable and not self._closed

    async def publish(self, lane: str, places: Sequence[int], data: bytes, message_id: str) -> None:
        await asyncio.sleep(0)
        if not self.connected:
            raise Unavailable("hub is away", rule="hub")
        if (lane, message_id) not in self._hub.message_ids:
            self._hub.message_ids.add((lane, message_id))
            self._hub.streams.setdefault(lane, []).append((frozenset(places), data))
        self._hub.ring()

    async def batches(
        self, lane: str, position: Callable[[], StreamPosition | None]
    ) -> AsyncIterator[Batch]:
        generation, created, after = -1, "", 0
        while not self._closed:
            if not self._hub.reachable:
                await self._hub.changed()
                continue
            if generation != self._hub.generation:
                generation, created = self._hub.generation, self._hub.created
                stored = position()
                after = stored.sequence if stored and stored.created == created else 0
            stream = self._hub.streams.get(lane, [])
            deliveries = tuple(
                Delivery(lane, number, data)
                for number, (places, data) in enumerate(stream, 1)
                if number > after and self._place in places
            )
            if deliveries:
                after = deliveries[-1].stream_sequence
                yield Batch(created, deliveries)
            else:
                await self._hub.changed()

    async def acknowledge(self, lane: str, stream_sequence: int) -> None:
        key = (lane, self._node)
        self._hub.acknowledged[key] = max(self._hub.acknowledged.get(key, 0), stream_sequence)

    async def close(self) -> None:
        self._closed = True
        self._hub.ring()
