"""The baseline of the exchange: the same messages through one bare nats-server, and no more."""

import asyncio
import socket
import tempfile
import time
from pathlib import Path

import nats
from nats.js.api import ConsumerConfig, RetentionPolicy, StreamConfig

from ringwall.exchange.nats_process import nats_server_program

BODY = b"x" * 6000
"""About the size of a sealed envelope of one indicator for four recipients."""


async def bare_latencies(rate: int, seconds: int, *, consumers: int) -> list[float]:
    """Return the milliseconds from publishing to arrival, for every consumer."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        configuration = Path(folder) / "nats.conf"
        configuration.write_text(
            f'listen: "127.0.0.1:{port}"\n'
            f'jetstream {{ store_dir: "{folder}/streams", sync_interval: always }}\n'
        )
        server = await asyncio.create_subprocess_exec(
            nats_server_program(),
            "-c",
            str(configuration),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            return await _measure(f"nats://127.0.0.1:{port}", rate, seconds, consumers)
        finally:
            server.terminate()
            await server.wait()


async def _measure(url: str, rate: int, seconds: int, consumers: int) -> list[float]:
    client = await _connect(url)
    stream = client.jetstream()
    await stream.add_stream(
        StreamConfig(name="bare", subjects=["bare"], retention=RetentionPolicy.LIMITS)
    )
    sent: dict[int, float] = {}
    arrived: list[tuple[int, float]] = []
    total = rate * seconds
    tasks = [
        asyncio.create_task(_consume(url, f"c{number}", total, arrived))
        for number in range(consumers)
    ]
    await asyncio.sleep(0.5)
    start = time.perf_counter()
    for number in range(total):
        await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
        started = time.perf_counter()
        acknowledged = await stream.publish("bare", BODY)
        sent[acknowledged.seq] = started
    await asyncio.gather(*tasks)
    await client.close()
    return [(moment - sent[number]) * 1e3 for number, moment in arrived]


async def _consume(url: str, name: str, total: int, arrived: list[tuple[int, float]]) -> None:
    client = await _connect(url)
    pull = await client.jetstream().pull_subscribe("bare", name, config=ConsumerConfig())
    count = 0
    while count < total:
        for message in await pull.fetch(1, timeout=10):
            arrived.append((message.metadata.sequence.stream, time.perf_counter()))
            await message.ack()
            count += 1
    await client.close()


async def _connect(url: str) -> nats.NATS:
    for _ in range(100):
        try:
            return await nats.connect(
                url, max_reconnect_attempts=1, connect_timeout=1, error_cb=_ignore
            )
        except (OSError, nats.errors.Error):
            await asyncio.sleep(0.05)
    raise RuntimeError("the bare nats-server did not start")


async def _ignore(error: Exception) -> None:
    """The server is still starting: the next attempt tells."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
