"""The exchange as its users meet it: five real nodes and a hub on this machine.

`exchange.latency.*`: one nation submits 50 statements a second, which all four others may have.
Each one's clock runs from the submit response to the moment at which a reader at another member
holds the whole statement, object included: the reader follows its node's server-sent events.
Signed, sealed, durable at both ends, and the read itself is durable in the audit log before the
event leaves.
Baseline: the same rate through one bare nats-server (file storage, fsync always) to four
consumers: what the transport alone costs, without policy, seal, database, HTTP or audit.
"""

import asyncio
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import msgspec
import uvloop

from benches.bare_nats import bare_latencies
from benches.figure import Figure
from benches.load import Connection, event_stream, indicator
from ringwall.demo.processes import AllianceProcesses

RATE = 50
SECONDS = 20
WARM_UP = 100
ORIGIN = "arden"
SENDERS = 4
LABEL = "TLP:GREEN"
RESTARTS = 5


def run() -> list[Figure]:
    """Found the demonstration alliance in a temporary folder and measure it."""
    with tempfile.TemporaryDirectory() as folder:
        alliance = AllianceProcesses.found(Path(folder) / "alliance")
        with alliance:
            ready = _ready_seconds(alliance)
            time.sleep(3)
            memory = max(_resident_megabytes(alliance.pid(name)) for name in alliance.nodes)
            latencies = uvloop.run(_latencies(alliance))
        bare = uvloop.run(bare_latencies(RATE, SECONDS // 4, consumers=4))
    against = "one bare nats-server, fsync always"
    return [
        Figure("exchange.latency.p50", _at(latencies, 50), "ms", _at(bare, 50), against),
        Figure("exchange.latency.p99", _at(latencies, 99), "ms", _at(bare, 99), against),
        Figure("exchange.deliveries", len(latencies), "deliveries measured"),
        Figure("node.rss", memory, "MB, Python and its nats-server, the largest of five"),
        Figure("node.ready", ready, f"s from start to ready, median of {RESTARTS}"),
    ]


def _at(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _ready_seconds(alliance: AllianceProcesses) -> float:
    """Kill the last node and start it again, while the others idle."""
    name = alliance.nodes[-1]
    taken = []
    for _ in range(RESTARTS):
        alliance.kill(name)
        started = time.perf_counter()
        alliance.restart(name)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def _resident_megabytes(pid: int) -> float:
    """Add up resident memory of a process and its descendants (Linux's /proc), in 10^6 bytes."""
    page = os.sysconf("SC_PAGE_SIZE")
    own = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page / 1e6
    threads = Path(f"/proc/{pid}/task").iterdir()
    children = {child for thread in threads for child in (thread / "children").read_text().split()}
    return own + sum(_resident_megabytes(int(child)) for child in children)


async def _latencies(alliance: AllianceProcesses) -> list[float]:
    """Return the milliseconds of every delivery after the warm-up."""
    members = [member for member in alliance.founded.nodes if member != ORIGIN]
    answered: dict[str, float] = {}
    expected: dict[str, set[str]] = {}
    read: dict[tuple[str, str], float] = {}
    listening = [asyncio.create_task(_read_arrivals(alliance, member, read)) for member in members]
    await asyncio.sleep(1.0)
    senders = [
        await Connection.open(alliance.url(ORIGIN), alliance.founded.token(f"{ORIGIN}-tool"))
        for _ in range(SENDERS)
    ]
    sending: set[asyncio.Task[None]] = set()
    start = time.perf_counter()
    for number in range(RATE * SECONDS):
        await asyncio.sleep(max(0.0, start + number / RATE - time.perf_counter()))
        sender = senders[number % len(senders)]
        task = asyncio.create_task(_submit(sender, answered, expected))
        sending.add(task)
        task.add_done_callback(sending.discard)
    await asyncio.gather(*sending)
    wanted = [(statement, member) for statement, to in expected.items() for member in to]
    for _ in range(150):
        if all(key in read for key in wanted):
            break
        await asyncio.sleep(0.1)
    for task in listening:
        task.cancel()
    missing = [key for key in wanted if key not in read]
    if missing:
        raise RuntimeError(f"{len(missing)} of {len(wanted)} deliveries never came: {missing[:3]}")
    warm = set(list(answered)[:WARM_UP])
    return [(read[key] - answered[key[0]]) * 1e3 for key in wanted if key[0] not in warm]


async def _submit(
    sender: Connection, answered: dict[str, float], expected: dict[str, set[str]]
) -> None:
    status, body = await sender.request(
        "POST", f"/api/v1/submissions?label={LABEL.replace(':', '%3A')}", indicator()
    )
    moment = time.perf_counter()
    if status != 201:
        raise RuntimeError(f"submission answered {status}: {body[:300]!r}")
    submitted = json.loads(body)["submitted"][0]
    answered[submitted["statement"]] = moment
    expected[submitted["statement"]] = {
        to["member"] for to in submitted["recipients"] if to["permit"]
    }


class _Event(msgspec.Struct):
    """What the clock needs of an event; decoding it proves that the object came with it."""

    statement: str
    object: msgspec.Raw


_EVENT = msgspec.json.Decoder(_Event)


async def _read_arrivals(
    alliance: AllianceProcesses, member: str, read: dict[tuple[str, str], float]
) -> None:
    """Follow a member's arrivals; note when each statement was read for the first time."""
    token = alliance.founded.token(f"{member}-analyst")
    async for data in event_stream(alliance.url(member), token):
        read.setdefault((_EVENT.decode(data).statement, member), time.perf_counter())
