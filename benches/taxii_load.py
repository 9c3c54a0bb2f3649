"""What the TAXII benches send and how they time it: client and bundles alike for every server."""

import asyncio
import json
import statistics
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from benches.load import Connection

AMBER = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
"""TLP:AMBER of TLP 2.0's fixed definitions: the other members of an agreement get it."""
PATIENCE_SECONDS = 120.0


def fresh(marking: str = AMBER) -> dict[str, object]:
    """A STIX 2.1 indicator of about 850 bytes that nobody has seen before.

    Without ``marking`` its label is named beside the bundle: STIX itself cannot say REL TO.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    identifier = uuid.uuid4()
    number = identifier.int % 2**32
    address = f"198.51.{100 + number % 2}.{number // 2 % 256}"
    made: dict[str, object] = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{identifier}",
        "created_by_ref": "identity--0f6f1a8d-2c1f-4f0e-9d0b-5b1f6f2a7c11",
        "created": now,
        "modified": now,
        "name": f"Command server {number:08x}",
        "description": "Seen as a command server in a phishing campaign against energy operators.",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[ipv4-addr:value = '{address}' OR domain-name:value = 'c{number:x}.example']",
        "pattern_type": "stix",
        "valid_from": now,
        "confidence": 80,
        "labels": ["phishing", "energy"],
        "external_references": [{"source_name": "report", "external_id": f"R-{number}"}],
    }
    if marking:
        made["object_marking_refs"] = [marking]
    return made


def bundles(count: int, size: int) -> Iterator[bytes]:
    """Yield ``count`` envelopes of ``size`` fresh objects; they are bundles too."""
    for _ in range(count):
        yield envelope([fresh() for _ in range(size)])


def envelope(objects: Sequence[dict[str, object]]) -> bytes:
    """A bundle of `objects`, which every TAXII server also takes for an envelope."""
    name = f"bundle--{uuid.uuid4()}"
    return json.dumps({"type": "bundle", "id": name, "objects": objects}).encode()


class Page(msgspec.Struct):
    """What a reader needs of an envelope; the objects are counted, and decoded by nobody."""

    objects: list[msgspec.Raw] = []
    more: bool = False
    next: str = ""


_PAGE = msgspec.json.Decoder(Page)


class Server:
    """One TAXII server under test, as its users see it."""

    def __init__(
        self, name: str, writer: Connection, reader: Connection, post: str, objects: str
    ) -> None:
        """``post`` is the path that takes bundles, ``objects`` the one that is read."""
        self.name = name
        self.writer = writer
        self.reader = reader
        self.post_path = post
        self.objects_path = objects
        self._cursor = ""

    async def post(self, body: bytes) -> bytes:
        """Post a bundle; RuntimeError unless the server takes it."""
        status, answer = await self.writer.request("POST", self.post_path, body)
        if status not in (200, 201, 202):
            raise RuntimeError(f"{self.name}: POST answered {status}: {answer[:300]!r}")
        return answer

    async def page(self, query: str) -> Page:
        """Get a page of the collection; RuntimeError unless the server answers 200."""
        status, answer = await self.reader.request("GET", f"{self.objects_path}?{query}")
        if status != 200:
            raise RuntimeError(f"{self.name}: GET {query} answered {status}: {answer[:300]!r}")
        return _PAGE.decode(answer)

    async def until_readable(self, ids: Sequence[str], since: str) -> None:
        """Return when the reader has got every one of ``ids``, all of them added after ``since``.

        RuntimeError after `PATIENCE_SECONDS`.
        """
        missing, cursor = set(ids), ""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while missing:
            following = f"&next={cursor}" if cursor else ""
            page = await self.page(f"limit=1000&added_after={since}{following}")
            missing.difference_update(_HEAD.decode(raw).id for raw in page.objects)
            cursor = page.next or cursor
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: {len(missing)} objects cannot be read")
            if missing and not page.more:
                await asyncio.sleep(0.002)


class _Head(msgspec.Struct):
    id: str


_HEAD = msgspec.json.Decoder(_Head)


class LastById(Server):
    """A server whose pages take minutes: all is taken for readable when the last object is."""

    async def until_readable(self, ids: Sequence[str], since: str) -> None:
        path = f"{self.objects_path}{ids[-1]}/"
        status, answer = await self.reader.request("GET", path)
        if status != 200 or not _PAGE.decode(answer).objects:
            raise RuntimeError(f"{self.name}: {path} answered {status}: {answer[:300]!r}")


async def post_rate(server: Server, size: int, count: int) -> float:
    """Post ``count`` bundles of ``size`` one after the other; return objects a second.

    The clock of a bundle stops when the other reader has got all its objects. The median bundle
    counts: a shared machine stalls now and then, whoever is measured.
    """
    prepared = [(body, ids_of(body)) for body in bundles(count, size)]
    taken = []
    for body, ids in prepared:
        since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        started = time.perf_counter()
        await server.post(body)
        await server.until_readable(ids, since)
        taken.append(time.perf_counter() - started)
    return size / statistics.median(taken)


def ids_of(body: bytes) -> list[str]:
    """The ids of the objects of a bundle, in order."""
    return [each["id"] for each in json.loads(body)["objects"]]


async def pages(server: Server, limit: int, count: int) -> list[tuple[float, int]]:
    """Read ``count`` pages by following the cursor; return the seconds and objects of each.

    Begins again where the collection ends, so the last page of a round may be shorter.
    """
    cursor, taken = "", []
    for _ in range(count):
        query = f"limit={limit}&next={cursor}" if cursor else f"limit={limit}"
        started = time.perf_counter()
        page = await server.page(query)
        taken.append((time.perf_counter() - started, len(page.objects)))
        cursor = page.next if page.more else ""
    return taken


def rate(taken: Sequence[tuple[float, int]]) -> float:
    """Objects a second of the median page."""
    return statistics.median(number / seconds for seconds, number in taken)


def p99(taken: Sequence[tuple[float, int]]) -> float:
    """Milliseconds that 99 of 100 pages stay under."""
    seconds = [each for each, _ in taken]
    return statistics.quantiles(seconds, n=100, method="inclusive")[98] * 1e3
