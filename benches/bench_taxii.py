"""The TAXII server: taking bundles in and serving pages, beside medallion and OpenTAXII.

The same client, on this machine, posts the same kind of bundles to all three over HTTP; a bundle's
clock stops when another reader has got all its objects. Our node is a node of the demonstration
alliance with its exchange running: every posted object is TLP:AMBER, so it is released, put into
the outbox, sealed for the members that may have it and published to the hub while the next bundle
comes in. Those members' nodes stand on other machines in life, so they are stopped while posts are
timed; `taxii.post.sent` is the rate with all five on this one machine, till every receipt is in.

medallion keeps everything in memory and validates nothing. Its pages of many objects take minutes
(the work is quadratic), so its clock stops when the last object of a bundle can be read by its id,
and its pages are measured at 1,000 stored objects.

RINGWALL_BENCH_STORED: how many objects the full store holds (1,000,000 unless told otherwise).
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import uvloop

from benches import peers
from benches.figure import Figure
from benches.large_body import LARGE_BODY, post_large
from benches.load import TAXII, Connection
from benches.node_process import cpu_seconds, peak_megabytes, step_back, wait_settled
from benches.postgresql import move_database, postgresql
from benches.taxii_labels import LABELS
from benches.taxii_load import LastById, Server, envelope, fresh, p99, pages, post_rate, rate
from ringwall.demo.processes import AllianceProcesses

MEMBER, NODE = "arden", "arden-1"
STORED = 10_000
FULL = int(os.environ.get("RINGWALL_BENCH_STORED", "1000000"))
BUNDLES = 10
PAGES = 20
SMALL_PAGES = 500
_COLLECTIONS = "/taxii2/ringwall/collections"
_ALL = f"{_COLLECTIONS}/all/objects/"
_SUBMIT = f"{_COLLECTIONS}/submit/objects/"


def run() -> list[Figure]:
    """Measure the peers, then ours: with 10,000 stored objects, and with a full store."""
    theirs = _peers()
    with tempfile.TemporaryDirectory() as folder:
        alliance = AllianceProcesses.found(Path(folder) / "alliance")
        with _started(alliance):
            ours = uvloop.run(_with_others(alliance))
        with _by_itself(alliance):
            ours |= uvloop.run(_at_first(alliance))
        _fill(alliance, FULL - STORED)
        with _by_itself(alliance):
            ours |= uvloop.run(_when_full(alliance))
    ours |= _on_postgresql()
    return _figures(ours, theirs)


def _peers() -> dict[str, float]:
    """Measure both peers; what could not be started is missing from the result, and why is said."""
    found: dict[str, float] = {}
    if problem := peers.install():
        print(f"taxii: a peer could not be installed: {problem}", file=sys.stderr)
    stored = [fresh() for _ in range(STORED)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            with peers.opentaxii(folder / "opentaxii", stored) as peer:
                found |= uvloop.run(_opentaxii(peer))
        except peers.PeerMissing as error:
            print(f"taxii: {error}", file=sys.stderr)
        try:
            with peers.medallion(folder / "medallion", stored) as peer:
                found |= uvloop.run(_medallion_posts(peer))
            with peers.medallion(folder / "medallion", stored[:1000]) as peer:
                found |= uvloop.run(_medallion_pages(peer))
        except peers.PeerMissing as error:
            print(f"taxii: {error}", file=sys.stderr)
    return found


def _users(peer: peers.Peer) -> tuple[Connection, Connection]:
    writer = Connection(peer.url, peer.authorization, TAXII)
    return writer, Connection(peer.url, peer.authorization, TAXII)


async def _opentaxii(peer: peers.Peer) -> dict[str, float]:
    server = Server(peer.name, *_users(peer), peer.objects, peer.objects)
    return {
        "opentaxii.get.1000": rate(await pages(server, 1000, 5)),
        "opentaxii.get.100": p99(await pages(server, 100, 20)),
        "opentaxii.post.1000": await post_rate(server, 1000, 2),
        "opentaxii.post.100": await post_rate(server, 100, 4),
    }


async def _medallion_posts(peer: peers.Peer) -> dict[str, float]:
    server = LastById(peer.name, *_users(peer), peer.objects, peer.objects)
    return {
        "medallion.post.1000": await post_rate(server, 1000, 2),
        "medallion.post.100": await post_rate(server, 100, 2),
    }


async def _medallion_pages(peer: peers.Peer) -> dict[str, float]:
    server = Server(peer.name, *_users(peer), peer.objects, peer.objects)
    return {"medallion.get.1000": rate(await pages(server, 1000, 1))}


@contextmanager
def _started(alliance: AllianceProcesses) -> Iterator[None]:
    """Start everything; whoever is not the node under test steps back."""
    with alliance:
        step_back(alliance.pid(name) for name in alliance.names if name != NODE)
        yield


@contextmanager
def _by_itself(alliance: AllianceProcesses) -> Iterator[None]:
    """Start the node under test and the hub only."""
    try:
        for name in (alliance.founded.hub, NODE):
            alliance.spawn(name)
        alliance.wait_ready(NODE)
        step_back([alliance.pid(alliance.founded.hub)])
        yield
    finally:
        alliance.stop()


async def _server(alliance: AllianceProcesses, reader: str = "analyst") -> Server:
    """A tool that posts to our node, and another reader who reads."""
    url, tokens = alliance.url(MEMBER), alliance.founded
    writer = await Connection.open(url, tokens.token(f"{MEMBER}-tool"), TAXII)
    other = await Connection.open(url, tokens.token(f"{MEMBER}-{reader}"), TAXII)
    return Server("ringwall", writer, other, _SUBMIT, _ALL)


async def _with_others(alliance: AllianceProcesses) -> dict[str, float]:
    """Store 10,000 statements under 50 labels and let them, and more, reach everybody."""
    url = alliance.url(MEMBER)
    tool = await Connection.open(url, alliance.founded.token(f"{MEMBER}-tool"))
    for number in range(0, STORED, 100):
        label = quote(LABELS[number // 100 % len(LABELS)])
        body = envelope([fresh(marking="") for _ in range(100)])
        status, answer = await tool.request("POST", f"/api/v1/submissions?label={label}", body)
        if status != 201:
            raise RuntimeError(f"a submission answered {status}: {answer[:300]!r}")
    wait_settled(url)
    server = await _server(alliance)
    started, before = time.perf_counter(), cpu_seconds(alliance.pid(NODE))
    await post_rate(server, 1000, BUNDLES)
    wait_settled(url)
    return {
        "post.sent": BUNDLES * 1000 / (time.perf_counter() - started),
        "post.cpu.sent": _spent(alliance, before),
    }


async def _at_first(alliance: AllianceProcesses) -> dict[str, float]:
    """Measure pages and posts with 10,000 statements and a few bundles more stored."""
    url = alliance.url(MEMBER)
    half = await _server(alliance, reader="trainee")
    found = {"get.1000": rate(await pages(half, 1000, PAGES))}
    server = await _server(alliance)
    await post_rate(server, 1000, 1)  # warm: the first bundle of its kind fills caches
    wait_settled(url, receipts=False)
    before = cpu_seconds(alliance.pid(NODE))
    found["post.1000"] = await post_rate(server, 1000, BUNDLES)
    found["post.cpu"] = _spent(alliance, before)
    wait_settled(url, receipts=False)
    found["post.100"] = await post_rate(server, 100, BUNDLES * 5)
    wait_settled(url, receipts=False)
    return found


def _spent(alliance: AllianceProcesses, before: float) -> float:
    """Microseconds of CPU of the node and its children for each object of a measurement."""
    return (cpu_seconds(alliance.pid(NODE)) - before) / (BUNDLES * 1000) * 1e6


def _fill(alliance: AllianceProcesses, count: int) -> None:
    """Fill the stopped node's store, in a process of its own."""
    started = time.perf_counter()
    program = [sys.executable, "-m", "benches.taxii_prefill"]
    subprocess.run([*program, str(alliance.founded.directory_of(NODE)), str(count)], check=True)
    seconds = time.perf_counter() - started
    print(f"taxii: filled to {FULL:,} stored objects in {seconds:.0f} s", file=sys.stderr)


def _on_postgresql() -> dict[str, float]:
    """Measure posts of a node whose database is a PostgreSQL server on this machine."""
    with tempfile.TemporaryDirectory() as folder, postgresql(Path(folder)) as url:
        alliance = AllianceProcesses.found(Path(folder) / "alliance")
        move_database(alliance, NODE, url)
        with _by_itself(alliance):
            return uvloop.run(_posts_on_postgresql(alliance))


async def _posts_on_postgresql(alliance: AllianceProcesses) -> dict[str, float]:
    server = await _server(alliance)
    await post_rate(server, 1000, STORED // 1000)
    wait_settled(alliance.url(MEMBER), receipts=False)
    return {"post.postgresql": await post_rate(server, 1000, BUNDLES)}


async def _when_full(alliance: AllianceProcesses) -> dict[str, float]:
    """Measure posts and pages with the full store; one bundle of 100 MB comes last."""
    half = await _server(alliance, reader="trainee")
    found = {"get.100": p99(await pages(half, 100, SMALL_PAGES))}
    found["get.1000.full"] = rate(await pages(half, 1000, PAGES))
    server = await _server(alliance)
    await post_rate(server, 1000, 1)
    wait_settled(alliance.url(MEMBER), receipts=False)
    found["post.full"] = await post_rate(server, 1000, BUNDLES)
    wait_settled(alliance.url(MEMBER), receipts=False)
    started = time.perf_counter()
    token = alliance.founded.token(f"{MEMBER}-tool")
    _, stated, _ = await post_large(alliance.url(MEMBER), token)
    found["post.large"] = stated / (time.perf_counter() - started)
    found["post.memory"] = peak_megabytes(alliance.pid(NODE))
    return found


def _figures(ours: dict[str, float], theirs: dict[str, float]) -> list[Figure]:
    at, full = f"at {STORED:,} stored", f"at {FULL:,} stored"
    half = "a reader who may see half of 50 labels"
    return [
        _beside("post.1000", f"objects/s, till another reader has them, {at}", ours, theirs),
        _beside("post.1000", f"objects/s, {at}", ours, theirs, peer="medallion"),
        _alone("post.cpu", _CPU, ours),
        _alone("post.cpu.sent", "µs of CPU an object, till every receipt is in", ours),
        _alone("post.sent", "objects/s till every receipt is in: five nodes, one machine", ours),
        _beside("post.100", f"objects/s, {at}", ours, theirs),
        _beside("post.100", f"objects/s, {at}", ours, theirs, peer="medallion"),
        Figure(
            "taxii.post.full",
            ours["post.full"],
            f"objects/s, bundles of 1000, {full}",
            ours["post.1000"],
            f"the same {at}",
        ),
        _alone("post.postgresql", f"objects/s, bundles of 1000, {at}, on PostgreSQL", ours),
        _alone("post.large", f"objects/s, one bundle of {LARGE_BODY // 10**6} MB, {full}", ours),
        _alone("post.memory", f"MB, the node's peak, that bundle included, {full}", ours),
        _beside("get.1000", f"objects/s, {half}, {at}", ours, theirs),
        _beside("get.1000", "objects/s", ours, theirs, peer="medallion"),
        _alone("get.1000.full", f"objects/s, {half}, {full}", ours),
        _beside("get.100", f"ms, p99 of {SMALL_PAGES} pages, {half}, {full}", ours, theirs),
    ]


_CPU = "µs of CPU an object: the node and its children (HTTP, intake, pages read, sealing)"
_HOW = {
    "opentaxii": f"OpenTAXII, at {STORED:,} stored",
    "medallion": f"medallion, at {STORED:,} stored; only the last object is read",
    "medallion.get.1000": "medallion, its first page, at 1,000 stored",
    "opentaxii.get.100": f"OpenTAXII, at {STORED:,} stored, p99 of 20",
}


def _alone(name: str, unit: str, ours: dict[str, float]) -> Figure:
    return Figure(f"taxii.{name}", ours[name], unit)


def _beside(
    name: str,
    unit: str,
    ours: dict[str, float],
    theirs: dict[str, float],
    peer: str = "opentaxii",
) -> Figure:
    """A figure beside a peer's; without it when the peer could not be started."""
    shown = f"taxii.{name}" if peer == "opentaxii" else f"taxii.{name}.{peer}"
    measured = theirs.get(f"{peer}.{name}")
    against = _HOW.get(f"{peer}.{name}", _HOW[peer]) if measured else f"{peer} did not run"
    return Figure(shown, ours[name], unit, measured, against)
