"""One bundle of 100 MB, posted as it is generated: neither side ever holds it whole."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

from benches.load import TAXII
from benches.taxii_load import fresh

LARGE_BODY = 100_000_000
SUBMIT = "/taxii2/ringwall/collections/submit/objects/"
PATIENCE_SECONDS = 600.0
_CHUNK = 500


def _parts() -> Iterator[tuple[bytes, int]]:
    """Yield pieces of a bundle of a little over 100 MB, and how many objects are in each."""
    yield f'{{"type":"bundle","id":"bundle--{uuid.uuid4()}","objects":['.encode(), 0
    sent = 0
    while sent < LARGE_BODY:
        comma = "," if sent else ""
        piece = comma + ",".join(json.dumps(fresh()) for _ in range(_CHUNK))
        sent += len(piece)
        yield piece.encode(), _CHUNK
    yield b"]}", 0


async def post_large(url: str, token: str) -> tuple[int, int, int]:
    """Post it in chunks; return bytes sent, objects stated, objects refused.

    RuntimeError if the node does not answer 202, or counts other objects than were sent.
    """
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=2**26)
    head = f"POST {SUBMIT} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {token}\r\n"
    kind = f"Content-Type: {TAXII}\r\nAccept: {TAXII}\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write((head + kind).encode())
    sent = count = 0
    for piece, number in _parts():
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
        sent, count = sent + len(piece), count + number
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    status = await asyncio.wait_for(_answer(reader), PATIENCE_SECONDS)
    writer.close()
    if status["total_count"] != count:
        raise RuntimeError(f"{count} objects were sent, {status['total_count']} counted")
    return sent, status["success_count"], status["failure_count"]


async def _answer(reader: asyncio.StreamReader) -> dict[str, int]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.partition("content-length:")[2].split("\r\n", 1)[0])
    body = await reader.readexactly(length)
    if " 202 " not in head[:20]:
        raise RuntimeError(f"the node answered {head[:20]}: {body[:500]!r}")
    made: dict[str, int] = json.loads(body)
    return made
