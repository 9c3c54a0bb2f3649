"""A node ends when it is told to, whatever its hub and its leaf do meanwhile."""

import asyncio
import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from ringwall.demo import AllianceProcesses
from ringwall.exchange import nats_client
from ringwall.exchange.hub_link import NatsTransport
from ringwall.exchange.nats_client import LineClient
from tests.exchange.test_hub_hostile import hostile_line, read


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=1, trust_env=False).status_code in {200, 503}
    except httpx.TransportError:
        return False


def test_a_node_without_its_hub_ends_when_told(tmp_path: Path) -> None:
    processes = AllianceProcesses.found(tmp_path / "alliance")
    node = processes.nodes[0]
    processes.spawn(node)
    try:
        deadline = time.monotonic() + 15
        while not answers(processes.url(node)):
            assert time.monotonic() < deadline, processes.log_tail(node)
            time.sleep(0.05)
        time.sleep(0.5)
        leaf = int((processes.founded.directory_of(node) / "hub" / "leaf.pid").read_text())
        os.kill(leaf, signal.SIGSTOP)  # a leaf that does not react either
        told = time.monotonic()
        processes._processes[node].send_signal(signal.SIGTERM)
        assert processes._processes[node].wait(20) == 0
        assert time.monotonic() - told < 8
    finally:
        processes.stop()


@pytest.mark.anyio
async def test_closing_a_line_that_was_never_opened_is_nothing() -> None:
    await NatsTransport("hub1", "aaa-1").close()


@pytest.mark.anyio
async def test_a_connection_that_does_not_close_is_left(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = LineClient.close

    async def hang(client: LineClient) -> None:
        await asyncio.sleep(30)

    monkeypatch.setattr(nats_client, "CLOSE_SECONDS", 0.1)
    async with hostile_line(tmp_path, free_port) as (_, transport):
        monkeypatch.setattr(LineClient, "close", hang)
        async with asyncio.timeout(2):
            await transport.close()
        monkeypatch.setattr(LineClient, "close", close)


@pytest.mark.anyio
async def test_a_swallowed_cancellation_still_ends_the_reading(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nats-py swallows it when it strikes while it waits for its own buffer."""
    swallowed = asyncio.Event()

    async def swallow(client: LineClient, force_flush: bool = False) -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            swallowed.set()

    async with hostile_line(tmp_path, free_port) as (_, transport):
        with monkeypatch.context() as patch:
            patch.setattr(LineClient, "_flush_pending", swallow)
            reading = asyncio.create_task(read(transport))
            await asyncio.sleep(0.2)
            reading.cancel()
            await asyncio.wait({reading}, timeout=3)
        assert swallowed.is_set()
        assert reading.cancelled()
