"""One node over HTTP: taking in a bundle durably, serving a TAXII page, finding one observable."""

import asyncio
import json
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import stix2
import uvloop

from benches.examples import indicator
from benches.figure import Figure
from benches.load import Connection
from ringwall.demo.processes import AllianceProcesses

COUNT = 1000
BUNDLES = 4
MEMBER = "arden"


def run() -> list[Figure]:
    """Found the demonstration alliance in a temporary folder and use one node of it."""
    with tempfile.TemporaryDirectory() as folder:
        alliance = AllianceProcesses.found(Path(folder) / "alliance")
        with alliance:
            return uvloop.run(_measure(alliance))


async def _measure(alliance: AllianceProcesses) -> list[Figure]:
    url, tokens = alliance.url(MEMBER), alliance.founded
    tool = await Connection.open(url, tokens.token(f"{MEMBER}-tool"))
    analyst = await Connection.open(url, tokens.token(f"{MEMBER}-analyst"))
    bundles = [_bundle(number) for number in range(BUNDLES)]
    posted = [await _timed(tool, "POST", f"/api/v1/submissions?label={_LABEL}", b) for b in bundles]
    await asyncio.sleep(1)
    page = f"/taxii2/ringwall/collections/all/objects/?limit={COUNT}"
    pages = [await _timed(analyst, "GET", page) for _ in range(5)]
    value = quote("198.51.100.77")
    found = [await _timed(analyst, "GET", f"/api/v1/statements?value={value}") for _ in range(20)]
    text = bundles[0].decode()
    parsed = _clock(lambda: stix2.parse(text))
    objects = stix2.parse(text)
    written = _clock(objects.serialize)
    scanned = _clock(lambda: _scan(bundles, "198.51.100.77"))
    return [
        Figure(
            "intake.post.1000",
            COUNT / min(posted),
            "objects/s, durable, with every check",
            COUNT / parsed,
            "stix2.parse alone, nothing stored",
        ),
        Figure(
            "taxii.page.1000",
            COUNT / min(pages),
            "objects/s, with policy and audit",
            COUNT / written,
            "stix2 serialize of the same objects",
        ),
        Figure(
            "correlate.exact",
            min(found) * 1e3,
            f"ms for one value among {COUNT * BUNDLES} statements, over HTTP",
            scanned * 1e3,
            "reading through the bundles with json",
        ),
    ]


_LABEL = quote("TLP:RED")


def _bundle(number: int) -> bytes:
    objects = [indicator(number * COUNT + each) for each in range(COUNT)]
    return json.dumps(
        {"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": objects}
    ).encode()


async def _timed(user: Connection, method: str, path: str, body: bytes = b"") -> float:
    started = time.perf_counter()
    status, answer = await user.request(method, path, body)
    taken = time.perf_counter() - started
    if status not in (200, 201):
        raise RuntimeError(f"{path} answered {status}: {answer[:300]!r}")
    return taken


def _clock(job: Callable[[], object]) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def _scan(bundles: list[bytes], value: str) -> int:
    return sum(value in each["pattern"] for raw in bundles for each in json.loads(raw)["objects"])
