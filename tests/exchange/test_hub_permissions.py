"""What a node that turned bad may do at the hub: nothing that is another's."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import nats.errors
import pytest
from nats.aio.client import Client

from ringwall.core import TooLarge, Unavailable
from ringwall.exchange.hub import MAX_PAYLOAD
from ringwall.exchange.hub_accounts import STREAM_LANES
from tests.exchange.hub_world import Database, World, insist, running_world, until

pytestmark = pytest.mark.anyio

REFUSED_CALLS = (
    "$JS.hub1.API.INFO",
    "$JS.hub1.API.STREAM.NAMES",
    "$JS.hub1.API.STREAM.LIST",
    "$JS.hub1.API.STREAM.INFO.REL_FLASH",
    "$JS.hub1.API.STREAM.CREATE.MINE",
    "$JS.hub1.API.STREAM.UPDATE.REL_FLASH",
    "$JS.hub1.API.STREAM.DELETE.REL_FLASH",
    "$JS.hub1.API.STREAM.PURGE.REL_FLASH",
    "$JS.hub1.API.STREAM.MSG.GET.REL_FLASH",
    "$JS.hub1.API.STREAM.MSG.DELETE.REL_FLASH",
    "$JS.hub1.API.STREAM.SNAPSHOT.REL_FLASH",
    "$JS.hub1.API.STREAM.RESTORE.REL_FLASH",  # CVE-2026-33222
    "$JS.hub1.API.DIRECT.GET.REL_FLASH",
    "$JS.hub1.API.CONSUMER.NAMES.REL_FLASH",
    "$JS.hub1.API.CONSUMER.INFO.REL_FLASH.bbb-1",
    "$JS.hub1.API.CONSUMER.CREATE.REL_FLASH.spy",
    "$JS.hub1.API.CONSUMER.DURABLE.CREATE.REL_FLASH.ccc-1",
    "$JS.hub1.API.CONSUMER.DELETE.REL_FLASH.bbb-1",
    "$JS.hub1.API.CONSUMER.PAUSE.REL_FLASH.bbb-1",
    "$JS.hub1.API.CONSUMER.MSG.NEXT.REL_FLASH.bbb-1",
    "$JS.hub1.API.CONSUMER.RESET.REL_FLASH.bbb-1",
    "$JS.API.CONSUMER.RESET.REL_FLASH.bbb-1",
    "$JS.API.STREAM.NAMES",
    "$JS.API.ACCOUNT.PURGE.ring",  # CVE-2025-30215
    "$JS.API.SERVER.REMOVE",
    "$SYS.REQ.SERVER.PING",
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(tmp_path) as world:
        yield world


async def refused(client: Client, subject: str, data: bytes = b"{}") -> None:
    with pytest.raises((nats.errors.TimeoutError, nats.errors.NoRespondersError)):
        await client.request(subject, data, timeout=0.15)


async def consumer(world: World, node: str, lane: str = "FLASH") -> dict[str, object]:
    steward = world.hub._steward
    return await steward._demand(f"CONSUMER.INFO.REL_{lane}.{node}", {})


async def test_only_its_own_calls_reach_the_hub(world: World) -> None:
    client = await world.client("ccc-1")
    allowed = "$JS.hub1.API.CONSUMER.RESET.REL_FLASH.ccc-1"
    answer = b""

    async def ask() -> None:
        nonlocal answer
        try:
            answer = (await client.request(allowed, b'{"seq": 1}', timeout=1)).data
        except nats.errors.Error as error:
            raise Unavailable(str(error)) from error

    await insist(ask)  # the line is up, so what fails now was refused
    assert b'"name":"ccc-1"' in answer
    for call in REFUSED_CALLS:
        await refused(client, call)
    await client.close()


async def test_nobody_publishes_as_another_origin(world: World) -> None:
    honest, reader = await world.transport("aaa-1"), await world.transport("bbb-1")
    await insist(lambda: honest.publish("FLASH", [2], b"mine", "id-1"))
    client = await world.client("ccc-1")
    for lane in STREAM_LANES:
        await refused(client, f"hub1.rel.aaa-1.{lane}.0.1.e", b"forged")
    await refused(client, "hub1.rel.ccc-1x.FLASH.0.1.e", b"forged")
    await honest.publish("FLASH", [2], b"end", "id-2")
    got: list[bytes] = []
    async for batch in reader.batches("FLASH", lambda: None):
        got += [delivery.data for delivery in batch.deliveries]
        if b"end" in got:
            break
    assert got == [b"mine", b"end"]
    await client.close()
    await honest.close()
    await reader.close()


async def test_nobody_hears_what_is_anothers(world: World) -> None:
    honest, reader = await world.transport("aaa-1"), await world.transport("bbb-1")
    spy = await world.client("ccc-1")
    heard: list[str] = []

    async def hear(message: object) -> None:
        heard.append(message.subject)  # type: ignore[attr-defined]

    for subject in (">", "hub1.rel.>", "_I.bbb-1.>", "_I.*.>", "$JS.>", "$JS.ACK.>", "*.rel.*.>"):
        await spy.subscribe(subject, cb=hear)
    await spy.flush()
    database = Database()
    await insist(lambda: honest.publish("FLASH", [2], b"secret", "id-1"))
    async for batch in reader.batches("FLASH", lambda: database.position):
        database.commit(batch)
        await reader.acknowledge("FLASH", batch.deliveries[-1].stream_sequence)
        break
    await asyncio.sleep(0.3)
    assert database.data == [b"secret"]
    assert [subject for subject in heard if not subject.startswith("$SYS")] == []
    for client in (spy, honest, reader):
        await client.close()


async def test_a_forged_acknowledgement_changes_nothing(world: World) -> None:
    honest = await world.transport("aaa-1")
    await insist(lambda: honest.publish("FLASH", [2], b"one", "id-1"))
    reader = await world.transport("bbb-1")
    sequence = 0
    async for batch in reader.batches("FLASH", lambda: None):
        sequence = batch.deliveries[-1].stream_sequence
        break
    forger = await world.client("ccc-1")
    session_acks = f"$JS.ACK.REL_FLASH.bbb-1.1.{sequence}.1.1.0"
    await forger.publish(session_acks, b"+ACK")
    await forger.flush()
    await asyncio.sleep(0.3)
    state = await consumer(world, "bbb-1")
    assert state["num_ack_pending"] == 1
    assert state["ack_floor"]["stream_seq"] == 0  # type: ignore[index]
    for client in (forger, honest, reader):
        await client.close()


async def test_a_pull_redirected_into_another_inbox_is_ignored(world: World) -> None:
    honest, reader = await world.transport("aaa-1"), await world.transport("bbb-1")
    got: list[bytes] = []

    async def read() -> None:
        async for batch in reader.batches("FLASH", lambda: None):
            got.extend(delivery.data for delivery in batch.deliveries)

    task = asyncio.create_task(read())
    await insist(lambda: honest.publish("FLASH", [3], b"for ccc", "id-1"))
    await insist(lambda: honest.publish("FLASH", [2], b"first", "id-2"))
    await until(lambda: got == [b"first"])
    session = reader._lanes["FLASH"]._session
    assert session is not None
    client = await world.client("ccc-1")
    await client.publish(
        "$JS.hub1.API.CONSUMER.MSG.NEXT.REL_FLASH.ccc-1", b'{"batch": 1}', reply=session.inbox
    )
    await until(lambda: session.foreign == 1)
    await honest.publish("FLASH", [2], b"second", "id-3")
    await until(lambda: got == [b"first", b"second"])
    assert (await consumer(world, "ccc-1"))["num_ack_pending"] == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for each in (client, honest, reader):
        await each.close()


async def test_a_message_over_the_limit_is_the_callers_fault(world: World) -> None:
    transport = await world.transport("aaa-1")
    await insist(lambda: transport.publish("BULK", [2], b"x" * (MAX_PAYLOAD - 4096), "id-1"))
    with pytest.raises(TooLarge):
        await transport.publish("BULK", [2], b"x" * (MAX_PAYLOAD + 1), "id-2")
    reader = await world.transport("bbb-1")  # far over what a bulk pull asks for at once
    async for batch in reader.batches("BULK", lambda: None):
        assert len(batch.deliveries[0].data) == MAX_PAYLOAD - 4096
        break
    await transport.close()
    await reader.close()


async def test_the_leaf_takes_no_stranger_of_this_machine(world: World) -> None:
    port = world.settings["aaa-1"].leaf_port
    for url in (f"nats://127.0.0.1:{port}", f"nats://node:guess@127.0.0.1:{port}"):
        client = Client()
        with pytest.raises(nats.errors.Error):
            await client.connect(url, allow_reconnect=False, connect_timeout=2)
        await client.close()
