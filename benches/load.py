"""A load generator that costs little itself: one keep-alive HTTP/1.1 connection a user."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlsplit


class Connection:
    """One connection of one reader; requests on it queue up."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, token: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._head = f"Host: {host}\r\nAuthorization: Bearer {token}\r\n"
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, url: str, token: str) -> Self:
        """Connect to the server at ``url``."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**24)
        return cls(reader, writer, parts.netloc, token)

    async def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send one request; return status and body."""
        async with self._turn:
            await self.send(method, path, body)
            status, length = await self.head()
            return status, await self._reader.readexactly(length)

    async def send(self, method: str, path: str, body: bytes = b"") -> None:
        """Send one request without waiting for its answer."""
        kind = "Content-Type: application/json\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}{kind}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        await self._writer.drain()

    async def head(self) -> tuple[int, int]:
        """Read the head of an answer; return status and content length (0 if it is not told)."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        status = int(head.split(" ", 2)[1])
        _, found, rest = head.partition("content-length:")
        return status, int(rest.split("\r\n", 1)[0]) if found else 0

    async def some(self) -> bytes:
        """Read what has come of an endless answer; b"" at its end."""
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
