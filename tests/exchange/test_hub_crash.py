"""kill -9 of the hub or a leaf in the middle of traffic: nothing confirmed is lost."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ringwall.core import Unavailable
from ringwall.exchange.hub_link import NatsTransport
from ringwall.exchange.nats_process import NatsProcess
from tests.exchange.hub_world import Database, World, alive, running_world, until

pytestmark = pytest.mark.anyio

Victim = Callable[[World], int | None]
VICTIMS: dict[str, Victim] = {
    "hub": lambda world: world.hub.pid,
    "sender's leaf": lambda world: world.leaves["aaa-1"].pid,
    "receiver's leaf": lambda world: world.leaves["bbb-1"].pid,
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(tmp_path) as world:
        yield world


async def take_in(transport: NatsTransport, database: Database) -> None:
    async for batch in transport.batches("IMMEDIATE", lambda: database.position):
        database.commit(batch)
        await transport.acknowledge("IMMEDIATE", batch.deliveries[-1].stream_sequence)


@pytest.mark.parametrize("victim", VICTIMS)
async def test_nothing_confirmed_is_lost(world: World, victim: str) -> None:
    sender, receiver = await world.transport("aaa-1"), await world.transport("bbb-1")
    database, confirmed = Database(), []
    reading = asyncio.create_task(take_in(receiver, database))
    for number in range(60):
        data = b"%d" % number
        if number == 20:
            pid = VICTIMS[victim](world)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        try:
            await sender.publish("IMMEDIATE", [2], data, f"id-{number}")
        except Unavailable:
            await asyncio.sleep(0.1)
            continue
        confirmed.append(data)
    assert len(confirmed) > 20
    await until(lambda: set(confirmed) <= set(database.data), 12)
    assert VICTIMS[victim](world) != pid
    unique = list(dict.fromkeys(database.data))
    assert unique == sorted(unique, key=int)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await sender.close()
    await receiver.close()


STARTER = """
import asyncio, sys
from pathlib import Path
from ringwall.exchange.nats_process import NatsProcess

async def main() -> None:
    port = int(sys.argv[2])
    process = NatsProcess(Path(sys.argv[1]), "leaf", {"listen": f"127.0.0.1:{port}"}, port)
    await process.start()
    print(process.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_killed_node_takes_its_server_along(tmp_path: Path, free_port: int) -> None:
    node = subprocess.Popen(  # noqa: ASYNC220 - it is killed, not talked to
        [sys.executable, "-c", STARTER, str(tmp_path), str(free_port)], stdout=subprocess.PIPE
    )
    assert node.stdout is not None
    with node.stdout:
        pid = int(node.stdout.readline())
    assert alive(pid)
    node.kill()
    node.wait()
    await until(lambda: not alive(pid), 3)


async def test_an_orphan_is_ended_at_the_next_start(tmp_path: Path, free_port: int) -> None:
    configuration = {"listen": f"127.0.0.1:{free_port}"}
    first = NatsProcess(tmp_path, "leaf", configuration, free_port)
    await first.start()
    orphan = first.pid
    assert orphan is not None
    assert first._keeper is not None
    first._keeper.cancel()  # nobody looks after it any more, as after the death of its node
    second = NatsProcess(tmp_path, "leaf", configuration, free_port)
    await second.start()
    assert not alive(orphan)
    assert second.pid not in {None, orphan}
    await second.stop()
    await first.stop()


async def test_a_pid_that_was_used_again_is_left_alone(tmp_path: Path, free_port: int) -> None:
    with subprocess.Popen(["sleep", "60"]) as innocent:  # noqa: ASYNC220 - it only sleeps
        (tmp_path / "leaf.pid").write_text(f"{innocent.pid}\n")
        process = NatsProcess(tmp_path, "leaf", {"listen": f"127.0.0.1:{free_port}"}, free_port)
        await process.start()
        assert innocent.poll() is None
        await process.stop()
        innocent.kill()


async def test_a_server_that_cannot_start_says_why(tmp_path: Path, free_port: int) -> None:
    process = NatsProcess(tmp_path, "leaf", {"listen": "nonsense:x"}, free_port)
    with pytest.raises(Unavailable, match="could not parse port"):
        await process.start()
    assert process.pid is None
