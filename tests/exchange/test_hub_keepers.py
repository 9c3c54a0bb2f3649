"""Who looks after servers, streams and consumers goes on, whatever happens to it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ringwall.core import Unavailable
from ringwall.exchange import nats_process
from ringwall.exchange.hub_accounts import STREAM_LANES
from ringwall.exchange.hub_link import NatsTransport
from ringwall.exchange.hub_streams import stream_configuration, stream_name
from ringwall.exchange.nats_process import NatsProcess
from ringwall.processes import child
from tests.exchange.hub_world import NODES, World, insist, running_world, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(tmp_path) as world:
        yield world


async def test_a_full_disk_does_not_end_the_keeper(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = NatsProcess(tmp_path, "leaf", {"listen": f"127.0.0.1:{free_port}"}, free_port)
    await process.start()
    write, failures = child.write_private, []

    def fail_twice(path: Path, text: str) -> None:
        if len(failures) < 2:
            failures.append(process.pid)
            raise OSError(28, "No space left on device")
        write(path, text)

    monkeypatch.setattr(child, "write_private", fail_twice)
    for _ in range(3):
        pid = process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda pid=pid: process.pid not in {None, pid})  # type: ignore[misc]
    assert len(failures) == 2
    await until(lambda: (tmp_path / "leaf.pid").read_text() == f"{process.pid}\n")
    await process.stop()


async def test_a_server_that_cannot_be_launched_is_tried_again(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = NatsProcess(tmp_path, "leaf", {"listen": f"127.0.0.1:{free_port}"}, free_port)
    await process.start()
    program, failures = nats_process.nats_server_program(), []

    def fail_twice() -> str:
        if len(failures) < 2:
            failures.append(1)
            raise OSError(24, "Too many open files")
        return program

    monkeypatch.setattr(nats_process, "nats_server_program", fail_twice)
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: process.pid not in {None, pid})
    await process.stop()


async def test_a_start_that_fails_leaves_no_server(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = NatsProcess(tmp_path, "leaf", {"listen": f"127.0.0.1:{free_port}"}, free_port)
    write = child.write_private

    def fail(path: Path, text: str) -> None:
        if path.suffix == ".pid":
            raise OSError(28, "No space left on device")
        write(path, text)

    monkeypatch.setattr(child, "write_private", fail)
    with pytest.raises(OSError, match="No space"):
        await process.start()
    assert process.pid is None


async def test_no_error_ends_the_steward(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    steward = world.hub._steward
    seats, failures = steward._seats, []

    def fail_once() -> dict[str, int]:
        if not failures:
            failures.append(1)
            raise RuntimeError("not thought of")
        failures.append(1)
        return seats()

    monkeypatch.setattr(steward, "_seats", fail_once)
    await until(lambda: len(failures) > 1)


async def test_a_restart_while_the_steward_looks_is_not_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    steward = world.hub._steward
    consumers, seen = steward._consumers, []

    async def restarted_meanwhile(lane: str) -> set[str]:
        present = await consumers(lane)
        seen.append(lane)
        if len(seen) == len(STREAM_LANES):
            await steward._forget()
        return present

    monkeypatch.setattr(steward, "_consumers", restarted_meanwhile)
    steward._known = {}
    await steward.tend_once()
    assert steward._known == {}
    await steward.tend_once()
    assert steward._known.keys() == set(NODES)


async def fill(transport: NatsTransport, lane: str) -> str:
    """Publish until the hub refuses; return the message id that it refused."""
    for number in range(100):
        try:
            await transport.publish(lane, [2], bytes(200_000), f"flood-{number}")
        except Unavailable:
            return f"flood-{number}"
    raise AssertionError("the hub took everything")


async def widen(world: World, lane: str, max_bytes: int) -> None:
    steward = world.hub._steward
    wanted: dict[str, Any] = stream_configuration("hub1", lane, steward._limits)
    call = f"STREAM.UPDATE.{stream_name(lane)}"
    await steward._demand(call, {**wanted, "max_bytes": max_bytes})


async def test_a_full_lane_refuses_and_loses_nothing(world: World) -> None:
    await widen(world, "FLASH", 2_000_000)
    transport, reader = await world.transport("aaa-1"), await world.transport("bbb-1")
    await insist(lambda: transport.publish("FLASH", [2], b"first", "id-first"))
    refused = await fill(transport, "FLASH")
    with pytest.raises(
        Unavailable, match="maximum bytes"
    ):  # not taken for one that the hub has already
        await transport.publish("FLASH", [2], bytes(200_000), refused)
    await widen(world, "FLASH", 4_000_000)
    await transport.publish("FLASH", [2], bytes(200_000), refused)
    async with asyncio.timeout(8):
        async for batch in reader.batches("FLASH", lambda: None):
            assert batch.deliveries[0].data == b"first"
            break
    for each in (transport, reader):
        await each.close()


async def test_a_stream_that_dropped_the_oldest_is_changed(world: World) -> None:
    steward = world.hub._steward
    wanted: dict[str, Any] = stream_configuration("hub1", "FLASH", steward._limits)
    await steward._demand("STREAM.UPDATE.REL_FLASH", {**wanted, "discard": "old"})
    await steward._ensure_stream("FLASH")
    info = await steward._demand("STREAM.INFO.REL_FLASH", {})
    assert info["config"]["discard"] == "new"
