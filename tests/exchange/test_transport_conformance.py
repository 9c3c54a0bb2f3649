"""One suite over the hub in memory and the real nats-server: what both must do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from ringwall.core import LANES
from ringwall.exchange.transport import CONTROL, StreamPosition, Transport
from tests.exchange.hub_world import NODES, Database, insist, running_world, until
from tests.exchange.memory_hub import MemoryHub

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "nats"])
async def nodes(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[dict[str, Transport]]:
    if request.param == "memory":
        hub = MemoryHub()
        yield {node: hub.transport(node, place) for place, node in enumerate(NODES, 1)}
        return
    async with running_world(tmp_path) as world:
        transports: dict[str, Transport] = {node: await world.transport(node) for node in NODES}
        yield transports
        for transport in transports.values():
            await transport.close()


async def collect(
    transport: Transport,
    lane: str,
    position: Callable[[], StreamPosition | None],
    count: int,
) -> list[tuple[str, int, bytes]]:
    """Read ``count`` deliveries without committing any."""
    got: list[tuple[str, int, bytes]] = []
    async with asyncio.timeout(8), aclosing(transport.batches(lane, position)) as batches:
        async for batch in batches:
            got += [(batch.created, d.stream_sequence, d.data) for d in batch.deliveries]
            assert all(delivery.lane == lane for delivery in batch.deliveries)
            if len(got) >= count:
                return got
    raise AssertionError("the batches ended")


async def publish(transport: Transport, lane: str, places: list[int], data: bytes) -> None:
    await insist(lambda: transport.publish(lane, places, data, data.hex()))


async def test_every_lane_carries_in_order_to_the_addressed_only(
    nodes: dict[str, Transport],
) -> None:
    for lane in (*LANES, CONTROL):
        for number in range(5):
            await publish(nodes["aaa-1"], lane, [2, 3], b"%d" % number)
        await publish(nodes["aaa-1"], lane, [3], b"for ccc")
        await publish(nodes["aaa-1"], lane, [2], b"last")
        got = await collect(nodes["bbb-1"], lane, lambda: None, 6)
        assert [data for _, _, data in got] == [b"0", b"1", b"2", b"3", b"4", b"last"]
        numbers = [number for _, number, _ in got]
        assert numbers == sorted(set(numbers))


async def test_the_same_message_id_is_stored_once(nodes: dict[str, Transport]) -> None:
    for _ in range(3):
        await insist(lambda: nodes["aaa-1"].publish("FLASH", [2], b"once", "secret-id"))
    await publish(nodes["aaa-1"], "FLASH", [2], b"end")
    got = await collect(nodes["bbb-1"], "FLASH", lambda: None, 2)
    assert [data for _, _, data in got] == [b"once", b"end"]


async def test_what_was_not_committed_comes_again(nodes: dict[str, Transport]) -> None:
    for number in range(4):
        await publish(nodes["aaa-1"], "ROUTINE", [2], b"%d" % number)
    first = await collect(nodes["bbb-1"], "ROUTINE", lambda: None, 4)
    again = await collect(nodes["bbb-1"], "ROUTINE", lambda: None, 4)
    assert again == first
    committed = StreamPosition(first[1][0], first[1][1])
    rest = await collect(nodes["bbb-1"], "ROUTINE", lambda: committed, 2)
    assert rest == first[2:]


async def test_a_position_of_another_consumer_reads_from_the_start(
    nodes: dict[str, Transport],
) -> None:
    for number in range(3):
        await publish(nodes["aaa-1"], "FLASH", [2], b"%d" % number)
    stale = StreamPosition("2020-01-01T00:00:00Z", 2)
    got = await collect(nodes["bbb-1"], "FLASH", lambda: stale, 3)
    assert [data for _, _, data in got] == [b"0", b"1", b"2"]


async def test_a_node_restored_from_an_old_backup_rewinds(nodes: dict[str, Transport]) -> None:
    database = Database()
    for number in range(6):
        await publish(nodes["aaa-1"], "FLASH", [2], b"%d" % number)
    got = await collect(nodes["bbb-1"], "FLASH", lambda: None, 6)
    await nodes["bbb-1"].acknowledge("FLASH", got[-1][1])
    database.position = StreamPosition(got[2][0], got[2][1])
    again = await collect(nodes["bbb-1"], "FLASH", lambda: database.position, 3)
    assert again == got[3:]


async def test_closing_ends_the_iterators_and_publishing(nodes: dict[str, Transport]) -> None:
    async def read() -> None:
        async for _ in nodes["bbb-1"].batches("FLASH", lambda: None):
            pass

    reader = asyncio.create_task(read())
    await asyncio.sleep(0.2)
    await nodes["bbb-1"].close()
    await asyncio.wait_for(reader, 5)
    assert not nodes["bbb-1"].connected


async def test_connected_once_the_hub_answered(nodes: dict[str, Transport]) -> None:
    await publish(nodes["aaa-1"], "FLASH", [2], b"x")
    await until(lambda: nodes["aaa-1"].connected)
