"""A load generator that costs little itself: one keep-alive HTTP/1.1 connection a user."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlsplit

TAXII = "application/taxii+json;version=2.1"


class Connection:
    """One connection of one user; requests on it queue up, and it opens again when it was closed.

    ``authorization`` is the whole header value; ``media`` what is sent and asked for.
    """

    def __init__(self, url: str, authorization: str, media: str = "application/json") -> None:
        parts = urlsplit(url)
        self._place = parts.hostname, parts.port
        self._media = media
        accept = f"Accept: {media}\r\n" if media == TAXII else ""
        self._head = f"Host: {parts.netloc}\r\nAuthorization: {authorization}\r\n{accept}"
        self._turn = asyncio.Lock()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @classmethod
    async def open(cls, url: str, token: str, media: str = "application/json") -> Self:
        """Connect to the server at ``url`` with a bearer token."""
        connection = cls(url, f"Bearer {token}", media)
        await connection._connect()
        return connection

    async def _connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(*self._place, limit=2**24)

    def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send one request; return status and body."""
        async with self._turn:
            await self.send(method, path, body)
            status, length = await self.head()
            reader = self._reader
            if reader is None:
                raise ConnectionError("not connected")
            if length is not None:
                answer = await reader.readexactly(length)
            else:  # an old server: the answer ends with the connection
                answer = await reader.read()
            if self._ends:
                self.close()
            return status, answer

    async def send(self, method: str, path: str, body: bytes = b"") -> None:
        """Send one request without waiting for its answer."""
        if self._writer is None or self._writer.is_closing():
            await self._connect()
        if self._writer is None:
            raise ConnectionError("not connected")
        kind = f"Content-Type: {self._media}\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}{kind}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        await self._writer.drain()

    async def head(self) -> tuple[int, int | None]:
        """Read the head of an answer; return status and content length (None if it is not told)."""
        if self._reader is None:
            raise ConnectionError("not connected")
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        _, found, rest = head.partition("content-length:")
        self._ends = not head.startswith("http/1.1") or "connection: close" in head
        length = int(rest.split("\r\n", 1)[0]) if found else None
        return status, 0 if length is None and not self._ends else length

    async def some(self) -> bytes:
        """Read what has come of an endless answer; b"" at its end."""
        if self._reader is None:
            raise ConnectionError("not connected")
        return await self._reader.read(2**20)


async def event_stream(url: str, token: str) -> AsyncIterator[bytes]:
    """Yield the data line of each server-sent event of one reader's arrivals, unparsed."""
    connection = await Connection.open(url, token)
    await connection.send("GET", "/api/v1/events")
    status, _ = await connection.head()
    if status != 200:
        raise RuntimeError(f"the event stream answered {status}")
    pending = b""
    while part := await connection.some():
        *lines, pending = (pending + part).split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                yield line[6:]


def indicator() -> bytes:
    """Make a fresh indicator of a documentation-range address."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    identifier = uuid.uuid4()
    document = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{identifier}",
        "created": now,
        "modified": now,
        "name": "Command server of the spear-phishing campaign",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[ipv4-addr:value = '198.51.100.{identifier.int % 256}']",
        "pattern_type": "stix",
        "valid_from": now,
    }
    return json.dumps(document).encode()
