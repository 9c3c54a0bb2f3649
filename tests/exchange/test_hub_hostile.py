"""What a hub, or a member through it, may answer and send: nothing of it ends a node."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from ringwall.core import Unavailable
from ringwall.exchange import hub_link
from ringwall.exchange.hub_link import NatsTransport
from ringwall.exchange.nats_process import NatsProcess
from tests.exchange.hub_world import Database, insist, running_world, until

pytestmark = pytest.mark.anyio

GOOD = b'{"created":"2026-01-01T00:00:00Z","delivered":{"consumer_seq":0,"stream_seq":0}}'
HOSTILE_STATES = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b'{"error":"x"}',
    b'{"error":{"description":7}}',
    b'{"created":"x","delivered":[]}',
    b'{"created":"x","delivered":{"consumer_seq":"1"}}',
    b'{"created":"x","delivered":{"consumer_seq":-1}}',
    b'{"created":"x","delivered":{"consumer_seq":1180591620717411303424}}',
    b'{"created":["x"],"delivered":{"consumer_seq":0}}',
    b'{"created":"\\u0000","delivered":{"consumer_seq":0}}',
    b'{"created":"%s","delivered":{"consumer_seq":0}}' % (b"9" * 1000),
)
HOSTILE_CONFIRMATIONS = (
    *HOSTILE_STATES,
    b'{"stream":"REL_FLASH","domain":"hub1","seq":0}',
    b'{"stream":"REL_FLASH","domain":"hub1","seq":true}',
    b'{"stream":"REL_FLASH","domain":"hub2","seq":5}',
    b'{"stream":"REL_BULK","domain":"hub1","seq":5}',
    b'{"stream":"REL_FLASH","domain":"hub1","seq":5,"error":{"description":"full"}}',
)


class HostileHub:
    """Answers resets and messages with what it is told, on a server that obeys everybody."""

    def __init__(self) -> None:
        self.resets = 0
        self.pulls = 0
        self.states: list[bytes] = []
        self.confirmations: list[bytes] = []
        self.client = Client()

    async def open(self, url: str) -> None:
        await self.client.connect(url)
        await self.client.subscribe("$JS.hub1.API.CONSUMER.RESET.>", cb=self._reset)
        await self.client.subscribe("$JS.hub1.API.CONSUMER.MSG.NEXT.>", cb=self._pull)
        await self.client.subscribe("hub1.rel.>", cb=self._confirm)
        await self.client.flush()

    async def _reset(self, message: Msg) -> None:
        self.resets += 1
        await message.respond(self.states.pop(0) if self.states else GOOD)

    async def _pull(self, message: Msg) -> None:
        self.pulls += 1

    async def _confirm(self, message: Msg) -> None:
        await message.respond(self.confirmations.pop(0))


@asynccontextmanager
async def hostile_line(
    directory: Path, port: int
) -> AsyncIterator[tuple[HostileHub, NatsTransport]]:
    process = NatsProcess(directory, "leaf", {"listen": f"127.0.0.1:{port}"}, port)
    await process.start()
    url = f"nats://127.0.0.1:{port}"
    hub, transport = HostileHub(), NatsTransport("hub1", "bbb-1")
    await hub.open(url)
    await transport.connect(url)
    try:
        yield hub, transport
    finally:
        await transport.close()
        await hub.client.close()
        await process.stop()


async def read(transport: NatsTransport) -> None:
    async for _ in transport.batches("FLASH", lambda: None):
        pass


async def test_no_state_of_a_consumer_ends_the_reading(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_link, "BACKOFF_LAST", 0.01)
    async with hostile_line(tmp_path, free_port) as (hub, transport):
        hub.states = list(HOSTILE_STATES)
        reading = asyncio.create_task(read(transport))
        await until(lambda: hub.pulls == 1 or reading.done())
        assert not reading.done()
        assert hub.resets == len(HOSTILE_STATES) + 1


async def test_no_confirmation_but_the_right_one_counts(tmp_path: Path, free_port: int) -> None:
    async with hostile_line(tmp_path, free_port) as (hub, transport):
        hub.confirmations = list(HOSTILE_CONFIRMATIONS)
        for _ in HOSTILE_CONFIRMATIONS:
            with pytest.raises(Unavailable):
                await transport.publish("FLASH", [1], b"x", "id")
        hub.confirmations = [b'{"stream":"REL_FLASH","domain":"hub1","seq":5}']
        await transport.publish("FLASH", [1], b"x", "id")


async def test_an_error_that_nobody_thought_of_is_a_doubt_and_logged(
    tmp_path: Path,
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    begin = hub_link._Lane.begin
    raised: list[RuntimeError] = []

    async def fail_once(lane: hub_link._Lane, position: None) -> None:
        if not raised:
            raised.append(RuntimeError("not thought of"))
            raise raised[0]
        await begin(lane, position)

    monkeypatch.setattr(hub_link._Lane, "begin", fail_once)
    async with hostile_line(tmp_path, free_port) as (hub, transport):
        reading = asyncio.create_task(read(transport))
        await until(lambda: hub.pulls == 1 or reading.done())
        assert not reading.done()
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == raised


async def test_what_this_node_cannot_read_of_itself_ends_the_reading(
    tmp_path: Path, free_port: int
) -> None:
    def position() -> None:
        raise RuntimeError("the database is damaged")

    async with hostile_line(tmp_path, free_port) as (_, transport):
        with pytest.raises(RuntimeError, match="damaged"):
            async for _ in transport.batches("FLASH", position):
                pass


async def test_headers_and_subjects_of_a_hostile_member_stop_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with running_world(tmp_path) as world:
        sender, receiver = await world.transport("aaa-1"), await world.transport("bbb-1")
        await insist(lambda: sender.publish("FLASH", [2], b"first", "id-1"))
        bare = await world.client("aaa-1")
        subject = b"hub1.rel.aaa-1.FLASH.0.1.e"
        for headers in (b"N", b"NATS/1.0 \xff\r\nA: b\r\n\r\n"):
            raw = b"HPUB %s %d %d\r\n%sbad\r\n" % (
                *(subject, len(headers), len(headers) + 3),
                headers,
            )
            bare._transport.write(raw)
        bare._transport.write(b"PUB %s.\xff 3\r\nbad\r\n" % subject)
        await bare.flush()
        await insist(lambda: sender.publish("FLASH", [2], b"last", "id-2"))
        database = Database()
        async with (
            asyncio.timeout(8),
            aclosing(receiver.batches("FLASH", lambda: database.position)) as batches,
        ):
            async for batch in batches:
                database.commit(batch)
                if database.data[-1] == b"last":
                    break
        assert database.data == [b"first", b"bad", b"bad", b"bad", b"last"]
        for transport in (sender, receiver):
            await transport.close()
        await bare.close()
