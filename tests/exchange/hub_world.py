"""A real hub and real leaves for tests, founded as operators do it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from nats.aio.client import Client

from ringwall.core import SystemClock
from ringwall.core.settings import Files, HubSettings, NodeSettings
from ringwall.enrolment import (
    Introduction,
    admit,
    create_holder,
    create_hub,
    create_node,
    enrol,
    issue_registry,
    leaf_remote,
)
from ringwall.exchange.hub import Hub
from ringwall.exchange.hub_link import NatsTransport
from ringwall.exchange.leaf import Leaf
from ringwall.exchange.transport import Batch, StreamPosition
from ringwall.trust import HolderKeys

ALLIANCE = """\
alliance: {id: ring, name: Ring, kind: exercise}
members:
  aaa: {name: Aaa, kind: nation, nodes: {aaa-1: {place: 1}}}
  bbb: {name: Bbb, kind: nation, nodes: {bbb-1: {place: 2}}}
  ccc: {name: Ccc, kind: nation, nodes: {ccc-1: {place: 3}}}
"""
NODES = ("aaa-1", "bbb-1", "ccc-1")


class World:
    """One hub and the leaves of its nodes, with their settings."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        now = SystemClock().now()
        self.hub_directory = directory / "hub"
        self.hub_settings: HubSettings = create_hub(self.hub_directory, ALLIANCE, "hub1", now=now)
        create_holder(directory / "holder", "holder-1")
        holder = HolderKeys.load(directory / "holder" / "holder-keys.json")
        self.introductions: dict[str, Introduction] = {
            node: create_node(directory / node, ALLIANCE, node) for node in NODES
        }
        registry = issue_registry(
            ALLIANCE, [*self.introductions.values()], {"holder-1": holder}, threshold=1, issued=now
        )
        self.settings: dict[str, NodeSettings] = {}
        for node, introduction in self.introductions.items():
            admission = admit(self.hub_directory, introduction, now=now)
            self.settings[node] = enrol(directory / node, [registry], admission)
        self.hub = Hub(self.hub_settings, self.hub_directory)
        self.leaves = {node: self.leaf(node) for node in NODES}

    def leaf(self, node: str) -> Leaf:
        files, settings = Files(self.directory / node), self.settings[node]
        remote = leaf_remote(files, settings)
        return Leaf(node, files.directory / "run", settings.leaf_port, remote)

    async def transport(self, node: str) -> NatsTransport:
        transport = NatsTransport("hub1", node)
        await transport.connect(self.leaves[node].url)
        return transport

    async def client(self, node: str, errors: list[str] | None = None) -> Client:
        """Connect a bare client to a node's leaf, as whoever has taken over that node would."""

        async def note(error: Exception) -> None:
            if errors is not None:
                errors.append(str(error))

        client = Client()
        await client.connect(
            self.leaves[node].url, inbox_prefix=f"_I.{node}", error_cb=note, connect_timeout=2
        )
        return client


@asynccontextmanager
async def running_world(directory: Path) -> AsyncIterator[World]:
    world = World(directory)
    await world.hub.start()
    try:
        for leaf in world.leaves.values():
            await leaf.start()
        yield world
    finally:
        for leaf in world.leaves.values():
            await leaf.stop()
        await world.hub.stop()


class Database:
    """What a node has committed: the position and the data, changed together."""

    def __init__(self) -> None:
        self.position: StreamPosition | None = None
        self.data: list[bytes] = []

    def commit(self, batch: Batch) -> None:
        self.data += [delivery.data for delivery in batch.deliveries]
        self.position = StreamPosition(batch.created, batch.deliveries[-1].stream_sequence)


async def until(condition: Callable[[], bool], seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(0.01)


async def insist(step: Callable[[], Awaitable[None]], seconds: float = 10.0) -> None:
    """Repeat ``step`` while the hub is away."""
    from ringwall.core import Unavailable

    async with asyncio.timeout(seconds):
        while True:
            with suppress(Unavailable):
                await step()
                return
            await asyncio.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
